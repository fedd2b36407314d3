#include "nacre/engine/wasm/types.hh"

namespace nacre::wasm {

const char* name_of(ValType type) {
  switch (type) {
    case ValType::I32:
      return "i32";
    case ValType::I64:
      return "i64";
    case ValType::F32:
      return "f32";
    case ValType::F64:
      return "f64";
    case ValType::V128:
      return "v128";
    case ValType::FuncRef:
      return "funcref";
    case ValType::ExternRef:
      return "externref";
    case ValType::Bottom:
      return "any";
  }
  return "unknown type";
}

}  // namespace nacre::wasm
