// Makes devicetree blobs for tests, token by token, also wrong ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::fdt {

class BlobBuilder {
 public:
  static constexpr uint32_t kBeginNode = 1;
  static constexpr uint32_t kEndNode = 2;
  static constexpr uint32_t kProperty = 3;
  static constexpr uint32_t kNop = 4;
  static constexpr uint32_t kEnd = 9;

  BlobBuilder& token(uint32_t value) {
    append32(structure_, value);
    return *this;
  }
  BlobBuilder& begin(std::string_view name) {
    token(kBeginNode);
    structure_.append(name).push_back('\0');
    pad();
    return *this;
  }
  BlobBuilder& end() { return token(kEndNode); }
  BlobBuilder& property(std::string_view name, std::string_view data) {
    token(kProperty);
    append32(structure_, static_cast<uint32_t>(data.size()));
    append32(structure_, static_cast<uint32_t>(strings_.size()));
    strings_.append(name).push_back('\0');
    structure_.append(data);
    pad();
    return *this;
  }
  BlobBuilder& text(std::string_view name, std::string_view value) {
    return property(name, std::string(value) + '\0');
  }
  BlobBuilder& cells(std::string_view name, std::vector<uint32_t> values) {
    std::string data;
    for (uint32_t value : values) append32(data, value);
    return property(name, data);
  }
  BlobBuilder& reserve(uint64_t address, uint64_t size) {
    for (uint64_t value : {address, size}) {
      append32(reservations_, static_cast<uint32_t>(value >> 32));
      append32(reservations_, static_cast<uint32_t>(value));
    }
    return *this;
  }

  [[nodiscard]] std::string finish() const {
    const std::string reservations = reservations_ + std::string(16, '\0');
    constexpr uint32_t kHeader = 40;
    const auto structure_at = static_cast<uint32_t>(kHeader + reservations.size());
    const auto strings_at = static_cast<uint32_t>(structure_at + structure_.size());
    const auto total = static_cast<uint32_t>(strings_at + strings_.size());
    std::string blob;
    for (uint32_t word :
         {0xd00dfeedu, total, structure_at, strings_at, kHeader, 17u, 16u, 0u,
          static_cast<uint32_t>(strings_.size()), static_cast<uint32_t>(structure_.size())}) {
      append32(blob, word);
    }
    return blob + reservations + structure_ + strings_;
  }

 private:
  static void append32(std::string& out, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
  }
  void pad() { structure_.resize((structure_.size() + 3) & ~size_t{3}, '\0'); }

  std::string structure_;
  std::string strings_;
  std::string reservations_;
};

}  // namespace nacre::fdt
