#include "nacre/kernel/dev/interrupts.hh"

#include "nacre/base/core/format.hh"
#include "nacre/base/core/panic.hh"

namespace nacre::dev {

namespace {

// Several sources that do not cease, by turns.
constexpr uint32_t kLongestDispatch = 4 * InterruptController::kStorm;

}  // namespace

// ---- CPUs -------------------------------------------------------------------------------------------------------

bool InterruptController::open_cpu(CpuId cpu) noexcept {
  ASSERT(cpu.value < kMaxCpus);
  if (!open_hardware(cpu)) return false;
  open_cpus_.fetch_or(uint64_t{1} << cpu.value, std::memory_order_release);
  return true;
}

bool InterruptController::is_open(CpuId cpu) const noexcept {
  return cpu.value < kMaxCpus && (open_cpus_.load(std::memory_order_acquire) >> cpu.value & 1) != 0;
}

uint64_t InterruptController::pokes() const noexcept {
  uint64_t sum = 0;
  for (uint32_t cpu = 0; cpu < kMaxCpus; ++cpu) sum += pokes(CpuId{cpu});
  return sum;
}

// ---- sources ----------------------------------------------------------------------------------------------------

Result<void> InterruptController::check(uint32_t source, CpuId cpu) const {
  if (!is_source(source)) {
    return fail(ErrorCode::InvalidArgument,
                format("no interrupt source {}: there are {}", source, sources_));
  }
  if (!is_open(cpu)) {
    return fail(ErrorCode::InvalidArgument,
                format("CPU {} takes no interrupts of the {}", cpu.value, name()));
  }
  return {};
}

Result<void> InterruptController::connect(uint32_t source, InterruptHandler& handler,
                                          Trigger trigger, CpuId cpu) {
  TRY(check(source, cpu));
  Source& connection = connections_[source];
  const coro::SpinGuard guard(lock_);
  if (connection.handler.load(std::memory_order_relaxed) != nullptr) {
    return fail(ErrorCode::AlreadyExists, format("interrupt source {} has a handler", source));
  }
  connection.masked.store(true, std::memory_order_relaxed);
  connection.trigger = trigger;
  configure(source, trigger);
  deliver_to(source, cpu);
  connection.cpu.store(static_cast<uint8_t>(cpu.value), std::memory_order_relaxed);
  connection.handler.store(&handler, std::memory_order_release);
  return {};
}

void InterruptController::disconnect(uint32_t source) noexcept {
  ASSERT(is_source(source));
  mask(source);
  Source& connection = connections_[source];
  connection.handler.store(nullptr, std::memory_order_seq_cst);
  while (connection.inside.load(std::memory_order_seq_cst) != 0) coro::spin_hint();
}

void InterruptController::mask(uint32_t source) noexcept {
  ASSERT(is_source(source));
  connections_[source].masked.store(true, std::memory_order_relaxed);
  set_masked(source, true);
}

void InterruptController::unmask(uint32_t source) noexcept {
  ASSERT(is_source(source));
  connections_[source].masked.store(false, std::memory_order_relaxed);
  set_masked(source, false);
}

bool InterruptController::is_masked(uint32_t source) const noexcept {
  ASSERT(is_source(source));
  return connections_[source].masked.load(std::memory_order_relaxed);
}

Result<void> InterruptController::route(uint32_t source, CpuId cpu) {
  TRY(check(source, cpu));
  Source& connection = connections_[source];
  const coro::SpinGuard guard(lock_);
  if (connection.handler.load(std::memory_order_relaxed) == nullptr) {
    return fail(ErrorCode::InvalidArgument, format("interrupt source {} is not in use", source));
  }
  deliver_to(source, cpu);
  connection.cpu.store(static_cast<uint8_t>(cpu.value), std::memory_order_relaxed);
  return {};
}

void InterruptController::spread() noexcept {
  const uint64_t open = open_cpus_.load(std::memory_order_acquire);
  if (open == 0) return;
  uint32_t cpu = kMaxCpus - 1;
  const coro::SpinGuard guard(lock_);
  for (uint32_t source = 1; source <= sources_; ++source) {
    Source& connection = connections_[source];
    if (connection.handler.load(std::memory_order_relaxed) == nullptr) continue;
    do {
      cpu = (cpu + 1) % kMaxCpus;
    } while ((open >> cpu & 1) == 0);
    deliver_to(source, CpuId{cpu});
    connection.cpu.store(static_cast<uint8_t>(cpu), std::memory_order_relaxed);
  }
}

std::optional<CpuId> InterruptController::target(uint32_t source) const noexcept {
  if (!is_source(source)) return std::nullopt;
  const Source& connection = connections_[source];
  if (connection.handler.load(std::memory_order_acquire) == nullptr) return std::nullopt;
  return CpuId{connection.cpu.load(std::memory_order_relaxed)};
}

// ---- delivery ---------------------------------------------------------------------------------------------------

void InterruptController::serve(uint32_t source) noexcept {
  Source& connection = connections_[source];
  connection.inside.fetch_add(1, std::memory_order_seq_cst);
  InterruptHandler* const handler = connection.handler.load(std::memory_order_seq_cst);
  if (handler != nullptr) {
    handler->on_interrupt();
  } else {
    // Nobody asked for it: it must not come again.
    spurious_.fetch_add(1, std::memory_order_relaxed);
    mask(source);
  }
  connection.inside.fetch_sub(1, std::memory_order_release);
}

void InterruptController::stop_storm(uint32_t source) noexcept {
  storms_.fetch_add(1, std::memory_order_relaxed);
  mask(source);
}

uint32_t InterruptController::dispatch(CpuId cpu) noexcept {
  uint32_t count = 0;
  uint32_t last = kNothing;
  uint32_t in_a_row = 0;
  while (const uint32_t source = claim(cpu)) {
    ++count;
    if (source == kForCpu) continue;
    in_a_row = source == last ? in_a_row + 1 : 1;
    last = source;
    if (!is_source(source)) {
      spurious_.fetch_add(1, std::memory_order_relaxed);
    } else {
      if (in_a_row > kStorm || count > kLongestDispatch) {
        stop_storm(source);
      } else {
        serve(source);
      }
      handled_[source].fetch_add(1, std::memory_order_relaxed);
    }
    if (needs_completion()) {
      const coro::SpinGuard guard(lock_);
      const auto now = is_source(source) ? target(source) : std::nullopt;
      complete(source, now.value_or(cpu));
    }
  }
  // Another CPU claimed it first, or the device thought better of it.
  if (count == 0) spurious_.fetch_add(1, std::memory_order_relaxed);
  return count;
}

// ---- interrupts that tasks wait for -----------------------------------------------------------------------------

Result<std::unique_ptr<AwaitableInterrupt>> AwaitableInterrupt::connect(
    InterruptController& controller, uint32_t source, Trigger trigger, CpuId cpu) {
  std::unique_ptr<AwaitableInterrupt> interrupt(new AwaitableInterrupt(controller, source));
  if (auto connected = controller.connect(source, *interrupt, trigger, cpu); !connected) {
    // Nothing to disconnect.
    interrupt->source_ = 0;
    return std::unexpected(std::move(connected).error());
  }
  return interrupt;
}

AwaitableInterrupt::~AwaitableInterrupt() {
  if (source_ != 0) controller_.disconnect(source_);
}

void AwaitableInterrupt::on_interrupt() noexcept {
  controller_.mask(source_);
  happened_.set();
}

coro::Task<bool> AwaitableInterrupt::wait() {
  if (in_vain_ == InterruptController::kStorm) {
    controller_.stop_storm(source_);
    co_return false;
  }
  ++in_vain_;
  happened_.reset();
  controller_.unmask(source_);
  co_await happened_.wait();
  co_return true;
}

}  // namespace nacre::dev
