#include "nacre/kernel/mm/failure_injection.hh"

namespace nacre::mm {

namespace {

// Requests so far; the failing ones are [first, end). Only numbers: nothing is published with them.
constinit std::atomic<uint64_t> requests{0};
constinit std::atomic<uint64_t> first{0};
constinit std::atomic<uint64_t> end{0};

}  // namespace

void inject_failure_at(uint64_t index, uint64_t count) noexcept {
  requests.store(0, std::memory_order_relaxed);
  first.store(index, std::memory_order_relaxed);
  end.store(index + count < index ? ~uint64_t{0} : index + count, std::memory_order_relaxed);
  detail::g_injecting.store(true, std::memory_order_relaxed);
}

uint64_t stop_injecting_failures() noexcept {
  detail::g_injecting.store(false, std::memory_order_relaxed);
  return requests.load(std::memory_order_relaxed);
}

bool detail::next_request_fails() noexcept {
  const uint64_t number = requests.fetch_add(1, std::memory_order_relaxed);
  return number >= first.load(std::memory_order_relaxed) &&
         number < end.load(std::memory_order_relaxed);
}

}  // namespace nacre::mm
