// Atomics, data and thread-locals of code under the model checker. Outside of threads they are plain values.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <utility>

#include "nacre/base/model/checker.hh"

namespace nacre::model {

inline constexpr unsigned kMaxThreads = 6;  // the test itself is number 0

using Clock = std::array<uint32_t, kMaxThreads>;

// What all atomics have in common: 64 bits, and what a thread that acquires them knows.
class Cell {
 public:
  explicit constexpr Cell(uint64_t value) noexcept : value_(value) {}

 protected:
  [[nodiscard]] uint64_t read(std::memory_order order) const noexcept;
  void write(uint64_t value, std::memory_order order) noexcept;
  // Reads, and replaces by what `change` says (unless that is the same). Returns what was read.
  using Change = uint64_t (*)(uint64_t before, uint64_t argument);
  uint64_t modify(Change change, uint64_t argument, std::memory_order order) noexcept;
  // Whether it was `expected`, which becomes what was read.
  bool replace(uint64_t& expected, uint64_t desired, std::memory_order order) noexcept;

 private:
  friend class Checker;
  uint64_t value_;
  Clock released_{};
};

template <class T>
class Atomic : private Cell {
  static_assert(sizeof(T) <= 8);

 public:
  // Converts as std::atomic does, for which it stands.
  constexpr explicit(false) Atomic(T value = T()) noexcept : Cell(to_bits_constexpr(value)) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  [[nodiscard]] T load(std::memory_order order = std::memory_order_seq_cst) const noexcept {
    return from_bits(read(order));
  }
  void store(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    write(to_bits(value), order);
  }
  T exchange(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return from_bits(modify([](uint64_t, uint64_t to) { return to; }, to_bits(value), order));
  }
  T fetch_or(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return from_bits(modify([](uint64_t a, uint64_t b) { return a | b; }, to_bits(value), order));
  }
  T fetch_and(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return from_bits(modify([](uint64_t a, uint64_t b) { return a & b; }, to_bits(value), order));
  }
  T fetch_xor(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return from_bits(modify([](uint64_t a, uint64_t b) { return a ^ b; }, to_bits(value), order));
  }
  T fetch_add(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return from_bits(modify(
        [](uint64_t a, uint64_t b) { return to_bits(static_cast<T>(from_bits(a) + from_bits(b))); },
        to_bits(value), order));
  }
  T fetch_sub(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return fetch_add(static_cast<T>(T() - value), order);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                               std::memory_order) noexcept {
    uint64_t bits = to_bits(expected);
    const bool done = replace(bits, to_bits(desired), success);
    expected = from_bits(bits);
    return done;
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                             std::memory_order failure) noexcept {
    return compare_exchange_strong(expected, desired, success, failure);
  }

 private:
  static constexpr uint64_t to_bits_constexpr(T value) noexcept {
    if constexpr (std::is_pointer_v<T>) {
      return value == nullptr ? 0 : to_bits(value);
    } else {
      return static_cast<uint64_t>(value);
    }
  }
  static uint64_t to_bits(T value) noexcept {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return bits;
  }
  static T from_bits(uint64_t bits) noexcept {
    T value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
};

// Data that is not atomic: a thread may touch it only if what others did to it happened before.
class Access {
 protected:
  void check_read() const noexcept;
  void check_write() noexcept;

 private:
  mutable Clock reads_{};
  Clock writes_{};
};

template <class T>
class Var : private Access {
 public:
  constexpr explicit Var(T value = T()) : value_(std::move(value)) {}
  [[nodiscard]] const T& get() const noexcept {
    check_read();
    return value_;
  }
  void set(T value) noexcept {
    check_write();
    value_ = std::move(value);
  }

 private:
  T value_;
};

// The number of the thread that runs, 0 outside.
[[nodiscard]] unsigned current_thread() noexcept;

// A thread-local.
template <class T>
class Local {
 public:
  [[nodiscard]] T& get() noexcept { return values_[current_thread()]; }

 private:
  std::array<T, kMaxThreads> values_{};
};

}  // namespace nacre::model
