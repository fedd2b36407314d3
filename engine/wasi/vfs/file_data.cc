#include "nacre/engine/wasi/vfs/file_data.hh"

#include <algorithm>
#include <bit>

namespace nacre::vfs {
namespace {

constexpr uint8_t kZeros[4096] = {};

std::span<const uint8_t> zeros(uint64_t length) {
  return std::span(kZeros).first(std::min<uint64_t>(length, sizeof kZeros));
}

}  // namespace

FileData::~FileData() {
  for (const auto& [index, chunk] : chunks_) budget_.refund(chunk.capacity + kChunkOverhead);
}

uint64_t FileData::image_bytes_in(uint64_t chunk_index) const {
  const uint64_t start = chunk_index * kChunkSize;
  return image_limit_ <= start ? 0 : std::min(image_limit_ - start, kChunkSize);
}

std::span<const uint8_t> FileData::piece(uint64_t offset, uint64_t length) const {
  if (offset >= size_) return {};
  length = std::min(length, size_ - offset);
  const auto next = chunks_.lower_bound(offset / kChunkSize);
  if (next != chunks_.end() && next->first == offset / kChunkSize) {
    const uint64_t within = offset % kChunkSize;
    const Chunk& chunk = next->second;
    if (within < chunk.capacity) {
      return std::span<const uint8_t>(chunk.buffer.get() + within,
                                      std::min(length, chunk.capacity - within));
    }
    return zeros(std::min(length, kChunkSize - within));
  }
  // No chunk here: the image or a hole, up to the next chunk.
  if (next != chunks_.end()) length = std::min(length, next->first * kChunkSize - offset);
  if (offset < image_limit_) return image_.subspan(offset, std::min(length, image_limit_ - offset));
  return zeros(length);
}

// Makes the chunk's buffer cover its first `needed` bytes.
Outcome<void> FileData::ensure(Chunk& chunk, uint64_t chunk_index, uint64_t needed) {
  if (needed <= chunk.capacity) return {};
  const bool fresh = chunk.capacity == 0;
  const uint64_t image_bytes = fresh ? image_bytes_in(chunk_index) : 0;
  const uint64_t capacity = std::bit_ceil(std::max({needed, image_bytes, kSmallestBuffer}));
  ASSERT(capacity <= kChunkSize);
  if (!budget_.try_charge(capacity - chunk.capacity)) return refuse(Errno::NoSpace);
  auto buffer = std::make_unique<uint8_t[]>(capacity);
  if (image_bytes != 0) {
    const auto image = image_.subspan(chunk_index * kChunkSize, image_bytes);
    std::copy(image.begin(), image.end(), buffer.get());
  } else if (!fresh) {
    std::copy_n(chunk.buffer.get(), chunk.capacity, buffer.get());
  }
  chunk.buffer = std::move(buffer);
  chunk.capacity = capacity;
  return {};
}

Outcome<std::span<uint8_t>> FileData::writable_piece(uint64_t offset, uint64_t length) {
  ASSERT(length != 0);
  if (offset >= kMaxSize) return refuse(Errno::FileTooBig);
  const uint64_t index = offset / kChunkSize;
  const uint64_t within = offset % kChunkSize;
  length = std::min(length, kChunkSize - within);
  auto found = chunks_.find(index);
  const bool is_new = found == chunks_.end();
  if (is_new) {
    if (!budget_.try_charge(kChunkOverhead)) return refuse(Errno::NoSpace);
    found = chunks_.try_emplace(index).first;
  }
  // Appending in small steps doubles the buffer each time, so that it is copied a constant number
  // of times per byte.
  if (auto ensured = ensure(found->second, index, within + length); !ensured) {
    if (is_new) {
      chunks_.erase(found);
      budget_.refund(kChunkOverhead);
    }
    return refuse(ensured.error());
  }
  return std::span(found->second.buffer.get() + within, length);
}

void FileData::drop_chunks_from(uint64_t chunk_index) {
  const auto begin = chunks_.lower_bound(chunk_index);
  for (auto it = begin; it != chunks_.end(); ++it) {
    budget_.refund(it->second.capacity + kChunkOverhead);
  }
  chunks_.erase(begin, chunks_.end());
}

Outcome<void> FileData::allocate(uint64_t offset, uint64_t length) {
  if (offset > kMaxSize || length > kMaxSize - offset) return refuse(Errno::FileTooBig);
  for (uint64_t done = 0; done < length;) {
    const auto run = writable_piece(offset + done, length - done);
    if (!run) {
      drop_chunks_from((size_ + kChunkSize - 1) / kChunkSize);
      return refuse(run.error());
    }
    done += run->size();
  }
  wrote_until(offset + length);
  return {};
}

Outcome<void> FileData::resize(uint64_t size) {
  if (size > kMaxSize) return refuse(Errno::FileTooBig);
  if (size < size_) {
    image_limit_ = std::min(image_limit_, size);
    drop_chunks_from((size + kChunkSize - 1) / kChunkSize);
    const auto last = chunks_.find(size / kChunkSize);
    if (last != chunks_.end() && size % kChunkSize < last->second.capacity) {
      Chunk& chunk = last->second;
      std::fill(chunk.buffer.get() + size % kChunkSize, chunk.buffer.get() + chunk.capacity,
                uint8_t{0});
    }
  }
  size_ = size;
  return {};
}

size_t FileData::read(uint64_t offset, std::span<uint8_t> out) const {
  size_t done = 0;
  while (done < out.size()) {
    const std::span<const uint8_t> run = piece(offset + done, out.size() - done);
    if (run.empty()) break;
    std::copy(run.begin(), run.end(), out.begin() + static_cast<ptrdiff_t>(done));
    done += run.size();
  }
  return done;
}

Outcome<size_t> FileData::write(uint64_t offset, std::span<const uint8_t> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const auto run = writable_piece(offset + done, bytes.size() - done);
    if (!run) {
      if (done != 0) break;
      return refuse(run.error());
    }
    std::copy_n(bytes.data() + done, run->size(), run->data());
    done += run->size();
    wrote_until(offset + done);
  }
  return done;
}

}  // namespace nacre::vfs
