// The single-pass tier: decodes, validates and emits each function in one walk over its bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "nacre/base/core/error.hh"
#include "nacre/base/core/pause_point.hh"
#include "nacre/engine/masm/compiled_code.hh"
#include "nacre/engine/wasm/module.hh"

namespace nacre::baseline {

struct CompileOptions {
  // Extensions of the machine that will run the code.
  bool has_zba = true;
  bool has_zbb = true;
  bool has_zbs = true;
  // Canonical type id for every entry of Module::types; call_indirect compares these.
  std::span<const uint32_t> type_ids;
  // Called between functions with the bytes of the code section done so far.
  std::function<void(uint64_t done_bytes)> on_progress;
  PausePoint pauses;  // also within functions
};

// Validates and compiles every function body of `module`. Errors are the validator's, with the module's byte offset.
[[nodiscard]] Result<masm::CompiledModule> compile_module(const wasm::Module& module,
                                                          const CompileOptions& options);

}  // namespace nacre::baseline
