#include "nacre/kernel/dev/plic.hh"

#include <algorithm>

#include "nacre/base/core/format.hh"

namespace nacre::dev {

Plic::Plic(RegisterWindow& registers, uint32_t sources)
    : registers_(registers), sources_(std::min(sources, kMaxSources)) {}

void Plic::open_context(uint32_t context) {
  registers_.write32(kThreshold + uint64_t{0x1000} * context, 0);
}

Result<void> Plic::connect(uint32_t source, InterruptHandler& handler) {
  if (!is_source(source)) {
    return fail(ErrorCode::InvalidArgument, format("no interrupt source {}", source));
  }
  if (handlers_[source] != nullptr) {
    return fail(ErrorCode::AlreadyExists, format("interrupt source {} has a handler", source));
  }
  handlers_[source] = &handler;
  registers_.write32(kPriority + uint64_t{4} * source, 1);
  return {};
}

void Plic::disconnect(uint32_t source) {
  ASSERT(is_source(source));
  handlers_[source] = nullptr;
}

void Plic::enable(uint32_t context, uint32_t source) {
  change_enable(context, source, true);
}

void Plic::disable(uint32_t context, uint32_t source) {
  change_enable(context, source, false);
}

void Plic::change_enable(uint32_t context, uint32_t source, bool on) {
  ASSERT(is_source(source));
  const uint64_t offset = kEnable + uint64_t{0x80} * context + uint64_t{4} * (source / 32);
  const uint32_t bit = uint32_t{1} << source % 32;
  const uint32_t old = registers_.read32(offset);
  registers_.write32(offset, on ? old | bit : old & ~bit);
}

// By priority and not by the enable bits: a completion counts only while the source is enabled.
void Plic::mask(uint32_t source) {
  ASSERT(is_source(source));
  registers_.write32(kPriority + uint64_t{4} * source, 0);
}

void Plic::unmask(uint32_t source) {
  ASSERT(is_source(source));
  registers_.write32(kPriority + uint64_t{4} * source, 1);
}

uint32_t Plic::dispatch(uint32_t context) {
  const uint64_t claim = kClaim + uint64_t{0x1000} * context;
  uint32_t handled = 0;
  while (const uint32_t source = registers_.read32(claim)) {
    if (!is_source(source)) {
      ++spurious_;
    } else if (handlers_[source] == nullptr || handled >= kStorm) {
      // Nobody asked for it, or nobody makes its cause go away: it must not come again.
      handlers_[source] == nullptr ? ++spurious_ : ++storms_;
      mask(source);
    } else {
      handlers_[source]->on_interrupt();
    }
    if (source <= kMaxSources) ++handled_[source];
    registers_.write32(claim, source);
    ++handled;
  }
  // Another context claimed it first.
  if (handled == 0) ++spurious_;
  return handled;
}

Result<std::unique_ptr<AwaitableInterrupt>> AwaitableInterrupt::connect(Plic& plic,
                                                                        uint32_t context,
                                                                        uint32_t source) {
  std::unique_ptr<AwaitableInterrupt> interrupt(new AwaitableInterrupt(plic, source));
  TRY(plic.connect(source, *interrupt));
  plic.mask(source);
  plic.enable(context, source);
  return interrupt;
}

AwaitableInterrupt::~AwaitableInterrupt() {
  plic_.mask(source_);
  plic_.disconnect(source_);
}

void AwaitableInterrupt::on_interrupt() noexcept {
  plic_.mask(source_);
  happened_.set();
}

coro::Task<void> AwaitableInterrupt::wait() {
  happened_.reset();
  plic_.unmask(source_);
  co_await happened_.wait();
}

}  // namespace nacre::dev
