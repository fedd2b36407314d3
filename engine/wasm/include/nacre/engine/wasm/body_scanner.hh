// A quick look over a function body before it is decoded: which locals are used how often and how
// deep in loops, and whether it calls. Only immediates are skipped, nothing is validated, so it
// must be (and is) safe on any bytes: it never reads beyond the body and never allocates. What it
// reports of an invalid body is meaningless but harmless; indices it reports are unchecked.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "nacre/engine/wasm/opcodes.hh"

namespace nacre::wasm {

// What the scanner reports; derive and hide the functions you need.
inline constexpr uint32_t kScanStretch = 16384;

struct NullScanVisitor {
  // About every kScanStretch bytes, and at the end: how many bytes there were.
  void on_stretch(uint32_t /*bytes*/) {}
  // A run of declared locals, in order; the parameters are not among them.
  void on_local_declaration(uint32_t /*count*/, ValType /*type*/) {}
  void on_local_get(uint32_t /*local*/) {}
  void on_local_set(uint32_t /*local*/) {}
  void on_local_tee(uint32_t /*local*/) {}
  // block, loop, if; each is closed by an on_end, as is the function itself.
  void on_open(Opcode /*opcode*/) {}
  void on_else() {}
  void on_end() {}
  void on_call(uint32_t /*function*/) {}
  void on_call_indirect(uint32_t /*type_index*/, uint32_t /*table*/) {}
  // A constant of more than one byte, or one in front of `next`, the following instruction's first byte (0 at the end),
  // for which wants_small_const() says true. Integers sign-extended, floats as bits.
  void on_const(ValType /*type*/, int64_t /*bits*/, uint8_t /*next*/) {}
  [[nodiscard]] bool wants_small_const(uint8_t /*next*/) const { return false; }
  // A load or store with an offset of more than one byte.
  void on_far_access(uint32_t /*offset*/) {}
  // Every other instruction that may become a call into the runtime: memory.*, table.*, and so on.
  void on_bulk(Opcode /*opcode*/) {}
};

namespace scan_detail {

// A cursor that cannot leave [at, end).
struct Cursor {
  const uint8_t* at;
  const uint8_t* end;

  [[nodiscard]] uint32_t u32() {
    if (at != end && *at < 0x80) [[likely]]
      return *at++;
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 35 && at != end; shift += 7) {
      const uint8_t byte = *at++;
      value |= static_cast<uint32_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return value;
  }
  [[nodiscard]] int64_t s64() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at != end; shift += 7) {
      const uint8_t byte = *at++;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      const unsigned width = shift + 7;
      if (width < 64) return static_cast<int64_t>(value << (64 - width)) >> (64 - width);
      break;
    }
    return static_cast<int64_t>(value);
  }
  [[nodiscard]] uint64_t fixed(size_t bytes) {
    uint64_t value = 0;
    if (static_cast<size_t>(end - at) >= bytes) std::memcpy(&value, at, bytes);
    skip(bytes);
    return value;
  }
  [[nodiscard]] uint8_t peek() const { return at == end ? 0 : *at; }
  void skip_leb() {
    while (at != end && *at++ >= 0x80) {
    }
  }
  void skip(size_t bytes) { at = static_cast<size_t>(end - at) < bytes ? end : at + bytes; }
};

inline void skip_immediates(Cursor& cursor, Immediates immediates) {
  switch (immediates) {
    case Immediates::None:
    case Immediates::Prefix:
    case Immediates::Unknown:
      return;
    case Immediates::BlockType:
    case Immediates::Index:
    case Immediates::I32:
    case Immediates::I64:
      return cursor.skip_leb();
    case Immediates::TwoIndices:
    case Immediates::MemArg:
      cursor.skip_leb();
      return cursor.skip_leb();
    case Immediates::MemoryIndex:
    case Immediates::RefType:
      return cursor.skip(1);
    case Immediates::F32:
      return cursor.skip(4);
    case Immediates::F64:
      return cursor.skip(8);
    case Immediates::Types:
      return cursor.skip(cursor.u32());
    case Immediates::BrTable: {
      for (uint64_t left = uint64_t{cursor.u32()} + 1; left != 0 && cursor.at != cursor.end;
           --left) {
        cursor.skip_leb();
      }
      return;
    }
  }
}

