#include "nacre/engine/runtime/objects.hh"

#include <algorithm>
#include <array>

#include "bytes.hh"
#include "nacre/base/core/format.hh"
#include "nacre/engine/runtime/thread_entry.hh"

namespace nacre::runtime {
namespace {

std::unexpected<Error> outside_memory(uint64_t offset, uint64_t size, uint64_t length) {
  return fail(ErrorCode::InvalidArgument,
              format("range of {} bytes at 0x{:x} leaves the linear memory of {} bytes", size,
                     offset, length));
}

std::unexpected<Error> outside_table(uint64_t index, uint64_t count, uint64_t length) {
  return fail(ErrorCode::InvalidArgument,
              format("{} elements at {} leave the table of {} elements", count, index, length));
}

uint64_t round_up(uint64_t bytes) {
  return (bytes + kPageSize - 1) & ~(kPageSize - 1);
}

}  // namespace

// ---- Memory
// -----------------------------------------------------------------------------------------------------

Result<void> Memory::read(uint64_t offset, std::span<uint8_t> out) const {
  if (!contains(offset, out.size())) return outside_memory(offset, out.size(), length_);
  if (out.empty()) return {};
  return platform_.read(base_ + ByteSize(offset), out);
}

Result<void> Memory::write(uint64_t offset, std::span<const uint8_t> bytes) {
  if (!contains(offset, bytes.size())) return outside_memory(offset, bytes.size(), length_);
  if (bytes.empty()) return {};
  return platform_.write(base_ + ByteSize(offset), bytes);
}

int64_t Memory::grow(uint64_t delta_pages) {
  const uint64_t old_pages = pages();
  // 65536 pages are all that 32 bits address, whatever the type says.
  uint64_t maximum_pages = (uint64_t{4} << 30) / abi::kWasmPageSize;
  if (type_.limits.maximum) maximum_pages = std::min(maximum_pages, *type_.limits.maximum);
  maximum_pages = std::min(maximum_pages, limit_ / abi::kWasmPageSize);
  if (old_pages > maximum_pages || delta_pages > maximum_pages - old_pages) return -1;
  const uint64_t old_length = length_;
  const uint64_t new_length = old_length + delta_pages * abi::kWasmPageSize;
  if (new_length > committed_) {
    if (!platform_.commit(base_ + ByteSize(committed_), ByteSize(new_length - committed_)))
      return -1;
    committed_ = new_length;
  }
  length_ = new_length;
  if (!publish()) {
    length_ = old_length;
    return -1;
  }
  return static_cast<int64_t>(old_pages);
}

Result<void> Memory::publish() {
  const abi::MemoryDefinition definition = {.base = base_.value(), .length = length_};
  return write_object(platform_, definition_, definition);
}

// ---- Table
// ------------------------------------------------------------------------------------------------------

Result<uint64_t> Table::get(uint64_t index) const {
  if (index >= length_) return outside_table(index, 1, length_);
  return read_object<uint64_t>(platform_, base_ + ByteSize(8 * index));
}

Result<void> Table::set(uint64_t index, uint64_t reference) {
  return write(index, std::span<const uint64_t>(&reference, 1));
}

Result<void> Table::write(uint64_t index, std::span<const uint64_t> references) {
  if (references.size() > length_ || index > length_ - references.size()) {
    return outside_table(index, references.size(), length_);
  }
  if (references.empty()) return {};
  return platform_.write(base_ + ByteSize(8 * index), bytes_of(references));
}

int64_t Table::grow(uint64_t delta, uint64_t reference) {
  if (delta > capacity_ - length_) return -1;
  const uint64_t old_length = length_;
  const uint64_t needed = round_up(8 * (length_ + delta));
  if (needed > committed_) {
    if (!platform_.commit(base_ + ByteSize(committed_), ByteSize(needed - committed_))) return -1;
    committed_ = needed;
  }
  // A table never shrinks, so elements beyond the length are still zero: null needs no writing.
  if (reference != 0) {
    PausePoint pauses = platform_.pauses();
    std::array<uint64_t, 256> block;
    block.fill(reference);
    for (uint64_t done = 0; done < delta;) {
      const uint64_t count = std::min<uint64_t>(delta - done, block.size());
      const std::span<const uint64_t> part = std::span(block).first(count);
      if (!platform_.write(base_ + ByteSize(8 * (old_length + done)), bytes_of(part))) return -1;
      done += count;
      pauses.did(static_cast<uint32_t>(count));
    }
  }
  length_ += delta;
  if (!publish()) {
    length_ = old_length;
    return -1;
  }
  return static_cast<int64_t>(old_length);
}

Result<void> Table::publish() {
  const abi::TableDefinition definition = {
      .base = base_.value(), .length = length_, .maximum = capacity_};
  return write_object(platform_, definition_, definition);
}

// ---- Global
// -----------------------------------------------------------------------------------------------------

Result<uint64_t> Global::get() const {
  TRY_ASSIGN(const uint64_t slot, read_object<uint64_t>(platform_, address_));
  return from_slot(type_.type, slot);
}

Result<void> Global::set(uint64_t bits) {
  return write_object(platform_, address_, to_slot(type_.type, bits));
}

}  // namespace nacre::runtime
