// Physical memory in an array, and a TLB that only counts: what the tests run kernel/mm over.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "nacre/base/core/panic.hh"
#include "nacre/kernel/mm/address_space.hh"

namespace nacre::mm {

// Which CPU the current thread plays.
inline constinit thread_local uint32_t t_cpu = 0;
inline uint32_t fake_cpu() noexcept {
  return t_cpu;
}

class FakeMemory {
 public:
  static constexpr uint64_t kBase = 0x8000'0000;

  explicit FakeMemory(ByteSize size) : size_(size) {
    void* memory = nullptr;
    ASSERT(posix_memalign(&memory, size_t{2} << 20, size.bytes()) == 0);
    memory_.reset(static_cast<uint8_t*>(memory));
    // Frames are handed out as they are: nothing may rely on zeros.
    std::fill_n(memory_.get(), size.bytes(), uint8_t{0xa5});
    map_ = DirectMap(reinterpret_cast<uint64_t>(memory) - kBase);
    BootMemory boot;
    boot.add({PhysAddr(kBase), size});
    frames.init(boot, {PhysAddr(kBase), size}, map_, &fake_cpu);
  }

  // Takes frames away until at most `count` are left, all single.
  void leave(uint64_t count) {
    while (auto frame = frames.allocate()) hoard_.push_back(*frame);
    for (; count != 0 && !hoard_.empty(); --count) {
      frames.free(hoard_.back());
      hoard_.pop_back();
    }
  }
  void give_all_back() {
    for (PhysAddr frame : hoard_) frames.free(frame);
    hoard_.clear();
  }
  [[nodiscard]] uint64_t used() const { return frames.counts().used(); }
  [[nodiscard]] const DirectMap& map() const { return map_; }

  FrameAllocator frames;

 private:
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  ByteSize size_;
  std::unique_ptr<uint8_t, Free> memory_;
  DirectMap map_;
  std::vector<PhysAddr> hoard_;
};

class CountingTlb final : public TlbControl {
 public:
  void flush_range(CpuMask cpus, uint16_t, UserAddr, ByteSize) noexcept override {
    ++ranges;
    last = cpus;
  }
  void flush_space(CpuMask cpus, uint16_t) noexcept override {
    ++spaces;
    last = cpus;
  }
  void synchronise_instructions(CpuMask cpus) noexcept override {
    ++synchronised;
    last = cpus;
  }

  int ranges = 0;
  int spaces = 0;
  int synchronised = 0;
  CpuMask last = 0;  // of the last call
};

class TestRandom final : public RandomSource {
 public:
  explicit TestRandom(uint64_t seed) : rng_(seed) {}
  uint64_t next() noexcept override { return rng_(); }

 private:
  std::mt19937_64 rng_;
};

struct FakeMachine {
  explicit FakeMachine(ByteSize size, paging::Mode mode = paging::Mode::Sv48, uint64_t seed = 1)
      : memory(size),
        random(seed),
        asids(16),
        machine{memory.frames, tlb,  asids,
                random,        mode, *memory.frames.allocate(0, Zeroing::Zeroed)} {}

  FakeMemory memory;
  CountingTlb tlb;
  TestRandom random;
  AsidAllocator asids;
  Machine machine;
};

}  // namespace nacre::mm
