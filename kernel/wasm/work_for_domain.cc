#include "work_for_domain.hh"

#include <memory>
#include <utility>

#include "cpu_turn.hh"
#include "nacre/kernel/exec/fiber.hh"

namespace nacre::kwasm {
namespace {

class AccountTurns final : public exec::FiberTurns {
 public:
  explicit AccountTurns(sched::CpuAccount& account) : turn_(account, nullptr) {}

  coro::Task<uint64_t> next_slice_end_ns() override {
    if (turn_.has_begun()) co_await turn_.pause();
    if (!turn_.has_begun() && !turn_.try_begin()) co_await turn_.begin();
    co_return turn_.slice_end_ns();
  }

 private:
  CpuTurn turn_;
};

}  // namespace

coro::Task<Result<void>> work_for(sched::CpuAccount& account, std::function<void()> job) {
  co_return co_await exec::run_on_fiber(std::move(job), std::make_unique<AccountTurns>(account));
}

}  // namespace nacre::kwasm
