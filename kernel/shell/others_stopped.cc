#include "others_stopped.hh"

#include <array>
#include <atomic>

#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/exec/kernel_port.hh"

namespace nacre::shell {
namespace {

constexpr uint64_t kPatienceNs = 1'000'000'000;

// Even: CPUs go on; odd: they stop. Only the shell's CPU changes it. The release of going on pairs with the acquire of the
// CPUs that wait.
constinit std::atomic<uint32_t> epoch{0};

// One a CPU, for ever: a CPU may come long after it was given up.
class Stop final : public exec::RemoteWork {
 public:
  constexpr Stop() : RemoteWork(&Stop::run) {}

  // Idle → Posted → the epoch it stands still in, which is odd → Idle. Posted by the shell's CPU, the rest by the one that stops.
  // A CPU that is late may still be in an epoch that is over.
  static constexpr uint32_t kIdle = 0;
  static constexpr uint32_t kPosted = 2;
  std::atomic<uint32_t> state{kIdle};

 private:
  static void run(exec::RemoteWork& work) noexcept {
    auto& stop = static_cast<Stop&>(work);
    const uint32_t stopped = epoch.load(std::memory_order_acquire);
    if (stopped % 2 != 0) {
      stop.state.store(stopped, std::memory_order_release);
      while (epoch.load(std::memory_order_acquire) == stopped) {
      }
    }
    stop.state.store(kIdle, std::memory_order_release);
  }
};

std::array<Stop, exec::Group::kMaxCpus> stops;

template <class Visitor>
void visit_others(Visitor&& visit) {
  const exec::Group& group = exec::executors();
  for (uint32_t cpu = 0; cpu < group.size(); ++cpu) {
    exec::Executor* const executor = group.find(CpuId{cpu});
    if (executor != nullptr && executor != &exec::this_executor()) visit(*executor);
  }
}

// Unless it is on its way, from now or from the last time.
void post(exec::Executor& executor) {
  Stop& stop = stops[executor.cpu().value];
  if (stop.state.load(std::memory_order_acquire) != Stop::kIdle) return;
  stop.state.store(Stop::kPosted, std::memory_order_relaxed);
  executor.post_remote(stop);
}

}  // namespace

OthersStopped::OthersStopped() {
  const uint32_t mine = epoch.fetch_add(1, std::memory_order_release) + 1;
  visit_others(post);
  const uint64_t deadline_ns = arch::now_ns() + kPatienceNs;
  visit_others([&](exec::Executor& executor) {
    const Stop& stop = stops[executor.cpu().value];
    while (stop.state.load(std::memory_order_acquire) != mine) {
      post(executor);
      if (arch::now_ns() < deadline_ns) continue;
      missing_ = executor.cpu();
      return;
    }
  });
}

OthersStopped::~OthersStopped() {
  const uint32_t mine = epoch.fetch_add(1, std::memory_order_release);
  visit_others([&](const exec::Executor& executor) {
    const Stop& stop = stops[executor.cpu().value];
    while (stop.state.load(std::memory_order_acquire) == mine) {
    }
  });
}

}  // namespace nacre::shell
