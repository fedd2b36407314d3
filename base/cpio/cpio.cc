#include "nacre/base/cpio/cpio.hh"

#include <array>

#include "nacre/base/core/format.hh"
#include "nacre/base/core/panic.hh"

namespace nacre::cpio {
namespace {

constexpr std::string_view kMagic = "070701";
constexpr std::string_view kTrailer = "TRAILER!!!";
constexpr uint64_t kHeaderBytes = 110;
constexpr uint64_t kMaxNameBytes = 4096;

// Field numbers after the magic, each eight hexadecimal digits (cpio(5), "New ASCII Format").
enum Field : size_t {
  kInode = 0,
  kMode = 1,
  kLinks = 4,
  kModified = 5,
  kFileSize = 6,
  kNameSize = 11,
  kFieldCount = 13,
};

// st_mode's file type (POSIX <sys/stat.h>).
constexpr uint32_t kTypeMask = 0170000;
constexpr uint32_t kTypeDirectory = 0040000;
constexpr uint32_t kTypeRegular = 0100000;
constexpr uint32_t kTypeSymlink = 0120000;

constexpr uint64_t align4(uint64_t value) {
  return (value + 3) & ~uint64_t{3};
}

std::optional<uint32_t> parse_hex(std::span<const std::byte> digits) {
  uint32_t value = 0;
  for (const std::byte digit : digits) {
    const auto c = std::to_integer<unsigned char>(digit);
    uint32_t nibble = 0;
    if (c >= '0' && c <= '9') {
      nibble = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      nibble = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      nibble = c - 'A' + 10;
    } else {
      return std::nullopt;
    }
    value = value << 4 | nibble;
  }
  return value;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

EntryKind kind_of(uint32_t mode) {
  switch (mode & kTypeMask) {
    case kTypeRegular:
      return EntryKind::File;
    case kTypeDirectory:
      return EntryKind::Directory;
    case kTypeSymlink:
      return EntryKind::Symlink;
    default:
      return EntryKind::Other;
  }
}

using Fields = std::array<uint32_t, kFieldCount>;

Result<Fields> parse_header(std::span<const std::byte> rest, uint64_t offset) {
  if (rest.size() < kHeaderBytes) {
    return fail(ErrorCode::Malformed, "archive ends in the header of an entry", offset);
  }
  if (as_text(rest.first(kMagic.size())) != kMagic) {
    return fail(ErrorCode::Malformed, "no cpio header (magic 070701) where an entry should begin",
                offset);
  }
  Fields fields{};
  for (size_t i = 0; i < kFieldCount; ++i) {
    const auto value = parse_hex(rest.subspan(kMagic.size() + 8 * i, 8));
    if (!value) {
      return fail(ErrorCode::Malformed, format("field {} of a cpio header is not hexadecimal", i),
                  offset);
    }
    fields[i] = *value;
  }
  return fields;
}

}  // namespace

std::string_view Entry::text() const {
  return as_text(data);
}

Result<std::optional<Entry>> Reader::next() {
  const auto rest = archive_.subspan(offset_);
  TRY_ASSIGN(const Fields fields, parse_header(rest, offset_));
  // All sums below stay under 2^34: sizes are 32 bits wide.
  const uint64_t name_bytes = fields[kNameSize];
  const uint64_t data_begin = align4(kHeaderBytes + name_bytes);
  const uint64_t data_bytes = fields[kFileSize];
  if (name_bytes < 2 || name_bytes > kMaxNameBytes || data_begin > rest.size()) {
    return fail(ErrorCode::Malformed, format("entry with a name of {} bytes", name_bytes), offset_);
  }
  std::string_view name = as_text(rest.subspan(kHeaderBytes, name_bytes));
  // Writers may pad a name with more than one NUL to align the data.
  name = name.substr(0, name.find('\0'));
  if (name.empty() || name.size() == name_bytes) {
    return fail(ErrorCode::Malformed, "entry whose name is empty or has no end", offset_);
  }
  if (name == kTrailer) return std::optional<Entry>();
  if (data_bytes > rest.size() - data_begin) {
    return fail(ErrorCode::Malformed,
                format("entry '{}' claims {} bytes, the archive has {}", name, data_bytes,
                       rest.size() - data_begin),
                offset_);
  }
  const uint64_t next = data_begin + align4(data_bytes);
  // The padding after the last entry may be missing; then the archive ends without a trailer, which
  // the next call reports.
  offset_ += next < rest.size() ? next : rest.size();
  return Entry{.name = name,
               .kind = kind_of(fields[kMode]),
               .mode = fields[kMode],
               .inode = fields[kInode],
               .modified_s = fields[kModified],
               .data = rest.subspan(data_begin, data_bytes)};
}

Result<Entry> find(std::span<const std::byte> archive, std::string_view name) {
  Reader reader(archive);
  while (true) {
    TRY_ASSIGN(const std::optional<Entry> entry, reader.next());
    if (!entry) return fail(ErrorCode::NotFound, format("no entry '{}' in the archive", name));
    if (entry->name == name) return *entry;
  }
}

std::string encode_header(const Entry& entry, uint64_t data_bytes) {
  ASSERT(data_bytes <= UINT32_MAX);
  ASSERT(!entry.name.empty() && entry.name.size() < kMaxNameBytes);
  Fields fields{};
  fields[kInode] = entry.inode;
  fields[kMode] = entry.mode;
  fields[kLinks] = 1;
  fields[kModified] = entry.modified_s;
  fields[kFileSize] = static_cast<uint32_t>(data_bytes);
  fields[kNameSize] = static_cast<uint32_t>(entry.name.size() + 1);
  std::string out(kMagic);
  for (const uint32_t field : fields) out += format("{:08x}", field);
  out += entry.name;
  out.resize(align4(out.size() + 1), '\0');
  return out;
}

std::string encode_trailer() {
  return encode_header({.name = kTrailer, .mode = 0, .data = {}}, 0);
}

}  // namespace nacre::cpio
