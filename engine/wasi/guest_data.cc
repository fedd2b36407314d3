#include "handlers.hh"

namespace nacre::wasi {
namespace {

// A byte buffer as the copying interfaces want it, from text.
std::span<const uint8_t> bytes_of(std::string_view text, std::span<uint8_t> scratch) {
  for (size_t i = 0; i < text.size(); ++i) scratch[i] = static_cast<uint8_t>(text[i]);
  return scratch.first(text.size());
}

}  // namespace

bool GuestMemory::write_text(uint64_t address, std::string_view text) {
  if (!contains(address, text.size())) return false;
  uint8_t scratch[256];
  while (!text.empty()) {
    const std::string_view part = text.substr(0, sizeof scratch);
    if (!write(address, bytes_of(part, scratch))) return false;
    address += part.size();
    text.remove_prefix(part.size());
  }
  return true;
}

Outcome<std::vector<IoVec>> read_io_vecs(const GuestMemory& memory, uint32_t address,
                                         uint32_t count) {
  if (count > kMaxIoVecs) return refuse(Errno::Invalid);
  if (!memory.contains(address, uint64_t{count} * 8)) return refuse(Errno::Fault);
  std::vector<IoVec> vecs;
  vecs.reserve(count);
  uint64_t total = 0;
  for (uint32_t i = 0; i < count; ++i) {
    Layout<8> raw;
    if (!memory.read(uint64_t{address} + uint64_t{i} * 8, raw.bytes())) return refuse(Errno::Fault);
    const IoVec vec{raw.get<uint32_t>(0), raw.get<uint32_t>(4)};
    if (!memory.contains(vec.address, vec.length)) return refuse(Errno::Fault);
    total += vec.length;
    vecs.push_back(vec);
  }
  if (total > UINT32_MAX) return refuse(Errno::Invalid);
  return vecs;
}

Outcome<std::string> read_path(const GuestMemory& memory, uint32_t address, uint32_t length) {
  if (!memory.contains(address, length)) return refuse(Errno::Fault);
  if (length > vfs::kMaxPath) return refuse(Errno::NameTooLong);
  std::string path(length, '\0');
  uint8_t scratch[256];
  for (uint32_t done = 0; done < length;) {
    const uint32_t part = std::min<uint32_t>(length - done, sizeof scratch);
    if (!memory.read(uint64_t{address} + done, std::span(scratch).first(part))) {
      return refuse(Errno::Fault);
    }
    for (uint32_t i = 0; i < part; ++i) path[done + i] = static_cast<char>(scratch[i]);
    done += part;
  }
  return path;
}

Outcome<void> write_file_stat(Call& call, uint32_t address, vfs::FileType type,
                              const vfs::Inode* inode) {
  const vfs::Times times = inode != nullptr ? inode->times() : vfs::Times{};
  const uint64_t device = inode != nullptr ? 1 : 0;
  const uint64_t number = inode != nullptr ? inode->number() : 0;
  // A root has no name, but exists.
  const bool is_root = inode != nullptr && inode->is_directory() &&
                       !inode->directory()->is_removed() && inode->links() == 0;
  const uint32_t links = inode == nullptr || is_root ? 1 : inode->links();
  const uint64_t size = inode != nullptr ? inode->size() : 0;
  Layout<64> stat;
  stat.put<uint64_t>(0, device).put<uint64_t>(8, number).put(16, static_cast<uint8_t>(type));
  size_t at = 0;
  if (call.dialect == Dialect::Unstable) {
    stat.put<uint32_t>(20, links);
    at = 24;
  } else {
    stat.put<uint64_t>(24, links);
    at = 32;
  }
  stat.put<uint64_t>(at, size).put<uint64_t>(at + 8, times.accessed);
  stat.put<uint64_t>(at + 16, times.modified).put<uint64_t>(at + 24, times.changed);
  if (!call.memory.write(address, stat.bytes().first(at + 32))) return refuse(Errno::Fault);
  return {};
}

Outcome<vfs::Times> changed_times(const vfs::Times& old, uint64_t accessed, uint64_t modified,
                                  uint32_t flags, uint64_t now) {
  constexpr uint32_t kAccessed = 1;
  constexpr uint32_t kAccessedNow = 2;
  constexpr uint32_t kModified = 4;
  constexpr uint32_t kModifiedNow = 8;
  const auto has_both = [flags](uint32_t a, uint32_t b) { return (flags & (a | b)) == (a | b); };
  if (flags > 15 || has_both(kAccessed, kAccessedNow) || has_both(kModified, kModifiedNow)) {
    return refuse(Errno::Invalid);
  }
  vfs::Times times = old;
  if ((flags & kAccessed) != 0) times.accessed = accessed;
  if ((flags & kAccessedNow) != 0) times.accessed = now;
  if ((flags & kModified) != 0) times.modified = modified;
  if ((flags & kModifiedNow) != 0) times.modified = now;
  times.changed = now;
  return times;
}

// A stream that is no terminal has no type of its own: programs take a character device without the
// right to seek for a terminal (isatty).
vfs::FileType file_type(Process& process, const Descriptor& descriptor) {
  if (descriptor.kind == Descriptor::Kind::Directory) return vfs::FileType::Directory;
  if (descriptor.kind == Descriptor::Kind::File) return vfs::FileType::RegularFile;
  return process.system().is_terminal(descriptor.stream) ? vfs::FileType::CharacterDevice
                                                         : vfs::FileType::Unknown;
}

}  // namespace nacre::wasi
