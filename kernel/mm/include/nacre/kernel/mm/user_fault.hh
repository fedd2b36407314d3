// What a trap from user mode asks of an address space. Kernel only.
#pragma once

#include <optional>

#include "nacre/kernel/mm/address_space.hh"
#include "nacre/kernel/trap/user_context.hh"

namespace nacre::mm {

// Of a page fault; nothing for other traps.
[[nodiscard]] constexpr std::optional<FaultAccess> access_of(trap::Cause cause) {
  switch (cause) {
    case trap::Cause::InstructionPageFault:
      return FaultAccess::Execute;
    case trap::Cause::LoadPageFault:
      return FaultAccess::Read;
    case trap::Cause::StorePageFault:
      return FaultAccess::Write;
    default:
      return std::nullopt;
  }
}

}  // namespace nacre::mm
