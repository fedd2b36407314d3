// The initial archive: cpio in the "new ASCII" format (newc, magic 070701), as cpio(5) describes
// it.
//
// Each entry is a 110-byte header of eight-digit hexadecimal fields, a NUL-terminated name, padding
// to 4, the data, padding to 4. An entry named TRAILER!!! ends the archive; what follows is
// ignored. Nothing is copied: names and data are views of the archive's bytes. Sizes are 32 bits
// wide, so a file is smaller than 4 GiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "nacre/base/core/error.hh"

namespace nacre::cpio {

enum class EntryKind : uint8_t { File, Directory, Symlink, Other };

struct Entry {
  std::string_view name;  // as stored, never empty, without NUL
  EntryKind kind = EntryKind::Other;
  uint32_t mode = 0;                // POSIX st_mode
  uint32_t inode = 0;               // informative
  uint32_t modified_s = 0;          // seconds since 1970
  std::span<const std::byte> data;  // a file's bytes, a symlink's target
  // The data as text, for symlinks and small files.
  [[nodiscard]] std::string_view text() const;
};

// Reads entries front to back. After an error or the end, next() keeps returning the same.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> archive) : archive_(archive) {}

  // The next entry; nothing at the trailer; Malformed with the offset of the entry if the bytes are
  // not an archive or end too early.
  [[nodiscard]] Result<std::optional<Entry>> next();

 private:
  std::span<const std::byte> archive_;
  uint64_t offset_ = 0;
};

// The first entry of that name; NotFound without one.
[[nodiscard]] Result<Entry> find(std::span<const std::byte> archive, std::string_view name);

// The bytes of an entry that come before its data: header, name, padding. `data_bytes` is below 4
// GiB.
[[nodiscard]] std::string encode_header(const Entry& entry, uint64_t data_bytes);

// How many zero bytes follow data of this length.
[[nodiscard]] constexpr uint64_t padding_after(uint64_t data_bytes) {
  return (4 - (data_bytes & 3)) & 3;
}

// What ends an archive.
[[nodiscard]] std::string encode_trailer();

}  // namespace nacre::cpio
