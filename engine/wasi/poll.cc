// poll_oneoff: waits until at least one of a list of conditions holds. Files and the output streams
// are always ready, so what there is to wait for is a point in time, standard input, or both.
#include <algorithm>

#include "handlers.hh"

namespace nacre::wasi {
namespace {

constexpr uint32_t kMaxSubscriptions = 4096;
constexpr uint32_t kEventSize = 32;

// WASI's `eventtype`.
enum class EventType : uint8_t { Clock = 0, FdRead = 1, FdWrite = 2 };
constexpr uint16_t kHangup = 1;

struct Subscription {
  uint64_t user_data = 0;
  EventType type = EventType::Clock;
  uint32_t fd = 0;
  // Clock: when it fires, in monotonic time.
  uint64_t deadline = System::kNoDeadline;
  // A subscription that cannot be waited for fires at once with this.
  Errno error = Errno::Success;
};

uint64_t saturating_add(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? System::kNoDeadline : sum;
}

// Sets the deadline, or the error, of a clock subscription.
void decode_clock(System& system, uint32_t id, uint64_t timeout, uint16_t flags,
                  Subscription& out) {
  constexpr uint16_t kAbsolute = 1;
  if (flags > kAbsolute || id >= kClockCount) {
    out.error = Errno::Invalid;
    return;
  }
  const auto clock = static_cast<Clock>(id);
  if (clock != Clock::Realtime && clock != Clock::Monotonic) {
    out.error = Errno::NotSupported;  // a program that waits uses no processor time
    return;
  }
  const uint64_t now = system.now(Clock::Monotonic);
  if ((flags & kAbsolute) == 0) {
    out.deadline = saturating_add(now, timeout);
  } else if (clock == Clock::Monotonic) {
    out.deadline = timeout;
  } else {
    const uint64_t wall = system.now(Clock::Realtime);
    out.deadline = timeout <= wall ? now : saturating_add(now, timeout - wall);
  }
}

// Checks a descriptor to be waited for; sets the error if it cannot be.
void check_fd(Call& call, Subscription& subscription) {
  const auto descriptor = find_descriptor(call, subscription.fd, rights::kPollFdReadwrite);
  if (!descriptor) {
    subscription.error = descriptor.error();
    return;
  }
  const uint64_t needed =
      subscription.type == EventType::FdRead ? rights::kFdRead : rights::kFdWrite;
  if (((*descriptor)->rights_base & needed) == 0) subscription.error = Errno::NotCapable;
}

Outcome<std::vector<Subscription>> read_subscriptions(Call& call) {
  const uint32_t count = call.u32(2);
  if (count == 0 || count > kMaxSubscriptions) return refuse(Errno::Invalid);
  const bool unstable = call.dialect == Dialect::Unstable;
  const uint32_t size = unstable ? 56 : 48;
  // The clock's fields; wasi_unstable has an identifier before them.
  const size_t clock = unstable ? 24 : 16;
  if (!call.memory.contains(call.u32(0), uint64_t{count} * size)) return refuse(Errno::Fault);
  std::vector<Subscription> out;
  out.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    Layout<56> raw;
    if (!call.memory.read(uint64_t{call.u32(0)} + uint64_t{i} * size, raw.bytes().first(size))) {
      return refuse(Errno::Fault);
    }
    Subscription& subscription = out.emplace_back();
    subscription.user_data = raw.get<uint64_t>(0);
    const auto tag = raw.get<uint8_t>(8);
    if (tag > static_cast<uint8_t>(EventType::FdWrite)) return refuse(Errno::Invalid);
    subscription.type = static_cast<EventType>(tag);
    if (subscription.type == EventType::Clock) {
      decode_clock(call.process.system(), raw.get<uint32_t>(clock), raw.get<uint64_t>(clock + 8),
                   raw.get<uint16_t>(clock + 24), subscription);
    } else {
      subscription.fd = raw.get<uint32_t>(16);
      check_fd(call, subscription);
    }
  }
  return out;
}

bool waits_for_stdin(Call& call, const Subscription& subscription) {
  if (subscription.type != EventType::FdRead || subscription.error != Errno::Success) return false;
  const Descriptor* descriptor = call.process.descriptors().find(subscription.fd);
  return descriptor != nullptr && descriptor->kind == Descriptor::Kind::Stream;
}

// Whether the condition holds now.
bool is_ready(Call& call, const Subscription& subscription, uint64_t now) {
  if (subscription.error != Errno::Success) return true;
  if (subscription.type == EventType::Clock) return subscription.deadline <= now;
  if (waits_for_stdin(call, subscription)) return call.process.system().stdin_state().ready;
  return true;
}

Layout<kEventSize> event_for(Call& call, const Subscription& subscription) {
  uint64_t bytes = 0;
  uint16_t flags = 0;
  if (subscription.type == EventType::FdRead && subscription.error == Errno::Success) {
    if (waits_for_stdin(call, subscription)) {
      const System::InputState state = call.process.system().stdin_state();
      bytes = state.bytes;
      if (state.end) flags = kHangup;
    } else if (const Descriptor* file = call.process.descriptors().find(subscription.fd)) {
      const uint64_t size = file->inode ? file->inode->size() : 0;
      bytes = size > file->offset ? size - file->offset : 0;
    }
  }
  Layout<kEventSize> event;
  event.put<uint64_t>(0, subscription.user_data)
      .put<uint16_t>(8, static_cast<uint16_t>(subscription.error))
      .put(10, static_cast<uint8_t>(subscription.type))
      .put<uint64_t>(16, bytes)
      .put<uint16_t>(24, flags);
  return event;
}

// Writes the events of all subscriptions that are ready; returns how many, 0 if none is.
Outcome<uint32_t> write_events(Call& call, std::span<const Subscription> subscriptions) {
  const uint64_t now = call.process.system().now(Clock::Monotonic);
  uint32_t count = 0;
  for (const Subscription& subscription : subscriptions) {
    if (!is_ready(call, subscription, now)) continue;
    const Layout<kEventSize> event = event_for(call, subscription);
    if (!call.memory.write(uint64_t{call.u32(1)} + uint64_t{count} * kEventSize, event.bytes())) {
      return refuse(Errno::Fault);
    }
    ++count;
  }
  return count;
}

}  // namespace

coro::Task<Errno> poll_oneoff(Call& call) {
  const auto subscriptions = read_subscriptions(call);
  if (!subscriptions) co_return subscriptions.error();
  if (!call.memory.contains(call.u32(1), uint64_t{call.u32(2)} * kEventSize) ||
      !can_store(call.memory, call.u32(3), 4)) {
    co_return Errno::Fault;
  }
  uint64_t deadline = System::kNoDeadline;
  bool wants_stdin = false;
  for (const Subscription& subscription : *subscriptions) {
    if (subscription.type == EventType::Clock) deadline = std::min(deadline, subscription.deadline);
    wants_stdin |= waits_for_stdin(call, subscription);
  }
  for (;;) {
    const auto count = write_events(call, *subscriptions);
    if (!count) co_return count.error();
    if (*count != 0) {
      co_return call.memory.store(call.u32(3), *count) ? Errno::Success : Errno::Fault;
    }
    if (wants_stdin) {
      co_await call.process.system().wait_for_stdin(deadline);
    } else {
      co_await call.process.system().sleep_until(deadline);
    }
  }
}

}  // namespace nacre::wasi
