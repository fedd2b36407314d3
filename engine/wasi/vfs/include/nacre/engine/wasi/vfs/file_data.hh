// The bytes of a regular file: a read-only image (a view of the boot archive) with chunks over it
// that hold what was written since.
//
// Invariants:
//  - A byte comes from its chunk if there is one, else from the image if its offset is below
//  image_limit_, else it is 0.
//  - A chunk's buffer covers a power of two of bytes from the chunk's start, and all image bytes of
//  the chunk; bytes of
//    the chunk beyond the buffer are 0.
//  - Chunk bytes at or beyond size() are 0, and image_limit_ ≤ size(), so growing a file never
//  shows old bytes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "nacre/engine/wasi/vfs/budget.hh"
#include "nacre/engine/wasi/vfs/errno.hh"

namespace nacre::vfs {

class FileData {
 public:
  static constexpr uint64_t kChunkSize = 16384;
  static constexpr uint64_t kSmallestBuffer = 512;
  // Largest file size; sparse, so that it costs nothing by itself. Keeps all offset arithmetic far
  // from overflow.
  static constexpr uint64_t kMaxSize = uint64_t{1} << 46;

  explicit FileData(Budget& budget) : budget_(budget) {}
  // `image` must stay readable and unchanged for the life of the file.
  FileData(Budget& budget, std::span<const uint8_t> image)
      : budget_(budget), image_(image), image_limit_(image.size()), size_(image.size()) {}
  ~FileData();
  FileData(const FileData&) = delete;
  FileData& operator=(const FileData&) = delete;

  [[nodiscard]] uint64_t size() const { return size_; }

  // A run of the file's bytes that starts at `offset`: at least one byte, at most `length`; empty
  // at the end of the file.
  [[nodiscard]] std::span<const uint8_t> piece(uint64_t offset, uint64_t length) const;

  // A run of bytes to be overwritten by the caller, 1 ≤ size ≤ `length`; its old content is the
  // file's. It stays valid until the next call that changes the file. The file grows to the end of
  // the run only by wrote_until(). FileTooBig, NoSpace.
  [[nodiscard]] Outcome<std::span<uint8_t>> writable_piece(uint64_t offset, uint64_t length);
  // Bytes below `end` were filled through writable_piece().
  void wrote_until(uint64_t end) {
    if (end > size_) size_ = end;
  }

  // A run of writable_piece() could not be filled: takes back what it may have left beyond the end
  // of the file.
  void abandon(uint64_t offset, std::span<uint8_t> run) const {
    for (size_t i = 0; i < run.size(); ++i) {
      if (offset + i >= size_) run[i] = 0;
    }
  }

  // FileTooBig.
  [[nodiscard]] Outcome<void> resize(uint64_t size);

  // Makes sure that writing [offset, offset + length) cannot run out of space, and grows the file
  // to the end of the range. FileTooBig, NoSpace (then nothing has changed but the file's share of
  // the budget).
  [[nodiscard]] Outcome<void> allocate(uint64_t offset, uint64_t length);

  // Copies, for the kernel's own use and tests.
  [[nodiscard]] size_t read(uint64_t offset, std::span<uint8_t> out) const;
  // Writes as much as there is space for; an error only if nothing was written.
  [[nodiscard]] Outcome<size_t> write(uint64_t offset, std::span<const uint8_t> bytes);

 private:
  struct Chunk {
    std::unique_ptr<uint8_t[]> buffer;
    uint64_t capacity = 0;  // 0 or a power of two in [kSmallestBuffer, kChunkSize]
  };
  // What the map's node costs besides the buffer.
  static constexpr uint64_t kChunkOverhead = 96;

  [[nodiscard]] uint64_t image_bytes_in(uint64_t chunk_index) const;
  [[nodiscard]] Outcome<void> ensure(Chunk& chunk, uint64_t chunk_index, uint64_t needed);

  void drop_chunks_from(uint64_t chunk_index);

  Budget& budget_;
  std::span<const uint8_t> image_;
  uint64_t image_limit_ = 0;
  uint64_t size_ = 0;
  std::map<uint64_t, Chunk> chunks_;  // by offset / kChunkSize
};

}  // namespace nacre::vfs
