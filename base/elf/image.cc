#include "nacre/base/elf/image.hh"

#include <algorithm>
#include <cstring>

#include "nacre/abi/boot_request.hh"
#include "nacre/base/core/address.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/elf/format.hh"

namespace nacre::elf {
namespace {

std::optional<std::span<const std::byte>> slice(std::span<const std::byte> bytes, uint64_t offset,
                                                uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(offset, size);
}

// Reads a T from bytes of any alignment.
template <class T>
std::optional<T> read(std::span<const std::byte> bytes, uint64_t offset) {
  const auto source = slice(bytes, offset, sizeof(T));
  if (!source) return std::nullopt;
  T value;
  std::memcpy(&value, source->data(), sizeof(T));
  return value;
}

// Offset of [address, address + size) in an image that starts at `base`.
std::optional<uint64_t> offset_in(uint64_t base, uint64_t image_size, uint64_t address,
                                  uint64_t size) {
  if (address < base) return std::nullopt;
  const uint64_t offset = address - base;
  if (offset > image_size || size > image_size - offset) return std::nullopt;
  return offset;
}

}  // namespace

std::string_view name_of(ImageError error) {
  switch (error) {
    case ImageError::Truncated:
      return "truncated";
    case ImageError::NotElf:
      return "not a RISC-V ELF64 file";
    case ImageError::BadHeader:
      return "bad header";
    case ImageError::TooManySegments:
      return "too many segments";
    case ImageError::BadSegment:
      return "bad segment";
    case ImageError::BadRelocation:
      return "bad relocation";
  }
  return "unknown";
}

std::expected<Image, ImageError> Image::parse(std::span<const std::byte> file) {
  const auto header = read<FileHeader>(file, 0);
  if (!header) return std::unexpected(ImageError::Truncated);
  constexpr uint8_t kIdentification[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};  // ELF64, little-endian, v1
  if (!std::ranges::equal(std::span(header->identification).first(7), kIdentification) ||
      header->machine != kMachineRiscV) {
    return std::unexpected(ImageError::NotElf);
  }
  if (header->program_header_size != sizeof(ProgramHeader)) {
    return std::unexpected(ImageError::BadHeader);
  }
  Image image;
  image.file_ = file;
  image.entry_ = header->entry;
  const auto table = slice(file, header->program_headers,
                           uint64_t{header->program_header_count} * sizeof(ProgramHeader));
  if (!table) return std::unexpected(ImageError::Truncated);
  if (const auto error = image.read_segments(*table, header->program_header_count)) {
    return std::unexpected(*error);
  }
  if (header->section_header_size == sizeof(SectionHeader)) {
    image.find_lines(header->section_headers, header->section_header_count);
  }
  return image;
}

std::optional<ImageError> Image::read_segments(std::span<const std::byte> table, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const ProgramHeader header = *read<ProgramHeader>(table, i * sizeof(ProgramHeader));
    uint64_t end = 0;
    if (__builtin_add_overflow(header.virtual_address, header.memory_size, &end) ||
        end > ~uint64_t{0} - kPageSize) {
      return ImageError::BadSegment;
    }
    const AddressRange range{header.virtual_address, header.memory_size};
    if (header.type == kSegmentRelro) relro_ = range;
    if (header.type == kSegmentDynamic) dynamic_ = range;
    if (header.type == abi::BootRequest::kSegmentType) {
      const auto request = slice(file_, header.offset, header.file_size);
      if (!request) return ImageError::BadSegment;
      request_ = *request;
    }
    if (header.type != kSegmentLoad && header.type != kSegmentTls) continue;

    const auto content = slice(file_, header.offset, header.file_size);
    if (!content || header.file_size > header.memory_size) return ImageError::BadSegment;
    const Segment segment{header.virtual_address,
                          header.memory_size,
                          header.alignment,
                          *content,
                          (header.flags & kFlagWrite) != 0,
                          (header.flags & kFlagExecute) != 0};
    if (header.type == kSegmentTls) {
      tls_ = segment;
      continue;
    }
    if (header.memory_size == 0) continue;
    if (segment.writable && segment.executable) return ImageError::BadSegment;
    if (segment_count_ == kMaxSegments) return ImageError::TooManySegments;
    if (segment_count_ > 0) {
      const Segment& before = segments_[segment_count_ - 1];
      // No two segments share a page: each page has one set of rights.
      const uint64_t first_free = (before.address + before.size + kPageSize - 1) & ~(kPageSize - 1);
      if (header.virtual_address < first_free) return ImageError::BadSegment;
    }
    segments_[segment_count_++] = segment;
  }
  return segment_count_ == 0 ? std::optional(ImageError::BadSegment) : std::nullopt;
}

