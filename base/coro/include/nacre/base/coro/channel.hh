// A queue between tasks, of limited length: senders wait while it is full, receivers while it is empty. Values are received
// in the order in which send() was called.
//
// A receiver that is woken has one value reserved for it. If it is cancelled before it runs, the reservation passes to the
// next, so that no value is lost.
#pragma once

#include <deque>
#include <optional>
#include <utility>

#include "nacre/base/coro/scheduler.hh"

namespace nacre::coro {

template <class T>
class Channel {
 public:
  // At least 1.
  explicit Channel(size_t capacity) : capacity_(capacity) { ASSERT(capacity >= 1); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  [[nodiscard]] bool is_closed() const noexcept { return closed_; }
  [[nodiscard]] size_t size() const noexcept { return values_.size(); }

  // Nothing can be sent any more; what was sent can still be received. Senders that wait give up.
  void close() noexcept {
    closed_ = true;
    while (Waiter* sender = senders_.front()) sender->wake();
    while (Waiter* receiver = receivers_.front()) receiver->wake();
  }

  // False, and nothing happened, if the channel is full or closed.
  [[nodiscard]] bool try_send(T& value) {
    if (closed_ || values_.size() >= capacity_ || !senders_.is_empty()) return false;
    push(std::move(value));
    return true;
  }
  [[nodiscard]] std::optional<T> try_receive() {
    if (values_.size() <= reserved_) return std::nullopt;
    return pop();
  }

  // co_await channel.send(v): false if the channel was closed before there was room.
  [[nodiscard]] auto send(T value) { return SendAwaiter(*this, std::move(value)); }
  // co_await channel.receive(): nothing once the channel is closed and empty.
  [[nodiscard]] auto receive() noexcept { return ReceiveAwaiter(*this); }

 private:
  // A sender in the queue keeps its value until there is room.
  struct SendAwaiter : Waiter {
    Channel& channel;
    std::optional<T> value;
    bool sent = false;

    SendAwaiter(Channel& c, T v) : channel(c), value(std::move(v)) {}
    [[nodiscard]] bool await_ready() {
      sent = channel.try_send(*value);
      return sent || channel.closed_;
    }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept {
      this->suspend_on(channel.senders_, coroutine);
    }
    [[nodiscard]] bool await_resume() const noexcept { return sent; }
  };

  struct ReceiveAwaiter : Waiter {
    Channel& channel;
    bool reserved = false;

    explicit ReceiveAwaiter(Channel& c) noexcept : channel(c) {}
    ~ReceiveAwaiter() {
      if (!reserved) return;
      --channel.reserved_;
      channel.offer();
    }
    [[nodiscard]] bool await_ready() const noexcept {
      return channel.values_.size() > channel.reserved_ || channel.closed_;
    }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept {
      this->suspend_on(channel.receivers_, coroutine);
    }
    [[nodiscard]] std::optional<T> await_resume() {
      if (std::exchange(reserved, false)) {
        --channel.reserved_;
        return channel.pop();
      }
      return channel.try_receive();
    }
  };

  void push(T value) {
    values_.push_back(std::move(value));
    offer();
  }
  // Gives values that nobody has a claim on to those who wait.
  void offer() noexcept {
    while (values_.size() > reserved_) {
      auto* receiver = static_cast<ReceiveAwaiter*>(receivers_.front());
      if (receiver == nullptr) return;
      receiver->reserved = true;
      ++reserved_;
      receiver->wake();
    }
  }
  T pop() {
    T value = std::move(values_.front());
    values_.pop_front();
    // Room for one who waits to send.
    if (auto* sender = static_cast<SendAwaiter*>(senders_.front())) {
      sender->sent = true;
      push(std::move(*sender->value));
      sender->wake();
    }
    return value;
  }

  const size_t capacity_;
  size_t reserved_ = 0;  // values that woken receivers will take
  bool closed_ = false;
  std::deque<T> values_;
  IntrusiveList<Waiter> senders_;
  IntrusiveList<Waiter> receivers_;
};

}  // namespace nacre::coro
