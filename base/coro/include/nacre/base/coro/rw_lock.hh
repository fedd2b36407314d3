// A lock that many may hold to read or one to write, across suspensions. First come, first served: readers that come after a
// waiting writer wait behind it, so that nobody starves. For any CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "nacre/base/coro/scheduler.hh"

namespace nacre::coro {

class RwLock {
 public:
  enum class Mode : uint8_t { Read, Write };

  class [[nodiscard]] Guard {
   public:
    Guard(Guard&& other) noexcept
        : lock_(std::exchange(other.lock_, nullptr)), mode_(other.mode_) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (lock_ != nullptr) lock_->release(mode_);
    }

   private:
    friend class RwLock;
    Guard(RwLock& lock, Mode mode) noexcept : lock_(&lock), mode_(mode) {}
    RwLock* lock_;
    Mode mode_;
  };

  RwLock() = default;
  RwLock(const RwLock&) = delete;
  RwLock& operator=(const RwLock&) = delete;
  ~RwLock() { DEBUG_ASSERT(is_free()); }

  [[nodiscard]] bool is_free() const noexcept {
    const SpinGuard guard(lock_);
    return readers_ == 0 && !written_;
  }

  // auto guard = co_await lock.read();
  [[nodiscard]] auto read() noexcept { return Awaiter(*this, Mode::Read); }
  [[nodiscard]] auto write() noexcept { return Awaiter(*this, Mode::Write); }

 private:
  struct Awaiter : Waiter {
    using Value = Guard;

    RwLock& lock;
    Mode mode;
    Awaiter(RwLock& l, Mode m) noexcept : lock(l), mode(m) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter() { abandon(); }
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
      this->arm(coroutine);
      const SpinGuard guard(lock.lock_);
      if (lock.waiters_.is_empty() && lock.try_take(mode)) {
        this->disarm();
        return false;
      }
      lock.waiters_.push_back(*this);
      return true;
    }
    [[nodiscard]] Guard await_resume() noexcept {
      this->finish(lock.lock_);
      return take();
    }
    // Ends the wait: whether the lock is ours.
    [[nodiscard]] bool settle() noexcept {
      const SpinGuard guard(lock.lock_);
      const bool ours = !this->is_linked();
      this->unlink();
      this->disarm();
      // A writer that leaves may have kept readers waiting.
      if (!ours) lock.admit();
      return ours;
    }
    void abandon() noexcept {
      if (this->is_armed() && settle()) lock.release(mode);
    }
    [[nodiscard]] Guard take() const noexcept { return Guard(lock, mode); }
  };

  [[nodiscard]] bool try_take(Mode mode) noexcept REQUIRES(lock_) {
    if (written_ || (mode == Mode::Write && readers_ != 0)) return false;
    if (mode == Mode::Write) {
      written_ = true;
    } else {
      ++readers_;
    }
    return true;
  }
  // Lets in those at the front who may.
  void admit() noexcept REQUIRES(lock_) {
    while (auto* first = static_cast<Awaiter*>(waiters_.front())) {
      if (!try_take(first->mode)) return;
      first->unlink();
      first->wake();
    }
  }
  void release(Mode mode) noexcept {
    const SpinGuard guard(lock_);
    if (mode == Mode::Write) {
      written_ = false;
    } else {
      --readers_;
    }
    admit();
  }

  mutable SpinLock lock_;
  size_t readers_ GUARDED_BY(lock_) = 0;
  bool written_ GUARDED_BY(lock_) = false;
  IntrusiveList<Waiter> waiters_;  // under the lock; Awaiters
};

}  // namespace nacre::coro
