// A queue between strands, of limited length: senders wait while it is full, receivers while it is empty. Values are received
// in the order in which they were sent. For any CPU.
//
// A receiver that is woken has one value reserved for it. If it is cancelled before it runs, the reservation passes to the
// next, so that no value is lost.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "nacre/base/coro/scheduler.hh"

namespace nacre::coro {

template <class T>
class Channel {
 public:
  // At least 1. Room for that many is allocated now, and nothing later.
  explicit Channel(size_t capacity) : ring_(capacity) { ASSERT(capacity >= 1); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  [[nodiscard]] bool is_closed() const noexcept { return (lock_.peek() & kClosed) != 0; }
  [[nodiscard]] size_t size() const noexcept {
    const SpinGuard guard(lock_);
    return count_;
  }

  // Nothing can be sent any more; what was sent can still be received. Senders that wait give up.
  void close() noexcept {
    lock_.lock();
    while (Waiter* sender = senders_.pop_front()) sender->wake();
    while (Waiter* receiver = receivers_.pop_front()) receiver->wake();
    lock_.unlock(kClosed);
  }

  // False, and nothing happened, if the channel is full or closed.
  [[nodiscard]] bool try_send(T& value) {
    const uint32_t state = lock_.lock();
    const bool sent = state != kClosed && has_room();
    if (sent) push(std::move(value));
    lock_.unlock(state);
    return sent;
  }
  [[nodiscard]] std::optional<T> try_receive() {
    const SpinGuard guard(lock_);
    return try_pop();
  }

  // co_await channel.send(v): false if the channel was closed before there was room.
  [[nodiscard]] auto send(T value) { return SendAwaiter(*this, std::move(value)); }
  // co_await channel.receive(): nothing once the channel is closed and empty.
  [[nodiscard]] auto receive() noexcept { return ReceiveAwaiter(*this); }

 private:
  static constexpr uint32_t kClosed = 2;  // the lock's state

  // A sender in the queue keeps its value until there is room.
  struct SendAwaiter : Waiter {
    using Value = bool;

    Channel& channel;
    std::optional<T> value;
    bool sent = false;

    SendAwaiter(Channel& c, T v) : channel(c), value(std::move(v)) {}
    SendAwaiter(const SendAwaiter&) = delete;
    SendAwaiter& operator=(const SendAwaiter&) = delete;
    ~SendAwaiter() { abandon(); }
    void abandon() noexcept {
      if (this->is_armed()) (void)settle();
    }
    [[nodiscard]] bool await_ready() {
      sent = channel.try_send(*value);
      return sent || channel.is_closed();
    }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) {
      this->arm(coroutine);
      const uint32_t state = channel.lock_.lock();
      bool waits = false;
      if (state != kClosed) {
        sent = channel.has_room();
        waits = !sent;
        if (sent) channel.push(std::move(*value));
      }
      if (waits) channel.senders_.push_back(*this);
      if (!waits) this->disarm();
      channel.lock_.unlock(state);
      return waits;
    }
    [[nodiscard]] bool await_resume() noexcept {
      this->finish(channel.lock_);
      return sent;
    }
    // Ends the wait: whether it is over, by success or by closing. A value that was sent stays sent.
    [[nodiscard]] bool settle() noexcept { return Waiter::settle(channel.lock_); }
    [[nodiscard]] bool take() const noexcept { return sent; }
  };

  struct ReceiveAwaiter : Waiter {
    using Value = std::optional<T>;

    Channel& channel;
    bool reserved = false;  // under the channel's lock

    explicit ReceiveAwaiter(Channel& c) noexcept : channel(c) {}
    ReceiveAwaiter(const ReceiveAwaiter&) = delete;
    ReceiveAwaiter& operator=(const ReceiveAwaiter&) = delete;
    ~ReceiveAwaiter() { abandon(); }
    // What was reserved is the next one's.
    void abandon() noexcept {
      if (this->is_armed()) (void)settle();
      if (!std::exchange(reserved, false)) return;
      const SpinGuard guard(channel.lock_);
      --channel.reserved_;
      channel.offer();
    }
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
      this->arm(coroutine);
      const uint32_t state = channel.lock_.lock();
      // A value that is there is ours from now on: others may be as quick.
      reserved = channel.count_ > channel.reserved_;
      if (reserved) ++channel.reserved_;
      const bool waits = !reserved && state != kClosed;
      if (waits) {
        channel.receivers_.push_back(*this);
      } else {
        this->disarm();
      }
      channel.lock_.unlock(state);
      return waits;
    }
    [[nodiscard]] std::optional<T> await_resume() {
      this->disarm();
      return take();
    }
    // Ends the wait: whether there is something, a value or the end.
    [[nodiscard]] bool settle() noexcept { return Waiter::settle(channel.lock_); }
    [[nodiscard]] std::optional<T> take() {
      const SpinGuard guard(channel.lock_);
      if (!std::exchange(reserved, false)) return channel.try_pop();
      --channel.reserved_;
      return channel.pop();
    }
  };

  // What follows needs the lock.
  [[nodiscard]] bool has_room() const noexcept {
    return count_ < ring_.size() && senders_.is_empty();
  }
  void push(T value) {
    ring_[(first_ + count_) % ring_.size()].emplace(std::move(value));
    ++count_;
    offer();
  }
  // Gives values that nobody has a claim on to those who wait.
  void offer() noexcept {
    while (count_ > reserved_) {
      auto* receiver = static_cast<ReceiveAwaiter*>(receivers_.pop_front());
      if (receiver == nullptr) return;
      receiver->reserved = true;
      ++reserved_;
      receiver->wake();
    }
  }
  std::optional<T> try_pop() {
    if (count_ <= reserved_) return std::nullopt;
    return pop();
  }
  std::optional<T> pop() {
    std::optional<T> value = std::exchange(ring_[first_], std::nullopt);
    first_ = (first_ + 1) % ring_.size();
    --count_;
    // Room for one who waits to send.
    if (auto* sender = static_cast<SendAwaiter*>(senders_.pop_front())) {
      sender->sent = true;
      push(std::move(*sender->value));
      sender->wake();
    }
    return value;
  }

  mutable SpinLock lock_;
  std::vector<std::optional<T>> ring_;
  size_t first_ = 0;
  size_t count_ = 0;
  size_t reserved_ = 0;  // values that woken receivers will take
  IntrusiveList<Waiter> senders_;
  IntrusiveList<Waiter> receivers_;
};

}  // namespace nacre::coro
