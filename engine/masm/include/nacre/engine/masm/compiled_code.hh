// What a tier produces: position-independent machine code of a whole module and the tables that
// make its traps and backtraces readable.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/abi/trap_kind.hh"
#include "nacre/engine/masm/code_bytes.hh"

namespace nacre::masm {

// A place in the code where a guest can stop: an instruction that may trap (code_offset is the
// instruction's), or a call (kind None; code_offset is the return address).
struct TrapSite {
  uint32_t code_offset;       // bytes from the start of the module's code
  uint32_t wasm_offset : 28;  // bytes from the start of the module: the WebAssembly instruction
  uint32_t kind : 4;          // abi::TrapKind
};
static_assert(sizeof(TrapSite) == 8);

struct CompiledFunction {
  uint32_t code_offset;  // entry, bytes from the start of the module's code
  uint32_t code_size;
  uint32_t frame_size;   // bytes; ra is at frame_size-8(sp) once the prologue has run
  uint16_t frame_ready;  // bytes of prologue after which that holds; 0xffff if the function never
                         // builds a frame (ra then stays in the register, and sp is the caller's)
  uint16_t reserved = 0;
};

struct CompiledModule {
  CodeBytes code;
  std::vector<CompiledFunction> functions;  // defined functions only, in index order
  std::vector<TrapSite> trap_sites;         // ascending by code_offset

  // Where a call returns to, an instruction that may trap can begin: then two sites have the same offset.
  //
  // The site at exactly this offset, or nullptr; of two, the one that traps.
  [[nodiscard]] const TrapSite* find_trap_site(uint32_t code_offset) const;
  // The call that returns to exactly this offset, or nullptr.
  [[nodiscard]] const TrapSite* find_call_site(uint32_t return_offset) const;
  // The defined function (0-based, imports not counted) whose code holds this offset, or -1.
  [[nodiscard]] int64_t find_function(uint32_t code_offset) const;
};

}  // namespace nacre::masm
