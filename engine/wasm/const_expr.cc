// Constant expressions (core specification 2.0, §3.3.10 and §5.4.9): one constant instruction and
// an end. As in later versions, global.get may name any immutable global defined before.
//
// Longer expressions are checked far enough to tell a broken one from one that needs the extended
// constant expressions of later versions.
#include <optional>

#include "module_decoder.hh"
#include "nacre/base/core/format.hh"
#include "nacre/engine/wasm/opcodes.hh"
#include "type_codes.hh"

namespace nacre::wasm {
namespace {

struct TypedExpr {
  ConstExpr expr;
  ValType type;
};

constexpr bool is_extended_const(Opcode opcode) {
  switch (opcode) {
    case Opcode::I32Add:
    case Opcode::I32Sub:
    case Opcode::I32Mul:
    case Opcode::I64Add:
    case Opcode::I64Sub:
    case Opcode::I64Mul:
      return true;
    default:
      return false;
  }
}

void refuse_instruction(ByteReader& section, uint64_t start, uint8_t byte) {
  if (const auto later = unsupported_instruction(byte)) {
    return section.unsupported(later->name, later->feature);
  }
  if (info_of_byte(byte).op_class == OpClass::Unknown) {
    return section.fail_at(start, ErrorCode::Malformed, format("illegal opcode 0x{:02x}", byte));
  }
  section.fail_at(
      start, ErrorCode::Invalid,
      format("constant expression required, found {}",
             byte == kPrefixByte ? "another instruction" : name_of(static_cast<Opcode>(byte))));
}

TypedExpr read_constant(ByteReader& section, Opcode opcode) {
  switch (opcode) {
    case Opcode::I32Const:
      return {{ConstExpr::Kind::I32, static_cast<uint64_t>(section.signed_leb(32))}, ValType::I32};
    case Opcode::I64Const:
      return {{ConstExpr::Kind::I64, static_cast<uint64_t>(section.signed_leb(64))}, ValType::I64};
    case Opcode::F32Const:
      return {{ConstExpr::Kind::F32, section.fixed(4)}, ValType::F32};
    default:
      return {{ConstExpr::Kind::F64, section.fixed(8)}, ValType::F64};
  }
}

}  // namespace

ConstExpr ModuleDecoder::read_const_expr(ByteReader& section, ValType expected) {
  const uint64_t expression_start = section.offset();
  std::optional<ConstExpr> first;
  uint64_t depth = 0;  // values on the stack
  bool is_extended = false;
  ValType top = ValType::Bottom;
  while (!section.failed()) {
    const uint64_t start = section.offset();
    const uint8_t byte = section.u8();
    const auto opcode = static_cast<Opcode>(byte);
    if (section.failed() || opcode == Opcode::End) break;
    TypedExpr value{{ConstExpr::Kind::I32, 0}, ValType::I32};
    if (is_extended_const(opcode)) {
      const ValType operand = info_of(opcode).first;
      if (depth < 2 || top != operand) section.invalid("type mismatch in a constant expression");
      --depth;
      is_extended = true;
      continue;
    }
    if (info_of_byte(byte).op_class == OpClass::Const) {
      value = read_constant(section, opcode);
    } else if (opcode == Opcode::GlobalGet) {
      const uint32_t global = section.u32();
      if (section.failed()) break;
      if (global >= module_.globals.size()) {
        section.invalid(format("unknown global {}", global));
        break;
      }
      if (module_.globals[global].type.is_mutable) {
        section.invalid(format("constant expression required, but global {} is mutable", global));
      }
      value = {{ConstExpr::Kind::GlobalGet, global}, module_.globals[global].type.type};
    } else if (opcode == Opcode::RefNull) {
      value = {{ConstExpr::Kind::RefNull, 0}, read_reference_type(section)};
    } else if (opcode == Opcode::RefFunc) {
      value = {read_function_reference(section), ValType::FuncRef};
    } else {
      refuse_instruction(section, start, byte);
    }
    if (!first) first = value.expr;
    top = value.type;
    ++depth;
  }
  if (!section.failed() && (depth != 1 || top != expected)) {
    section.fail_at(expression_start, ErrorCode::Invalid,
                    format("type mismatch: the constant expression must leave one {}, found {}",
                           name_of(expected), depth == 1 ? name_of(top) : "none or several"));
  }
  if (!section.failed() && is_extended) {
    section.unsupported("arithmetic in a constant expression", "extended constant expressions");
  }
  return first.value_or(ConstExpr{ConstExpr::Kind::I32, 0});
}

}  // namespace nacre::wasm
