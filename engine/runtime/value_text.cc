#include "nacre/engine/runtime/value_text.hh"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "nacre/base/core/format.hh"
#include "shortest_decimal.hh"

namespace nacre::runtime {
namespace {

using wasm::ValType;

std::unexpected<Error> bad_word(std::string_view word, ValType type) {
  return fail(ErrorCode::InvalidArgument,
              format("`{}` is not a value of type {}", word, wasm::name_of(type)));
}

// An integer of `width` bits, signed or unsigned, as its low bits.
Result<uint64_t> parse_integer(std::string_view word, ValType type, unsigned width) {
  std::string_view digits = word;
  const bool is_negative = digits.starts_with('-');
  if (is_negative || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    base = 16;
  }
  uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return bad_word(word, type);
  const uint64_t limit = is_negative ? uint64_t{1} << (width - 1) : ~uint64_t{0} >> (64 - width);
  if (magnitude > limit) return bad_word(word, type);
  const uint64_t bits = is_negative ? uint64_t{0} - magnitude : magnitude;
  return bits & (~uint64_t{0} >> (64 - width));
}

Result<uint64_t> parse_float(std::string_view word, ValType type) {
  // The C functions want a terminator and skip leading blanks, which are no part of a number here.
  const std::string text(word);
  if (text.empty() || text[0] == ' ') return bad_word(word, type);
  char* end = nullptr;
  uint64_t bits = 0;
  if (type == ValType::F32) {
    bits = std::bit_cast<uint32_t>(std::strtof(text.c_str(), &end));
  } else {
    bits = std::bit_cast<uint64_t>(std::strtod(text.c_str(), &end));
  }
  if (end != text.c_str() + text.size()) return bad_word(word, type);
  return bits;
}

template <class Float>
std::string float_to_string(Float value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const std::string sign = std::signbit(value) ? "-" : "";
  if (value == 0) return sign + "0";
  const Decimal decimal = shortest_decimal(std::fabs(value));
  const std::string digits(decimal.digits());
  if (decimal.exponent <= 0) {
    return sign + "0." + std::string(static_cast<size_t>(-decimal.exponent), '0') + digits;
  }
  const auto whole = static_cast<size_t>(decimal.exponent);
  if (whole >= digits.size()) return sign + digits + std::string(whole - digits.size(), '0');
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

}  // namespace

Result<std::vector<uint64_t>> parse_arguments(const wasm::FuncType& type,
                                              std::span<const std::string_view> words) {
  if (words.size() != type.params.size()) {
    return fail(ErrorCode::InvalidArgument,
                format("the function takes {} arguments, but {} were given", type.params.size(),
                       words.size()));
  }
  std::vector<uint64_t> values;
  values.reserve(words.size());
  for (size_t i = 0; i < words.size(); ++i) {
    const ValType param = type.params[i];
    switch (param) {
      case ValType::I32: {
        TRY_ASSIGN(const uint64_t bits, parse_integer(words[i], param, 32));
        values.push_back(bits);
        break;
      }
      case ValType::I64: {
        TRY_ASSIGN(const uint64_t bits, parse_integer(words[i], param, 64));
        values.push_back(bits);
        break;
      }
      case ValType::F32:
      case ValType::F64: {
        TRY_ASSIGN(const uint64_t bits, parse_float(words[i], param));
        values.push_back(bits);
        break;
      }
      default:
        return bad_word(words[i], param);
    }
  }
  return values;
}

std::string value_to_string(wasm::ValType type, uint64_t bits) {
  switch (type) {
    case ValType::I32:
      return format("{}", static_cast<int32_t>(bits));
    case ValType::I64:
      return format("{}", static_cast<int64_t>(bits));
    case ValType::F32:
      return float_to_string(std::bit_cast<float>(static_cast<uint32_t>(bits)));
    case ValType::F64:
      return float_to_string(std::bit_cast<double>(bits));
    default:
      return bits == 0 ? "null" : format("<{}>", wasm::name_of(type));
  }
}

}  // namespace nacre::runtime
