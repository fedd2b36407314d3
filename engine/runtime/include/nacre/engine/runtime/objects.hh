// Linear memories, tables and globals: what instances share by import and export. Each is owned by
// its Store and has one definition in guest memory that compiled code reads; the fields here are
// the runtime's own books and decide.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "nacre/abi/vm_context.hh"
#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/engine/runtime/platform.hh"
#include "nacre/engine/wasm/types.hh"

namespace nacre::runtime {

class Store;

// A 32-bit linear memory in a reservation of abi::kMemoryReservation bytes.
class Memory {
 public:
  Memory(Platform& platform, UserAddr base, UserAddr definition, wasm::MemoryType type,
         uint64_t limit_bytes)
      : platform_(platform),
        base_(base),
        definition_(definition),
        type_(type),
        limit_(limit_bytes) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  [[nodiscard]] uint64_t size() const { return length_; }  // bytes
  [[nodiscard]] uint64_t pages() const { return length_ / abi::kWasmPageSize; }
  [[nodiscard]] UserAddr base() const { return base_; }
  // Of the abi::MemoryDefinition.
  [[nodiscard]] UserAddr definition() const { return definition_; }
  [[nodiscard]] const wasm::MemoryType& type() const { return type_; }

  // Offsets and lengths may come straight from a guest: every access is checked against the books
  // at that moment.
  [[nodiscard]] bool contains(uint64_t offset, uint64_t size) const {
    return size <= length_ && offset <= length_ - size;
  }
  [[nodiscard]] Result<void> read(uint64_t offset, std::span<uint8_t> out) const;
  [[nodiscard]] Result<void> write(uint64_t offset, std::span<const uint8_t> bytes);
  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] Result<T> load(uint64_t offset) const {
    uint8_t bytes[sizeof(T)];
    TRY(read(offset, bytes));
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    return value;
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] Result<void> store(uint64_t offset, const T& value) {
    uint8_t bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    return write(offset, bytes);
  }

  // Commits `delta_pages` more and publishes the new length. Returns the previous size in pages, or
  // -1 if the type's maximum, the store's limit or the platform refuses (then nothing has changed).
  [[nodiscard]] int64_t grow(uint64_t delta_pages);

 private:
  [[nodiscard]] Result<void> publish();

  Platform& platform_;
  UserAddr base_;
  UserAddr definition_;
  wasm::MemoryType type_;
  uint64_t limit_;          // bytes, from StoreLimits
  uint64_t length_ = 0;     // bytes, a multiple of kWasmPageSize
  uint64_t committed_ = 0;  // bytes, at least length_
};

// A table of 8-byte references, in a reservation for as many elements as it may ever have.
class Table {
 public:
  Table(Platform& platform, UserAddr base, UserAddr definition, wasm::TableType type,
        uint64_t capacity)
      : platform_(platform),
        base_(base),
        definition_(definition),
        type_(type),
        capacity_(capacity) {}
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  [[nodiscard]] uint64_t size() const { return length_; }  // elements
  [[nodiscard]] UserAddr base() const { return base_; }
  // Of the abi::TableDefinition.
  [[nodiscard]] UserAddr definition() const { return definition_; }
  [[nodiscard]] const wasm::TableType& type() const { return type_; }

  [[nodiscard]] Result<uint64_t> get(uint64_t index) const;
  [[nodiscard]] Result<void> set(uint64_t index, uint64_t reference);
  // Writes consecutive elements; the range must lie inside the table.
  [[nodiscard]] Result<void> write(uint64_t index, std::span<const uint64_t> references);
  // Returns the previous size in elements, or -1 (then nothing has changed).
  [[nodiscard]] int64_t grow(uint64_t delta, uint64_t reference);

 private:
  [[nodiscard]] Result<void> publish();

  Platform& platform_;
  UserAddr base_;
  UserAddr definition_;
  wasm::TableType type_;
  uint64_t capacity_;       // elements that the reservation holds; growing stops there
  uint64_t length_ = 0;     // elements
  uint64_t committed_ = 0;  // bytes
};

// A global's value lives in guest memory only: compiled code writes it, and the kernel decides
// nothing by it.
class Global {
 public:
  Global(Platform& platform, UserAddr address, wasm::GlobalType type)
      : platform_(platform), address_(address), type_(type) {}
  Global(const Global&) = delete;
  Global& operator=(const Global&) = delete;

  [[nodiscard]] const wasm::GlobalType& type() const { return type_; }
  // Of the 8-byte value.
  [[nodiscard]] UserAddr address() const { return address_; }
  // Bits of the value, see thread_entry.hh.
  [[nodiscard]] Result<uint64_t> get() const;
  [[nodiscard]] Result<void> set(uint64_t bits);

 private:
  Platform& platform_;
  UserAddr address_;
  wasm::GlobalType type_;
};

}  // namespace nacre::runtime
