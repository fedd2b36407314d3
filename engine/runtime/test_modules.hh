// Modules put together by hand for tests, with code that is never run.
#pragma once

#include <memory>
#include <utility>

#include "nacre/engine/runtime/program.hh"

namespace nacre::runtime {

// Sixteen bytes of code for every defined function.
inline std::shared_ptr<const CompiledProgram> make_program(wasm::Module module,
                                                           TypeRegistry& types) {
  masm::CompiledModule code;
  for (size_t i = module.imported_functions; i < module.functions.size(); ++i) {
    code.functions.push_back({.code_offset = static_cast<uint32_t>(code.code.size()),
                              .code_size = 16,
                              .frame_size = 16,
                              .frame_ready = 8});
    code.code.resize(code.code.size() + 16);
  }
  return std::make_shared<const CompiledProgram>(std::move(module), std::move(code), types);
}

inline wasm::ConstExpr i32(uint32_t value) {
  return {wasm::ConstExpr::Kind::I32, value};
}
inline wasm::ConstExpr ref_func(uint32_t index) {
  return {wasm::ConstExpr::Kind::RefFunc, index};
}
inline wasm::ConstExpr ref_null() {
  return {wasm::ConstExpr::Kind::RefNull, 0};
}
inline wasm::ConstExpr global_get(uint32_t index) {
  return {wasm::ConstExpr::Kind::GlobalGet, index};
}

}  // namespace nacre::runtime
