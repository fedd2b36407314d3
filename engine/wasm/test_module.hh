// Modules by hand, for tests and fuzzing: bytes that compose.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace nacre::wasm::testing {

class Bytes {
 public:
  Bytes() = default;
  Bytes(std::initializer_list<int> values) {
    for (const int value : values) data_.push_back(static_cast<uint8_t>(value));
  }

  Bytes& add(const Bytes& more) {
    data_.insert(data_.end(), more.data_.begin(), more.data_.end());
    return *this;
  }
  Bytes& raw(const uint8_t* bytes, size_t size) {
    data_.insert(data_.end(), bytes, bytes + size);
    return *this;
  }
  Bytes& leb(uint64_t value) {
    for (; value >= 0x80; value >>= 7) data_.push_back(static_cast<uint8_t>(value | 0x80));
    data_.push_back(static_cast<uint8_t>(value));
    return *this;
  }
  // Length and content.
  Bytes& sized(const Bytes& content) { return leb(content.data_.size()).add(content); }
  Bytes& text(std::string_view text) {
    leb(text.size());
    for (const char c : text) data_.push_back(static_cast<uint8_t>(c));
    return *this;
  }
  Bytes& section(int id, const Bytes& content) {
    data_.push_back(static_cast<uint8_t>(id));
    return sized(content);
  }

  [[nodiscard]] std::vector<uint8_t>& data() { return data_; }
  [[nodiscard]] const std::vector<uint8_t>& data() const { return data_; }

 private:
  std::vector<uint8_t> data_;
};

inline Bytes header() {
  return {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00};
}

// A module in which every kind of instruction is possible. Types: 0 () → (), 1 (i32) → i32, 2 (i64 f64) → (i32 f32);
// functions: 0 imported of type 1, 1 of type `main_type` with this body (locals and code); tables: 0 funcref, 1 externref;
// one memory; globals: 0 mutable i32, 1 i64, 2 mutable funcref; element segment 0, data segment 0, both passive.
inline Bytes rich_module(const Bytes& body, int main_type = 0) {
  return header()
      .section(1, {3, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 2, 0x7e, 0x7c, 2, 0x7f, 0x7d})
      .section(2, Bytes{1}.text("env").text("callback").add({0, 1}))
      .section(3, {1, main_type})
      .section(4, {2, 0x70, 0, 4, 0x6f, 1, 2, 9})
      .section(5, {1, 1, 1, 2})
      .section(6, {3, 0x7f, 1, 0x41, 7, 0x0b, 0x7e, 0, 0x42, 9, 0x0b, 0x70, 1, 0xd2, 0, 0x0b})
      .section(7, Bytes{2}.text("main").add({0, 1}).text("memory").add({2, 0}))
      .section(9, {1, 1, 0, 2, 0, 1})
      .section(12, {1})
      .section(10, Bytes{1}.sized(body))
      .section(11, Bytes{1, 1}.text("data"));
}

}  // namespace nacre::wasm::testing
