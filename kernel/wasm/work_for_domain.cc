#include "work_for_domain.hh"

#include <memory>
#include <new>
#include <utility>

#include "cpu_turn.hh"
#include "nacre/base/core/format.hh"
#include "nacre/kernel/exec/fiber.hh"

namespace nacre::kwasm {
namespace {

class AccountTurns final : public exec::FiberTurns {
 public:
  AccountTurns(sched::CpuAccount& account, mm::HeapAccount* memory)
      : turn_(account, nullptr), memory_(memory) {}

  coro::Task<uint64_t> next_slice_end_ns() override {
    if (turn_.has_begun()) co_await turn_.pause();
    if (!turn_.has_begun() && !turn_.try_begin()) co_await turn_.begin();
    co_return turn_.slice_end_ns();
  }
  mm::HeapAccount* memory() override { return memory_; }

 private:
  CpuTurn turn_;
  mm::HeapAccount* memory_;
};

}  // namespace

coro::Task<Result<void>> work_for(sched::CpuAccount& account, mm::HeapAccount* memory,
                                  std::function<void()> job) {
  try {
    co_return co_await exec::run_on_fiber(std::move(job),
                                          std::make_unique<AccountTurns>(account, memory));
  } catch (const std::bad_alloc&) {
    if (memory == nullptr || memory->refused() == ByteSize()) throw;
  }
  co_return fail(
      ErrorCode::LimitExceeded,
      format("memory budget used up: the module needs {} more bytes of the kernel's heap, "
             "which its domain's {} bytes do not leave",
             memory->refused().bytes(), memory->limit().bytes()));
}

}  // namespace nacre::kwasm
