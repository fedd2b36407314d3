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

uint32_t Plic::dispatch(uint32_t context) {
  const uint64_t claim = kClaim + uint64_t{0x1000} * context;
  uint32_t handled = 0;
  while (const uint32_t source = registers_.read32(claim)) {
    if (is_source(source) && handlers_[source] != nullptr) {
      handlers_[source]->on_interrupt();
    } else if (is_source(source)) {
      // Nobody asked for it: it must not come again.
      disable(context, source);
    }
    if (source <= kMaxSources) ++handled_[source];
    registers_.write32(claim, source);
    ++handled;
  }
  return handled;
}

}  // namespace nacre::dev