void Image::find_lines(uint64_t table_offset, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const auto section = read<SectionHeader>(file_, table_offset + i * sizeof(SectionHeader));
    if (!section) return;
    if (section->type != kSectionLines) continue;
    if (const auto lines = slice(file_, section->offset, section->size)) lines_ = *lines;
    return;
  }
}

AddressRange Image::extent() const {
  const uint64_t begin = segments_[0].address & ~(kPageSize - 1);
  const Segment& last = segments_[segment_count_ - 1];
  return {begin, last.address + last.size - begin};
}

void Image::load(std::span<std::byte> memory) const {
  const AddressRange all = extent();
  ASSERT(memory.size() >= all.size);
  uint64_t done = 0;
  for (const Segment& segment : segments()) {
    const uint64_t offset = segment.address - all.address;
    std::ranges::fill(memory.subspan(done, offset - done), std::byte{0});
    if (!segment.content.empty()) {
      std::memcpy(memory.data() + offset, segment.content.data(), segment.content.size());
    }
    done = offset + segment.content.size();
  }
  std::ranges::fill(memory.subspan(done), std::byte{0});
}

Image::Dynamic Image::read_dynamic(std::span<const std::byte> memory) const {
  Dynamic dynamic;
  const auto start = offset_in(extent().address, memory.size(), dynamic_.address, dynamic_.size);
  if (!start) return dynamic;
  for (uint64_t at = 0; at + sizeof(DynamicEntry) <= dynamic_.size; at += sizeof(DynamicEntry)) {
    const DynamicEntry entry = *read<DynamicEntry>(memory, *start + at);
    if (entry.tag == 0) break;
    if (entry.tag == kDynamicRela) dynamic.rela.address = entry.value;
    if (entry.tag == kDynamicRelaSize) dynamic.rela.size = entry.value;
    if (entry.tag == kDynamicRelr) dynamic.relr.address = entry.value;
    if (entry.tag == kDynamicRelrSize) dynamic.relr.size = entry.value;
  }
  return dynamic;
}

std::expected<void, ImageError> Image::relocate(std::span<std::byte> memory, uint64_t slide) const {
  const uint64_t base = extent().address;
  const Dynamic dynamic = read_dynamic(memory);
  const std::unexpected<ImageError> bad(ImageError::BadRelocation);

  const auto word_at = [&](uint64_t address) -> std::byte* {
    const auto offset = offset_in(base, memory.size(), address, 8);
    return offset && *offset % 8 == 0 ? memory.data() + *offset : nullptr;
  };
  const auto rela = offset_in(base, memory.size(), dynamic.rela.address, dynamic.rela.size);
  if (!rela && dynamic.rela.size != 0) return bad;
  for (uint64_t at = 0; at + sizeof(Rela) <= dynamic.rela.size; at += sizeof(Rela)) {
    const Rela entry = *read<Rela>(memory, *rela + at);
    std::byte* word = word_at(entry.offset);
    if (word == nullptr || static_cast<uint32_t>(entry.info) != kRelocationRelative) return bad;
    const uint64_t value = static_cast<uint64_t>(entry.addend) + slide;
    std::memcpy(word, &value, 8);
  }

  // RELR: an even entry is the address of a word; an odd one a bitmap over the 63 words behind the
  // last.
  const auto relr = offset_in(base, memory.size(), dynamic.relr.address, dynamic.relr.size);
  if (!relr && dynamic.relr.size != 0) return bad;
  const auto add_slide = [&](uint64_t address) {
    std::byte* word = word_at(address);
    if (word == nullptr) return false;
    uint64_t value = 0;
    std::memcpy(&value, word, 8);
    value += slide;
    std::memcpy(word, &value, 8);
    return true;
  };
  uint64_t next = 0;
  for (uint64_t at = 0; at + 8 <= dynamic.relr.size; at += 8) {
    const uint64_t entry = *read<uint64_t>(memory, *relr + at);
    if (entry % 2 == 0) {
      if (!add_slide(entry)) return bad;
      next = entry + 8;
      continue;
    }
    for (unsigned bit = 1; bit < 64; ++bit) {
      if ((entry >> bit & 1) != 0 && !add_slide(next + 8 * (bit - 1))) return bad;
    }
    next += 63 * 8;
  }
  return {};
}

}  // namespace nacre::elf
