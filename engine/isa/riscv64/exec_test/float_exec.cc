#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "jit.hh"

namespace nacre::riscv64::exec_test {

namespace {

using abi::TrapKind;

constexpr double kInf = std::numeric_limits<double>::infinity();

// Bit patterns that matter to rounding and conversion, as doubles; the f32 list is their nearest floats and more.
const double kDoubles[] = {0.0,
                           -0.0,
                           0.5,
                           -0.5,
                           0.49999999999999994,
                           -0.49999999999999994,
                           0.9999999,
                           -0.9999999,
                           1.0,
                           -1.0,
                           1.5,
                           -1.5,
                           2.5,
                           -2.5,
                           3.5,
                           -3.5,
                           1e-310,
                           -1e-310,
                           123456.789,
                           -123456.789,
                           8388607.5,
                           8388608.0,
                           8388609.0,
                           16777216.0,
                           2147483646.9,
                           2147483647.0,
                           2147483647.5,
                           2147483648.0,
                           -2147483648.0,
                           -2147483648.5,
                           -2147483648.9999995,
                           -2147483649.0,
                           4294967295.0,
                           4294967295.5,
                           4294967296.0,
                           4503599627370495.5,
                           4503599627370496.0,
                           4503599627370497.0,
                           -4503599627370497.5,
                           9007199254740993.0,
                           9223372036854774784.0,
                           9223372036854775808.0,
                           -9223372036854775808.0,
                           -9223372036854777856.0,
                           18446744073709549568.0,
                           18446744073709551616.0,
                           1e30,
                           -1e30,
                           1e300,
                           -1e300,
                           kInf,
                           -kInf,
                           std::bit_cast<double>(0x7ff8'0000'0000'0000),
                           std::bit_cast<double>(0xfff8'0000'0000'1234),
                           std::bit_cast<double>(0x7ff0'0000'0000'0001),
                           std::bit_cast<double>(0xfff7'ffff'ffff'ffff)};
const float kFloats[] = {0.0f,
                         -0.0f,
                         0.5f,
                         -0.5f,
                         0.49999997f,
                         0.99999994f,
                         -0.99999994f,
                         1.0f,
                         -1.0f,
                         1.5f,
                         -1.5f,
                         2.5f,
                         -2.5f,
                         1e-40f,
                         -1e-40f,
                         8388607.5f,
                         8388608.0f,
                         -8388607.5f,
                         16777216.0f,
                         2147483520.0f,
                         2147483648.0f,
                         -2147483648.0f,
                         -2147483904.0f,
                         4294967040.0f,
                         4294967296.0f,
                         9223371487098961920.0f,
                         9223372036854775808.0f,
                         -9223372036854775808.0f,
                         -9223373136366403584.0f,
                         18446742974197923840.0f,
                         18446744073709551616.0f,
                         1e30f,
                         -1e30f,
                         std::numeric_limits<float>::infinity(),
                         -std::numeric_limits<float>::infinity(),
                         std::bit_cast<float>(0x7fc0'0000),
                         std::bit_cast<float>(0xffc0'1234),
                         std::bit_cast<float>(0x7f80'0001),
                         std::bit_cast<float>(0xffbf'ffff)};

// Values travel as bits in integer registers, so that no C++ code touches a NaN.
template <class T>
uint64_t bits_of(T value) {
  if constexpr (sizeof(T) == 4) {
    return static_cast<uint64_t>(int64_t{std::bit_cast<int32_t>(value)});
  } else {
    return std::bit_cast<uint64_t>(value);
  }
}

template <class T>
constexpr FloatWidth kWidth = sizeof(T) == 4 ? FloatWidth::F32 : FloatWidth::F64;

template <class T>
const auto& values() {
  if constexpr (sizeof(T) == 4) {
    return kFloats;
  } else {
    return kDoubles;
  }
}

// A NaN result must be a quiet one; which, is free.
template <class T>
void check_float(std::string_view name, uint64_t got, T expected, uint64_t a, uint64_t b) {
  if (std::isnan(expected)) {
    constexpr uint64_t kQuiet = sizeof(T) == 4 ? 0x7fc0'0000 : 0x7ff8'0000'0000'0000;
    check_equal(name, got & kQuiet, kQuiet, a, b);
  } else {
    check_equal(name, got, bits_of(expected), a, b);
  }
}

using Emit = std::function<void(MacroAssembler&, Fpr fd, Fpr fa, Fpr fb)>;
struct Registers {
  Fpr fd, fa, fb;
};
constexpr Registers kAliasings[] = {
    {Fpr::Ft0, Fpr::Ft1, Fpr::Ft2}, {Fpr::Ft1, Fpr::Ft1, Fpr::Ft2}, {Fpr::Ft2, Fpr::Ft1, Fpr::Ft2}};

// Float operands to a float.
template <class T>
void check_float_op(std::string_view name, const Emit& emit, const std::function<T(T, T)>& expect) {
  for (const auto& [fd, fa, fb] : kAliasings) {
    MacroAssembler masm(Features{}, 1);
    masm.begin_function(0);
    masm.reinterpret(fa, Gpr::A0, kWidth<T>);
    masm.reinterpret(fb, Gpr::A1, kWidth<T>);
    emit(masm, fd, fa, fb);
    masm.reinterpret(Gpr::A0, fd, kWidth<T>);
    masm.ret();
    masm.end_function();
    const Jit jit(masm);
    for (T a : values<T>()) {
      for (T b : values<T>()) {
        check_float<T>(name, jit.call(bits_of(a), bits_of(b)).integer, expect(a, b), bits_of(a),
                       bits_of(b));
      }
    }
  }
}

// Float operands to an integer, with traps.
template <class T>
void check_to_integer(std::string_view name, const Features& features,
                      const std::function<void(MacroAssembler&, Gpr rd, Fpr fa, Fpr fb)>& emit,
                      const std::function<Outcome(T, T)>& expect) {
  MacroAssembler masm(features, 1);
  masm.begin_function(0);
  masm.reinterpret(Fpr::Fa0, Gpr::A0, kWidth<T>);
  masm.reinterpret(Fpr::Fa1, Gpr::A1, kWidth<T>);
  emit(masm, Gpr::A0, Fpr::Fa0, Fpr::Fa1);
  masm.ret();
  masm.end_function();
  const Jit jit(masm);
  for (T a : values<T>()) {
    for (T b : values<T>()) {
      const Outcome got = jit.call(bits_of(a), bits_of(b));
      const Outcome want = expect(a, b);
      check_equal(name, static_cast<uint64_t>(got.trap), static_cast<uint64_t>(want.trap),
                  bits_of(a), bits_of(b));
      if (want.trap == TrapKind::None)
        check_equal(name, got.integer, want.integer, bits_of(a), bits_of(b));
    }
  }
}

template <class T>
T wasm_min(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<T>::quiet_NaN();
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}
template <class T>
T wasm_max(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<T>::quiet_NaN();
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

template <class T>
void test_arithmetic() {
  using M = MacroAssembler;
  constexpr FloatWidth w = kWidth<T>;
  check_float_op<T>("min", [](M& m, Fpr d, Fpr a, Fpr b) { m.float_min(d, a, b, w); }, wasm_min<T>);
  check_float_op<T>("max", [](M& m, Fpr d, Fpr a, Fpr b) { m.float_max(d, a, b, w); }, wasm_max<T>);
  struct {
    Rounding mode;
    T (*function)(T);
  } constexpr kRoundings[] = {{Rounding::Up, [](T x) { return std::ceil(x); }},
                              {Rounding::Down, [](T x) { return std::floor(x); }},
                              {Rounding::TowardZero, [](T x) { return std::trunc(x); }},
                              {Rounding::NearestEven, [](T x) { return std::nearbyint(x); }}};
  for (const auto& [mode, function] : kRoundings) {
    check_float_op<T>(
        "round", [&](M& m, Fpr d, Fpr a, Fpr) { m.float_round(d, a, mode, w); },
        [&](T a, T) { return function(a); });
  }
  // Sign operations act on bits, of NaNs too.
  constexpr uint64_t kSign = sizeof(T) == 4 ? 0xffff'ffff'8000'0000 : 0x8000'0000'0000'0000;
  check_to_integer<T>(
      "neg", Features{},
      [](M& m, Gpr d, Fpr a, Fpr) { m.float_neg(a, a, w), m.reinterpret(d, a, w); },
      [](T a, T) { return Outcome{.integer = bits_of(a) ^ kSign}; });
  check_to_integer<T>(
      "abs", Features{},
      [](M& m, Gpr d, Fpr a, Fpr) { m.float_abs(a, a, w), m.reinterpret(d, a, w); },
      [](T a, T) { return Outcome{.integer = bits_of(a) & ~kSign}; });
  check_to_integer<T>(
      "copysign", Features{},
      [](M& m, Gpr d, Fpr a, Fpr b) { m.copysign(a, a, b, w), m.reinterpret(d, a, w); },
      [](T a, T b) { return Outcome{.integer = (bits_of(a) & ~kSign) | (bits_of(b) & kSign)}; });
  for (T constant : values<T>()) {
    check_to_integer<T>(
        "float_constant", Features{},
        [&](M& m, Gpr d, Fpr a, Fpr) {
          m.float_constant(a, bits_of(constant), w), m.reinterpret(d, a, w);
        },
        [&](T, T) { return Outcome{.integer = bits_of(constant)}; });
  }
}

template <class T>
bool holds(FloatCondition c, T a, T b) {
  switch (c) {
    case FloatCondition::Eq:
      return a == b;
    case FloatCondition::Ne:
      return a != b;
    case FloatCondition::Lt:
      return a < b;
    case FloatCondition::Gt:
      return a > b;
    case FloatCondition::Le:
      return a <= b;
    case FloatCondition::Ge:
      return a >= b;
  }
  return false;
}

template <class T>
void test_comparisons() {
  constexpr FloatWidth w = kWidth<T>;
  for (int i = 0; i < 6; ++i) {
    const auto c = static_cast<FloatCondition>(i);
    check_to_integer<T>(
        "set_if_float", Features{},
        [&](MacroAssembler& m, Gpr d, Fpr a, Fpr b) { m.set_if_float(c, d, a, b, w); },
        [&](T a, T b) { return Outcome{.integer = holds(c, a, b)}; });
    for (bool expected : {false, true}) {
      check_to_integer<T>(
          "branch_float", Features{},
          [&](MacroAssembler& m, Gpr d, Fpr a, Fpr b) {
            Label taken;
            m.li(d, 1);
            m.branch_float(c, expected, a, b, w, taken);
            m.li(d, 0);
            m.bind(taken);
          },
          [&](T a, T b) { return Outcome{.integer = holds(c, a, b) == expected}; });
    }
  }
}

// The definition: truncate, then see whether it lies between the ends (both exact as doubles, upper end exclusive).
template <class T>
Outcome truncated(T value, Width to, Signedness sign, bool saturates) {
  const bool narrow = to == Width::W32;
  const bool is_signed = sign == Signedness::Signed;
  const double low = !is_signed ? 0.0 : narrow ? -0x1p31 : -0x1p63;
  const double high = is_signed ? (narrow ? 0x1p31 : 0x1p63) : (narrow ? 0x1p32 : 0x1p64);
  if (std::isnan(value))
    return saturates ? Outcome{.integer = 0} : Outcome{.trap = TrapKind::InvalidConversion};
  const double whole = std::trunc(static_cast<double>(value));
  const bool below = whole < low;
  const bool above = whole >= high;
  if ((below || above) && !saturates) return {.trap = TrapKind::IntegerOverflow};
  uint64_t result = 0;
  if (is_signed) {
    const int64_t minimum = narrow ? int64_t{INT32_MIN} : INT64_MIN;
    const int64_t maximum = narrow ? int64_t{INT32_MAX} : INT64_MAX;
    result = static_cast<uint64_t>(below ? minimum : above ? maximum : static_cast<int64_t>(whole));
  } else {
    result = below ? 0 : above ? ~uint64_t{0} : static_cast<uint64_t>(whole);
    if (narrow) result = static_cast<uint64_t>(int64_t{static_cast<int32_t>(result)});
  }
  return {.integer = result};
}

template <class T>
void test_conversions() {
  constexpr FloatWidth w = kWidth<T>;
  for (const Features& features : kFeatureSets) {
    for (Width to : {Width::W32, Width::W64}) {
      for (Signedness sign : {Signedness::Signed, Signedness::Unsigned}) {
        const uint64_t tag = static_cast<uint64_t>(to) * 2 + static_cast<uint64_t>(sign);
        const std::string name = "truncate" + std::to_string(tag);
        check_to_integer<T>(
            name + " saturating", features,
            [&](MacroAssembler& m, Gpr d, Fpr a, Fpr) { m.truncate_saturating(d, to, sign, a, w); },
            [&](T a, T) { return truncated(a, to, sign, true); });
        check_to_integer<T>(
            name + " trapping", features,
            [&](MacroAssembler& m, Gpr d, Fpr a, Fpr) {
              m.truncate_trapping(d, to, sign, a, w, 5);
            },
            [&](T a, T) { return truncated(a, to, sign, false); });
      }
    }
  }
}

template <class T>
void test_from_integers() {
  constexpr int64_t kIntegers[] = {0,
                                   1,
                                   -1,
                                   7,
                                   INT32_MAX,
                                   INT32_MIN,
                                   16777217,
                                   -16777219,
                                   INT64_MAX,
                                   INT64_MIN,
                                   0x7fff'ffff'ffff'fe00,
                                   0x7fff'ffff'ffff'fdff,
                                   9007199254740993,
                                   -9007199254740993,
                                   -0x7fff'ff7f'ffff'ffff};
  for (Width from : {Width::W32, Width::W64}) {
    for (Signedness sign : {Signedness::Signed, Signedness::Unsigned}) {
      MacroAssembler masm(Features{}, 1);
      masm.begin_function(0);
      masm.convert(Fpr::Fa0, kWidth<T>, Gpr::A0, from, sign);
      masm.reinterpret(Gpr::A0, Fpr::Fa0, kWidth<T>);
      masm.ret();
      masm.end_function();
      const Jit jit(masm);
      for (int64_t value : kIntegers) {
        const bool narrow = from == Width::W32;
        if (narrow) value = static_cast<int32_t>(value);
        const auto as_unsigned =
            narrow ? uint64_t{static_cast<uint32_t>(value)} : static_cast<uint64_t>(value);
        const T expected =
            sign == Signedness::Signed ? static_cast<T>(value) : static_cast<T>(as_unsigned);
        check_equal("convert", jit.call(static_cast<uint64_t>(value)).integer, bits_of(expected),
                    static_cast<uint64_t>(value));
      }
    }
  }
}

void test_float_select() {
  constexpr Fpr kPool[] = {Fpr::Fa0, Fpr::Fa1, Fpr::Fa2};
  for (Fpr rd : kPool) {
    for (uint64_t condition : {0, 1}) {
      MacroAssembler masm(Features{}, 1);
      masm.begin_function(0);
      masm.float_constant(Fpr::Fa0, bits_of(1.5), FloatWidth::F64);
      masm.float_constant(Fpr::Fa1, bits_of(-2.5), FloatWidth::F64);
      masm.select(rd, Gpr::A0, Fpr::Fa0, Fpr::Fa1);
      masm.fmv(Fpr::Fa0, rd, FloatWidth::F64);
      masm.ret();
      masm.end_function();
      check_equal("float select", bits_of(Jit(masm).call(condition).number),
                  bits_of(condition != 0 ? 1.5 : -2.5));
    }
  }
}

template <class T>
void test_type() {
  test_arithmetic<T>();
  test_comparisons<T>();
  test_conversions<T>();
  test_from_integers<T>();
}

}  // namespace

void test_floats() {
  test_type<float>();
  test_type<double>();
  test_float_select();
}

}  // namespace nacre::riscv64::exec_test
