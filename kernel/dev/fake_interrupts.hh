// Interrupt controllers made of code, for tests: a PLIC, an APLIC and IMSICs as their specifications describe them, so far as
// the drivers use them. Lines are level-triggered and active when high.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "nacre/kernel/dev/access.hh"
#include "nacre/kernel/dev/imsic.hh"

namespace nacre::dev {

// Gateways: a source that was claimed is not forwarded again before it was completed by a context in which it is enabled.
class FakePlic final : public RegisterWindow {
 public:
  uint32_t read32(uint64_t offset) noexcept override {
    if (!is_claim(offset)) return registers[offset];
    const uint64_t context = (offset - 0x20'0004) / 0x1000;
    for (const uint32_t source : lines) {
      if (in_service.contains(source) || !is_enabled(context, source)) continue;
      if (registers[uint64_t{4} * source] <= registers[offset - 4]) continue;
      in_service.insert(source);
      return source;
    }
    return std::exchange(ghost, 0);
  }
  void write32(uint64_t offset, uint32_t value) noexcept override {
    if (!is_claim(offset)) {
      registers[offset] = value;
      return;
    }
    if (is_enabled((offset - 0x20'0004) / 0x1000, value)) in_service.erase(value);
  }
  [[nodiscard]] bool is_enabled(uint64_t context, uint32_t source) {
    const uint64_t offset = 0x2000 + 0x80 * context + uint64_t{4} * (source / 32);
    return (registers[offset] >> source % 32 & 1) != 0;
  }
  // Whether a context would be interrupted.
  [[nodiscard]] bool interrupts(uint64_t context) {
    return std::any_of(lines.begin(), lines.end(), [&](uint32_t source) {
      return !in_service.contains(source) && is_enabled(context, source) &&
             registers[uint64_t{4} * source] > registers[0x20'0000 + 0x1000 * context];
    });
  }

  std::map<uint64_t, uint32_t> registers;
  std::set<uint32_t> lines;  // active
  std::set<uint32_t> in_service;
  uint32_t ghost = 0;  // a claim's answer when nothing is pending

 private:
  static bool is_claim(uint64_t offset) { return offset >= 0x20'0000 && (offset & 0xfff) == 4; }
};

// The files of all CPUs; `current` is the one whose CSRs are seen.
class FakeImsics final : public ImsicRegisters {
 public:
  struct File {
    std::map<uint64_t, uint64_t> registers;
    std::set<uint32_t> pending;
  };
  uint64_t read(uint64_t select) noexcept override { return files[current].registers[select]; }
  void write(uint64_t select, uint64_t value) noexcept override {
    files[current].registers[select] = value;
  }
  uint32_t claim() noexcept override {
    File& file = files[current];
    if (file.registers[kImsicDelivery] != 1) return 0;
    for (const uint32_t number : file.pending) {
      const uint64_t enable = file.registers[kImsicEnable + number / 64 * 2];
      if ((enable >> number % 64 & 1) == 0) continue;
      file.pending.erase(number);
      return number;
    }
    return 0;
  }
  // The store that makes an interrupt pending.
  void send(uint32_t cpu, uint32_t number) { files[cpu].pending.insert(number); }

  std::array<File, 4> files;
  uint32_t current = 0;
};

// One interrupt domain. With IMSICs it sends messages as soon as a source is pending and enabled.
class FakeAplic final : public RegisterWindow {
 public:
  explicit FakeAplic(FakeImsics* imsics = nullptr) : imsics_(imsics) {}

  uint32_t read32(uint64_t offset) noexcept override {
    if (offset >= 0x1d00 && offset < 0x1d80) {
      uint32_t word = 0;
      for (const uint32_t source : lines) {
        if (source / 32 == (offset - 0x1d00) / 4) word |= uint32_t{1} << source % 32;
      }
      return word;
    }
    if (offset >= 0x4000 && (offset & 31) == 0x1c) return claim((offset - 0x4000) / 32);
    return registers[offset];
  }
  void write32(uint64_t offset, uint32_t value) noexcept override {
    registers[offset] = value;
    if (offset == 0x1edc) enabled.insert(value);
    if (offset == 0x1fdc) enabled.erase(value);
    if (offset >= 0x1f00 && offset < 0x1f80) {
      std::erase_if(enabled, [&](uint32_t source) {
        return source / 32 == (offset - 0x1f00) / 4 && (value >> source % 32 & 1) != 0;
      });
    }
    // Of a level source, whatever its line says: the drivers are to look themselves.
    if (offset == 0x1cdc) pending.insert(value);
    send_messages();
  }
  void raise(uint32_t source) {
    if (lines.insert(source).second && mode_of(source) != 0) pending.insert(source);
    send_messages();
  }
  void lower(uint32_t source) {
    lines.erase(source);
    pending.erase(source);
    if (is_slow) ghost = source;
  }
  [[nodiscard]] uint32_t mode_of(uint32_t source) {
    return registers[0x4 + uint64_t{4} * (source - 1)];
  }

  std::map<uint64_t, uint32_t> registers;
  std::set<uint32_t> lines;
  std::set<uint32_t> pending;  // by message only
  std::set<uint32_t> enabled;
  uint64_t messages = 0;
  bool is_slow = false;  // a line that fell can be claimed once more
  uint32_t ghost = 0;

 private:
  [[nodiscard]] uint32_t target_of(uint32_t source) {
    return registers[0x3004 + uint64_t{4} * (source - 1)];
  }
  [[nodiscard]] bool is_on() { return (registers[0] & 1 << 8) != 0; }
  uint32_t claim(uint64_t hart) {
    if (!is_on() || registers[0x4000 + 32 * hart] != 1) return 0;
    for (const uint32_t source : lines) {
      const uint32_t target = target_of(source);
      if (mode_of(source) == 0 || !enabled.contains(source) || target >> 18 != hart) continue;
      return source << 16 | (target & 0xff);
    }
    return std::exchange(ghost, 0) << 16;
  }
  void send_messages() {
    if (imsics_ == nullptr || registers[0] != (1 << 8 | 1 << 2)) return;
    std::erase_if(pending, [&](uint32_t source) {
      if (!enabled.contains(source)) return false;
      ++messages;
      imsics_->send(target_of(source) >> 18, target_of(source) & 0x7ff);
      return true;
    });
  }

  FakeImsics* imsics_;
};

}  // namespace nacre::dev
