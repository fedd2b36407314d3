// Where the calling convention puts a value: in a register that somebody saved, or on the guest's stack.
#pragma once

#include <cstdint>

#include "bytes.hh"
#include "nacre/base/core/error.hh"
#include "nacre/engine/runtime/platform.hh"
#include "nacre/engine/wasm/call_layout.hh"

namespace nacre::runtime {

class CallSlots {
 public:
  // `floats` may be null if no location is a float register. `sp` is where the stack slots are alleged to be.
  CallSlots(Platform& platform, uint64_t* integers, uint64_t* floats, UserAddr sp)
      : platform_(platform), integers_(integers), floats_(floats), sp_(sp) {}

  [[nodiscard]] Result<uint64_t> read(wasm::ValueLocation location) const {
    switch (location.kind) {
      case wasm::ValueLocation::Kind::Integer:
        return integers_[location.index];
      case wasm::ValueLocation::Kind::Float:
        return floats_[location.index];
      case wasm::ValueLocation::Kind::Stack:
        break;
    }
    return read_object<uint64_t>(platform_, on_stack(location.index));
  }
  [[nodiscard]] Result<void> write(wasm::ValueLocation location, uint64_t slot) const {
    switch (location.kind) {
      case wasm::ValueLocation::Kind::Integer:
        integers_[location.index] = slot;
        return {};
      case wasm::ValueLocation::Kind::Float:
        floats_[location.index] = slot;
        return {};
      case wasm::ValueLocation::Kind::Stack:
        break;
    }
    return write_object(platform_, on_stack(location.index), slot);
  }

 private:
  [[nodiscard]] UserAddr on_stack(uint32_t index) const {
    // Wraps rather than panics: a wild address fails in the platform.
    return UserAddr(sp_.value() + 8 * uint64_t{index});
  }

  Platform& platform_;
  uint64_t* integers_;
  uint64_t* floats_;
  UserAddr sp_;
};

}  // namespace nacre::runtime
