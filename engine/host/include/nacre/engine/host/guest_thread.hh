// Runs compiled code in this process: a stack of its own with a guard, entry and exit in assembly (enter.S), traps caught
// as signals. Processes that use it are single-threaded: the entry that signals belong to is a global.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "nacre/engine/runtime/store.hh"
#include "nacre/engine/runtime/thread_entry.hh"

namespace nacre::host {

class GuestThread {
 public:
  static constexpr ByteSize kDefaultStack = ByteSize::mib(8);

  // Gives the store its stack. The store must outlive the thread.
  [[nodiscard]] static Result<std::unique_ptr<GuestThread>> create(runtime::Store& store,
                                                                   ByteSize stack = kDefaultStack);
  GuestThread(const GuestThread&) = delete;
  GuestThread& operator=(const GuestThread&) = delete;
  ~GuestThread();

  // Calls a function with value bits (thread_entry.hh). An error means that it could not be called at all. May be used
  // by a host function to call back into the guest. With `mark`, hint instructions that the instruction counter knows
  // enclose the call.
  enum class Marking : uint8_t { None, Mark };
  [[nodiscard]] Result<runtime::InvokeOutcome> invoke(const runtime::Function& function,
                                                      std::span<const uint64_t> arguments,
                                                      Marking marking = Marking::None);

 private:
  GuestThread(runtime::Store& store, UserAddr reservation, ByteSize size, UserAddr top)
      : store_(store), reservation_(reservation), size_(size), top_(top) {}

  runtime::Store& store_;
  UserAddr reservation_;
  ByteSize size_;
  UserAddr top_;
};

// Some time from now, whatever compiled code then runs ends with TrapKind::Interrupted. A host function is not interrupted.
void interrupt_after(uint64_t milliseconds);

// The instruction counter (a TCG plug-in) counts what runs between these two; they have no effect otherwise.
void mark_begin();
void mark_end();

}  // namespace nacre::host