template <class Visitor>
inline void scan_const(Cursor& cursor, Immediates immediates, Visitor& visitor) {
  switch (immediates) {
    case Immediates::F32: {
      const auto bits = static_cast<int64_t>(cursor.fixed(4));
      return visitor.on_const(ValType::F32, bits, cursor.peek());
    }
    case Immediates::F64: {
      const auto bits = static_cast<int64_t>(cursor.fixed(8));
      return visitor.on_const(ValType::F64, bits, cursor.peek());
    }
    default:
      break;
  }
  const bool is_long = cursor.peek() >= 0x80;
  const int64_t value = cursor.s64();
  if (!is_long && !visitor.wants_small_const(cursor.peek())) return;
  visitor.on_const(immediates == Immediates::I32 ? ValType::I32 : ValType::I64, value,
                   cursor.peek());
}

template <class Visitor>
inline void scan_access(Cursor& cursor, Visitor& visitor) {
  cursor.skip_leb();
  if (cursor.peek() < 0x80) return cursor.skip(1);
  visitor.on_far_access(cursor.u32());
}

// One instruction. False if nothing behind it can be read.
template <class Visitor>
[[gnu::always_inline]] inline bool scan_instruction(Cursor& cursor, Visitor& visitor) {
  const uint8_t byte = *cursor.at++;
  const OpcodeInfo info = info_of_byte(byte);
  switch (info.op_class) {
    case OpClass::LocalGet:
      visitor.on_local_get(cursor.u32());
      return true;
    case OpClass::LocalSet:
      visitor.on_local_set(cursor.u32());
      return true;
    case OpClass::LocalTee:
      visitor.on_local_tee(cursor.u32());
      return true;
    case OpClass::Call:
      visitor.on_call(cursor.u32());
      return true;
    case OpClass::CallIndirect: {
      const uint32_t type = cursor.u32();
      visitor.on_call_indirect(type, cursor.u32());
      return true;
    }
    case OpClass::Block:
    case OpClass::Loop:
    case OpClass::If:
      cursor.skip_leb();
      visitor.on_open(static_cast<Opcode>(byte));
      return true;
    case OpClass::Else:
      visitor.on_else();
      return true;
    case OpClass::Const:
      scan_const(cursor, info.immediates, visitor);
      return true;
    case OpClass::Load:
    case OpClass::Store:
      scan_access(cursor, visitor);
      return true;
    case OpClass::End:
      visitor.on_end();
      return true;
    case OpClass::Unknown:
      return false;
    case OpClass::Prefix: {
      const uint32_t number = cursor.u32();
      if (number >= kPrefixedOpcodes) return false;
      const OpcodeInfo prefixed = info_of_prefixed(number);
      skip_immediates(cursor, prefixed.immediates);
      if (prefixed.op_class != OpClass::Convert)
        visitor.on_bulk(static_cast<Opcode>(0xfc00 + number));
      return true;
    }
    case OpClass::Memory:
    case OpClass::Table:
      skip_immediates(cursor, info.immediates);
      visitor.on_bulk(static_cast<Opcode>(byte));
      return true;
    default:
      skip_immediates(cursor, info.immediates);
      return true;
  }
}

}  // namespace scan_detail

// `body` is locals and code, as Function::body_offset and body_size give it.
template <class Visitor>
void scan_body(std::span<const uint8_t> body, Visitor& visitor) {
  scan_detail::Cursor cursor{body.data(), body.data() + body.size()};
  for (uint32_t groups = cursor.u32(); groups != 0 && cursor.at != cursor.end; --groups) {
    const uint32_t count = cursor.u32();
    if (cursor.at == cursor.end) return;
    visitor.on_local_declaration(count, static_cast<ValType>(*cursor.at++));
  }
  while (cursor.at != cursor.end) {
    const uint8_t* const start = cursor.at;
    const uint8_t* const stretch_end =
        start + std::min<ptrdiff_t>(kScanStretch, cursor.end - start);
    while (cursor.at < stretch_end) {
      if (!scan_detail::scan_instruction(cursor, visitor)) return;
    }
    visitor.on_stretch(static_cast<uint32_t>(cursor.at - start));
  }
}

}  // namespace nacre::wasm
