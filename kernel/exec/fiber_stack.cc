#include "fiber_stack.hh"

#include <utility>
#include <vector>

#include "nacre/base/coro/spin_lock.hh"
#include "nacre/base/paging/page_table.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/translation.hh"
#include "nacre/kernel/exec/fiber.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/mm/kernel_tables.hh"

namespace nacre::exec {
namespace {

constexpr paging::Attributes kStackMemory = {.access = paging::Access::ReadWrite,
                                             .privilege = paging::Privilege::Supervisor,
                                             .sharing = paging::Sharing::Global};

constexpr uint64_t kPages = kFiberStack.bytes() / kPageSize;
// Between one stack and the next: more than one unmapped page.
constexpr uint64_t kGapPages = 4;
// Stacks lie in the same block of this size as the boot stacks: there, every address space shares the kernel's tables, also
// those that are added later (one root entry spans at least this much: Sv39).
constexpr uint64_t kBlock = uint64_t{1} << 30;

struct Pool {
  coro::SpinLock lock{LockRank::FiberStacks};
  std::vector<VirtAddr> free GUARDED_BY(lock);
  VirtAddr next GUARDED_BY(lock);     // where to look for room
  uint64_t end GUARDED_BY(lock) = 0;  // the last byte of the block
};
constinit Pool pool;

Result<VirtAddr> map_stack() REQUIRES(pool.lock) {
  const mm::Machine& machine = mm::machine();
  mm::KernelTables tables(mm::frames());
  paging::PageTable<mm::KernelTables> table(tables, machine.mode, machine.kernel_root);
  if (pool.next.is_null()) {
    pool.next = VirtAddr(arch::this_cpu().stack_bottom).align_down(kBlock);
    pool.end = pool.next.value() + (kBlock - 1);
  }
  VirtAddr bottom = pool.next;
  uint64_t unmapped = 0;
  for (uint64_t looked = 0; unmapped < kPages + 2 * kGapPages; ++looked) {
    if (looked >= (pool.end - pool.next.value()) / kPageSize) {
      return fail(ErrorCode::OutOfMemory, "no room for a fiber's stack in the kernel's half");
    }
    const VirtAddr page = pool.next + ByteSize::pages(looked);
    unmapped = table.query(page) ? 0 : unmapped + 1;
    bottom = page + ByteSize(kPageSize) - ByteSize::pages(kPages + kGapPages);
  }
  const auto frames = machine.frames.allocate_run(kPages);
  if (!frames) return fail(ErrorCode::OutOfMemory, "no memory for a fiber's stack");
  if (!table.map(bottom, *frames, kFiberStack, kStackMemory)) {
    machine.frames.free_run(*frames, kPages);
    return fail(ErrorCode::OutOfMemory, "no page table for a fiber's stack");
  }
  pool.next = bottom + kFiberStack;
  return bottom;
}

Result<VirtAddr> take_stack() {
  const coro::SpinGuard guard(pool.lock);
  if (!pool.free.empty()) {
    const VirtAddr bottom = pool.free.back();
    pool.free.pop_back();
    return bottom;
  }
  // So that giving back needs no memory.
  pool.free.reserve(pool.free.size() + 1);
  return map_stack();
}

}  // namespace

Result<FiberStack> FiberStack::take() {
  TRY_ASSIGN(const VirtAddr bottom, take_stack());
  // This CPU may remember that nothing was there.
  arch::flush_kernel_range(bottom, kFiberStack);
  return FiberStack(bottom);
}

FiberStack::FiberStack(FiberStack&& other) noexcept
    : bottom_(std::exchange(other.bottom_, VirtAddr())) {}

FiberStack::~FiberStack() {
  if (bottom_.is_null()) return;
  const coro::SpinGuard guard(pool.lock);
  pool.free.push_back(bottom_);
}

VirtAddr FiberStack::top() const noexcept {
  return bottom_ + kFiberStack;
}

}  // namespace nacre::exec
