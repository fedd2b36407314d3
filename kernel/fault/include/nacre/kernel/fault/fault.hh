// The faults that can be made on purpose.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace nacre::fault {

// How far a fault reaches.
enum class Reach : uint8_t {
  Request,  // it unwinds to the nearest boundary, and the system goes on
  Machine,  // it stops the machine
};

struct Kind {
  std::string_view name;
  std::string_view help;
  Reach reach;
  // Does not return. In any context: a task, a fiber, an interrupt handler, before the executor runs.
  void (*make)();
};

[[nodiscard]] std::span<const Kind> kinds();
// nullptr if there is none of that name.
[[nodiscard]] const Kind* find(std::string_view name);

// A load of eight bytes that the compiler knows nothing about: where it faults, it unwinds like any other panic.
void load_from(uint64_t address);

}  // namespace nacre::fault
