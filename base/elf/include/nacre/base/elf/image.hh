// ELF64 little-endian RISC-V executables: the kernel image as the loader sees it. Everything is
// read from a byte span with bounds checked; nothing is allocated. ELF gABI 4.1; RELR as in the
// gABI's proposal of 2017.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

namespace nacre::elf {

enum class ImageError : uint8_t {
  Truncated,
  NotElf,     // wrong magic, class, byte order or machine
  BadHeader,  // sizes or counts that the format forbids
  TooManySegments,
  BadSegment,  // file part larger than memory part, outside the file, wrapping, overlapping, or W
               // and X at once
  BadRelocation,  // outside the image, misaligned, or of a kind other than RELATIVE
};
[[nodiscard]] std::string_view name_of(ImageError error);

struct Segment {
  uint64_t address;  // virtual, as linked
  uint64_t size;     // in memory
  uint64_t alignment;
  std::span<const std::byte> content;  // the rest, up to `size`, is zero
  bool writable;
  bool executable;
};

// [address, address + size), as linked.
struct AddressRange {
  uint64_t address = 0;
  uint64_t size = 0;
};

class Image {
 public:
  static constexpr size_t kMaxSegments = 8;

  static std::expected<Image, ImageError> parse(std::span<const std::byte> file);

  [[nodiscard]] uint64_t entry() const { return entry_; }
  // Loadable, by ascending address, disjoint.
  [[nodiscard]] std::span<const Segment> segments() const {
    return std::span(segments_).first(segment_count_);
  }
  // From the first segment's page to the end of the last one.
  [[nodiscard]] AddressRange extent() const;
  // Initial content of the TLS block; size includes the zeroed part.
  [[nodiscard]] std::optional<Segment> tls() const { return tls_; }
  // What becomes read-only after relocation.
  [[nodiscard]] AddressRange relro() const { return relro_; }

  // The content of the segment of type abi::BootRequest::kSegmentType; empty if there is none.
  [[nodiscard]] std::span<const std::byte> request() const { return request_; }

  // The section of type kSectionLines (line_table.hh); empty if there is none.
  [[nodiscard]] std::span<const std::byte> lines() const { return lines_; }

  // Copies the segments into `memory`, which stands for extent() from its page start on, and zeroes
  // the rest.
  void load(std::span<std::byte> memory) const;
  // Applies the RELATIVE and RELR relocations of a loaded image that will run at its link address +
  // slide.
  [[nodiscard]] std::expected<void, ImageError> relocate(std::span<std::byte> memory,
                                                         uint64_t slide) const;

 private:
  struct Dynamic {
    AddressRange rela;
    AddressRange relr;
  };

  [[nodiscard]] std::optional<ImageError> read_segments(std::span<const std::byte> table,
                                                        size_t count);
  void find_lines(uint64_t table_offset, size_t count);
  [[nodiscard]] Dynamic read_dynamic(std::span<const std::byte> memory) const;

  std::span<const std::byte> file_;
  uint64_t entry_ = 0;
  std::array<Segment, kMaxSegments> segments_{};
  size_t segment_count_ = 0;
  std::optional<Segment> tls_;
  AddressRange relro_;
  AddressRange dynamic_;
  std::span<const std::byte> request_;
  std::span<const std::byte> lines_;
};

}  // namespace nacre::elf
