#include "value_match.hh"

#include "nacre/base/core/format.hh"

namespace nacre::spec {
namespace {

using wasm::ValType;

constexpr uint64_t kLowHalf = 0xffff'ffff;

bool is_narrow(ValType type) {
  return type == ValType::I32 || type == ValType::F32;
}

// All exponent bits and the quiet bit set; canonical: and no other bit but the sign (core specification §4.3.3).
bool is_arithmetic_nan(ValType type, uint64_t bits) {
  const uint64_t quiet = type == ValType::F32 ? 0x7fc0'0000 : 0x7ff8'0000'0000'0000;
  return (bits & quiet) == quiet;
}

bool is_canonical_nan(ValType type, uint64_t bits) {
  const uint64_t sign = type == ValType::F32 ? uint64_t{1} << 31 : uint64_t{1} << 63;
  const uint64_t quiet = type == ValType::F32 ? 0x7fc0'0000 : 0x7ff8'0000'0000'0000;
  return (bits & ~sign) == quiet;
}

std::string value_to_string(ValType type, Value::Match match, uint64_t bits) {
  const std::string_view name = type == ValType::Bottom ? "ref" : wasm::name_of(type);
  switch (match) {
    case Value::Match::Exact:
      return format("{}:0x{:x}", name, bits);
    case Value::Match::CanonicalNan:
      return format("{}:canonical NaN", name);
    case Value::Match::ArithmeticNan:
      return format("{}:arithmetic NaN", name);
    case Value::Match::NonNull:
      return format("{}:not null", name);
  }
  return "";
}

}  // namespace

bool matches(const Value& expected, const TypedBits& found) {
  const bool is_any_null = expected.type == ValType::Bottom && wasm::is_reference(found.type);
  if (expected.type != found.type && !is_any_null) return false;
  const uint64_t mask = is_narrow(found.type) ? kLowHalf : ~uint64_t{0};
  const uint64_t bits = found.bits & mask;
  switch (expected.match) {
    case Value::Match::Exact:
      return bits == (expected.bits & mask);
    case Value::Match::CanonicalNan:
      return is_canonical_nan(found.type, bits);
    case Value::Match::ArithmeticNan:
      return is_arithmetic_nan(found.type, bits);
    case Value::Match::NonNull:
      return bits != 0;
  }
  return false;
}

bool matches(std::span<const Value> expected, std::span<const TypedBits> found) {
  if (expected.size() != found.size()) return false;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!matches(expected[i], found[i])) return false;
  }
  return true;
}

bool refusal_matches(const Command& command, const Error& error) {
  if (command.kind == CommandKind::Malformed) return error.code() == ErrorCode::Malformed;
  return error.code() == ErrorCode::Invalid;
}

std::string to_string(std::span<const Value> values) {
  std::string text = "(";
  for (const Value& value : values) {
    if (text.size() > 1) text += ", ";
    text += value_to_string(value.type, value.match, value.bits);
  }
  return text + ")";
}

std::string to_string(std::span<const TypedBits> values) {
  std::string text = "(";
  for (const TypedBits& value : values) {
    if (text.size() > 1) text += ", ";
    text += value_to_string(value.type, Value::Match::Exact, value.bits);
  }
  return text + ")";
}

}  // namespace nacre::spec
