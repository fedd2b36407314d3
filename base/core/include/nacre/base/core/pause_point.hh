// Where long work lets others go first. The work says how much it has done; every now and then that calls a function, which may
// switch to something else and come back, or throw to end the work.
#pragma once

#include <cstdint>

namespace nacre {

class PausePoint {
 public:
  using Function = void (*)(void* self);
  // Work between two calls, in units of about 100 instructions: about 400,000.
  static constexpr int32_t kInterval = 4000;

  // Calls nothing.
  constexpr PausePoint() = default;
  constexpr PausePoint(Function function, void* self) : function_(function), self_(self) {}

  // `units` of work are done: one is about what a byte of code or an entry of a table costs.
  void did(uint32_t units) {
    left_ -= static_cast<int64_t>(units);
    if (left_ <= 0) [[unlikely]]
      pause();
  }

 private:
  [[gnu::noinline]] void pause() {
    left_ = kInterval;
    if (function_ != nullptr) function_(self_);
  }

  Function function_ = nullptr;
  void* self_ = nullptr;
  int64_t left_ = kInterval;
};

}  // namespace nacre
