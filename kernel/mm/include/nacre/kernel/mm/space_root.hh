// What outlives an address space while CPUs still use it.
#pragma once

#include <atomic>
#include <cstdint>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/ref.hh"
#include "nacre/kernel/mm/tlb.hh"

namespace nacre::mm {

struct Machine;

// What a CPU needs of a space while its satp names it: the root table and the identifier. Both are
// given back when the space and all CPUs have let go.
class SpaceRoot final : public RefCounted {
 public:
  // Takes both over.
  SpaceRoot(Machine& machine, PhysAddr table, uint16_t asid) noexcept
      : machine_(machine), table_(table), asid_(asid) {}
  ~SpaceRoot();

  // The value for the satp register.
  [[nodiscard]] uint64_t satp() const noexcept;
  [[nodiscard]] PhysAddr table() const noexcept { return table_; }
  [[nodiscard]] uint16_t asid() const noexcept { return asid_; }

  // A CPU says that it is going to use the translations, before it does.
  void note_use(CpuId cpu) noexcept {
    const uint64_t bit = uint64_t{1} << cpu.value;
    if ((cpus_.load(std::memory_order_relaxed) & bit) != 0) return;
    // Ordered before the CPU's first walk as users() is ordered behind a change of the tables: either the walk sees the
    // change, or whoever made it sees the CPU.
    cpus_.fetch_or(bit, std::memory_order_seq_cst);
  }
  // The CPUs that may hold translations older than the caller's last change.
  [[nodiscard]] CpuMask users() const noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return cpus_.load(std::memory_order_relaxed);
  }

 private:
  Machine& machine_;
  std::atomic<CpuMask> cpus_{0};  // only grows
  PhysAddr table_;
  uint16_t asid_;
};

}  // namespace nacre::mm
