#include <bit>
#include <functional>

#include "jit.hh"

namespace nacre::riscv64::exec_test {

namespace {

using abi::TrapKind;

constexpr int64_t kEdges[] = {0,
                              1,
                              -1,
                              2,
                              -2,
                              3,
                              7,
                              31,
                              32,
                              33,
                              63,
                              64,
                              65,
                              127,
                              128,
                              255,
                              256,
                              -128,
                              -129,
                              2047,
                              2048,
                              -2048,
                              -2049,
                              4094,
                              4095,
                              4096,
                              -4096,
                              -4097,
                              0x7fff,
                              0x8000,
                              0xffff,
                              0x10000,
                              0xabcdef,
                              INT32_MAX,
                              int64_t{INT32_MAX} + 1,
                              INT32_MIN,
                              int64_t{INT32_MIN} - 1,
                              0xffff'ffff,
                              0x1'0000'0000,
                              0x1234'5678'9abc'def0,
                              -0x1234'5678'9abc'def0,
                              INT64_MAX,
                              INT64_MIN,
                              INT64_MIN + 1,
                              INT64_MAX - 1,
                              0x5555'5555'5555'5555,
                              0x3ff0'0000'0000'0000,
                              0x7fff'ffff'ffff'f800,
                              0x7fff'ffff'ffff'f7ff,
                              0xffff'0000'ffff,
                              0x8000'0001};

int64_t sext(int64_t value) {
  return static_cast<int32_t>(value);
}

// Emits one function; a0 and a1 come in, the result leaves in a0. `rd`, `ra`, `rb` run through aliasings.
using Emit = std::function<void(MacroAssembler&, Gpr rd, Gpr ra, Gpr rb)>;
using Expect = std::function<int64_t(int64_t a, int64_t b)>;

struct Registers {
  Gpr rd, a, b;
};
constexpr Registers kAliasings[] = {
    {Gpr::T0, Gpr::T1, Gpr::T2}, {Gpr::T1, Gpr::T1, Gpr::T2}, {Gpr::T2, Gpr::T1, Gpr::T2}};

void for_each_build(const Emit& emit, const std::function<void(const Jit&)>& use) {
  for (const Features& features : kFeatureSets) {
    for (const auto& [rd, a, b] : kAliasings) {
      MacroAssembler masm(features, 1);
      masm.begin_function(0);
      masm.mv(a, Gpr::A0);
      masm.mv(b, Gpr::A1);
      emit(masm, rd, a, b);
      masm.mv(Gpr::A0, rd);
      masm.ret();
      masm.end_function();
      use(Jit(masm));
    }
  }
}

void check_binary(std::string_view name, Width width, const Emit& emit, const Expect& expect) {
  for_each_build(emit, [&](const Jit& jit) {
    for (int64_t a : kEdges) {
      for (int64_t b : kEdges) {
        if (width == Width::W32 && (a != sext(a) || b != sext(b))) continue;
        const Outcome outcome = jit.call(static_cast<uint64_t>(a), static_cast<uint64_t>(b));
        check_equal(name, outcome.integer, static_cast<uint64_t>(expect(a, b)),
                    static_cast<uint64_t>(a), static_cast<uint64_t>(b));
      }
    }
  });
}

void test_constants() {
  auto check = [](int64_t value) {
    for (const Features& features : kFeatureSets) {
      MacroAssembler masm(features, 1);
      masm.begin_function(0);
      masm.li(Gpr::A0, value);
      check_equal("li_cost", masm.position() / 4, masm.li_cost(value),
                  static_cast<uint64_t>(value));
      check_equal("li length", masm.position() / 4 <= 8, true, static_cast<uint64_t>(value));
      masm.ret();
      masm.end_function();
      check_equal("li", Jit(masm).call().integer, static_cast<uint64_t>(value),
                  static_cast<uint64_t>(value));
    }
  };
  for (int64_t value : kEdges) check(value);
  for (int bit = 0; bit < 64; ++bit) {
    for (int64_t delta : {-2049, -1, 0, 1, 2048}) {
      check(static_cast<int64_t>((uint64_t{1} << bit) + static_cast<uint64_t>(delta)));
      check(static_cast<int64_t>(~(uint64_t{1} << bit) + static_cast<uint64_t>(delta)));
    }
  }
  uint64_t state = 88172645463325252;
  for (int i = 0; i < 2000; ++i) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    check(static_cast<int64_t>(state) >> (state >> 58));
  }
}

void test_immediates() {
  for (int64_t imm : kEdges) {
    const auto bits = static_cast<uint64_t>(imm);
    check_binary(
        "add_imm", Width::W64, [&](auto& m, Gpr d, Gpr a, Gpr) { m.add_imm(d, a, imm); },
        [&](int64_t a, int64_t) { return static_cast<int64_t>(static_cast<uint64_t>(a) + bits); });
    check_binary(
        "and_imm", Width::W64, [&](auto& m, Gpr d, Gpr a, Gpr) { m.and_imm(d, a, imm); },
        [&](int64_t a, int64_t) { return a & imm; });
    check_binary(
        "or_imm", Width::W64, [&](auto& m, Gpr d, Gpr a, Gpr) { m.or_imm(d, a, imm); },
        [&](int64_t a, int64_t) { return a | imm; });
    check_binary(
        "xor_imm", Width::W64, [&](auto& m, Gpr d, Gpr a, Gpr) { m.xor_imm(d, a, imm); },
        [&](int64_t a, int64_t) { return a ^ imm; });
    if (imm != sext(imm)) continue;
    check_binary(
        "add_imm32", Width::W32,
        [&](auto& m, Gpr d, Gpr a, Gpr) { m.add_imm(d, a, imm, Width::W32); },
        [&](int64_t a, int64_t) {
          return sext(static_cast<int64_t>(static_cast<uint64_t>(a) + bits));
        });
  }
}

bool holds(Condition c, int64_t a, int64_t b) {
  const auto ua = static_cast<uint64_t>(a);
  const auto ub = static_cast<uint64_t>(b);
  switch (c) {
    case Condition::Eq:
      return a == b;
    case Condition::Ne:
      return a != b;
    case Condition::LtS:
      return a < b;
    case Condition::GeS:
      return a >= b;
    case Condition::LtU:
      return ua < ub;
    case Condition::GeU:
      return ua >= ub;
    case Condition::GtS:
      return a > b;
    case Condition::LeS:
      return a <= b;
    case Condition::GtU:
      return ua > ub;
    case Condition::LeU:
      return ua <= ub;
  }
  return false;
}

void test_conditions() {
  for (int i = 0; i < 10; ++i) {
    const auto c = static_cast<Condition>(i);
    check_binary(
        "set_if", Width::W64, [&](auto& m, Gpr d, Gpr a, Gpr b) { m.set_if(c, d, a, b); },
        [&](int64_t a, int64_t b) { return holds(c, a, b); });
    check_binary(
        "branch", Width::W64,
        [&](auto& m, Gpr d, Gpr a, Gpr b) {
          Label yes, end;
          m.branch(c, a, b, yes);
          m.li(d, 10);
          m.jump(end);
          m.bind(yes);
          m.li(d, 20);
          m.bind(end);
        },
        [&](int64_t a, int64_t b) { return holds(c, a, b) ? 20 : 10; });
    for (int64_t a : kEdges) {
      check_equal("inverted", holds(inverted(c), a, 7), !holds(c, a, 7));
      check_equal("swapped", holds(swapped(c), 7, a), holds(c, a, 7));
    }
    for (int64_t imm : kEdges) {
      check_binary(
          "set_if_imm", Width::W64, [&](auto& m, Gpr d, Gpr a, Gpr) { m.set_if_imm(c, d, a, imm); },
          [&](int64_t a, int64_t) { return holds(c, a, imm); });
    }
  }
}

void test_selects() {
  // Every aliasing of destination, condition and the two values.
  constexpr Gpr kPool[] = {Gpr::T0, Gpr::T1, Gpr::T2, Gpr::T3};
  for (Gpr rd : kPool) {
    for (Gpr a : {Gpr::T0, Gpr::T1}) {
      for (Gpr b : {Gpr::T0, Gpr::T2}) {
        for (uint64_t condition : {0, 1, -1}) {
          MacroAssembler masm(Features{}, 1);
          masm.begin_function(0);
          masm.mv(Gpr::T0, Gpr::A0);
          masm.mv(Gpr::T1, Gpr::A1);
          masm.mv(Gpr::T2, Gpr::A2);
          masm.select(rd, Gpr::T0, a, b);
          // Where the values are one register it is a plain move.
          if (a != b) check_equal("no retarget", masm.try_retarget_last(rd, Gpr::A5), false);
          masm.mv(Gpr::A0, rd);
          masm.ret();
          masm.end_function();
          const uint64_t va = a == Gpr::T0 ? condition : 111;
          const uint64_t vb = b == Gpr::T0 ? condition : 222;
          check_equal("select", Jit(masm).call(condition, 111, 222).integer,
                      condition != 0 ? va : vb, code_of(rd), code_of(a) * 100 + code_of(b));
        }
      }
    }
  }
}

void test_extensions_and_bits() {
  auto unary = [](std::string_view name, Width width, const Emit& emit,
                  const std::function<int64_t(int64_t)>& f) {
    check_binary(name, width, emit, [&](int64_t a, int64_t) { return f(a); });
  };
  using M = MacroAssembler;
  unary(
      "zext_w", Width::W64, [](M& m, Gpr d, Gpr a, Gpr) { m.zext_w(d, a); },
      [](int64_t a) { return int64_t{static_cast<uint32_t>(a)}; });
  unary("sext_w", Width::W64, [](M& m, Gpr d, Gpr a, Gpr) { m.sext_w(d, a); }, sext);
  unary(
      "extend8", Width::W64, [](M& m, Gpr d, Gpr a, Gpr) { m.extend8_signed(d, a); },
      [](int64_t a) { return int64_t{static_cast<int8_t>(a)}; });
  unary(
      "extend16", Width::W64, [](M& m, Gpr d, Gpr a, Gpr) { m.extend16_signed(d, a); },
      [](int64_t a) { return int64_t{static_cast<int16_t>(a)}; });
  unary(
      "extend16u", Width::W64, [](M& m, Gpr d, Gpr a, Gpr) { m.extend16_unsigned(d, a); },
      [](int64_t a) { return int64_t{static_cast<uint16_t>(a)}; });
  unary(
      "neg32", Width::W32, [](M& m, Gpr d, Gpr a, Gpr) { m.neg(d, a, Width::W32); },
      [](int64_t a) { return sext(-a); });
  for (Width w : {Width::W32, Width::W64}) {
    const bool narrow = w == Width::W32;
    unary(
        "clz", w, [&](M& m, Gpr d, Gpr a, Gpr) { m.count_leading_zeros(d, a, w, Gpr::T4); },
        [&](int64_t a) {
          return narrow ? std::countl_zero(static_cast<uint32_t>(a))
                        : std::countl_zero(static_cast<uint64_t>(a));
        });
    unary(
        "ctz", w, [&](M& m, Gpr d, Gpr a, Gpr) { m.count_trailing_zeros(d, a, w, Gpr::T4); },
        [&](int64_t a) {
          return narrow ? std::countr_zero(static_cast<uint32_t>(a))
                        : std::countr_zero(static_cast<uint64_t>(a));
        });
    unary(
        "popcnt", w, [&](M& m, Gpr d, Gpr a, Gpr) { m.count_ones(d, a, w, Gpr::T4); },
        [&](int64_t a) {
          return narrow ? std::popcount(static_cast<uint32_t>(a))
                        : std::popcount(static_cast<uint64_t>(a));
        });
    auto rotl = [=](int64_t a, int64_t b) {
      return narrow ? sext(static_cast<int64_t>(
                          std::rotl(static_cast<uint32_t>(a), static_cast<int>(b & 31))))
                    : static_cast<int64_t>(
                          std::rotl(static_cast<uint64_t>(a), static_cast<int>(b & 63)));
    };
    auto rotr = [=](int64_t a, int64_t b) { return rotl(a, -b); };
    check_binary("rotl", w, [&](M& m, Gpr d, Gpr a, Gpr b) { m.rotate_left(d, a, b, w); }, rotl);
    check_binary("rotr", w, [&](M& m, Gpr d, Gpr a, Gpr b) { m.rotate_right(d, a, b, w); }, rotr);
    for (uint32_t amount : {0u, 1u, 5u, 31u, 32u, 33u, 63u, 64u}) {
      check_binary(
          "rotl_imm", w, [&](M& m, Gpr d, Gpr a, Gpr) { m.rotate_left_imm(d, a, amount, w); },
          [&](int64_t a, int64_t) { return rotl(a, amount); });
      check_binary(
          "rotr_imm", w, [&](M& m, Gpr d, Gpr a, Gpr) { m.rotate_right_imm(d, a, amount, w); },
          [&](int64_t a, int64_t) { return rotr(a, amount); });
    }
  }
}

void test_division() {
  for (Width w : {Width::W32, Width::W64}) {
    const bool narrow = w == Width::W32;
    for (int kind = 0; kind < 4; ++kind) {
      const bool is_signed = kind % 2 == 0;
      const bool remainder = kind >= 2;
      auto emit = [&](MacroAssembler& m, Gpr d, Gpr a, Gpr b) {
        if (is_signed)
          return remainder ? m.remainder_signed(d, a, b, w, 77) : m.divide_signed(d, a, b, w, 77);
        return remainder ? m.remainder_unsigned(d, a, b, w, 77) : m.divide_unsigned(d, a, b, w, 77);
      };
      auto expected = [&](int64_t a, int64_t b) -> Outcome {
        if (b == 0) return {.trap = TrapKind::IntegerDivideByZero, .wasm_offset = 77};
        if (is_signed) {
          const bool overflows = b == -1 && a == (narrow ? int64_t{INT32_MIN} : INT64_MIN);
          if (overflows && remainder) return {.integer = 0};
          if (overflows) return {.trap = TrapKind::IntegerOverflow, .wasm_offset = 77};
          return {.integer = static_cast<uint64_t>(remainder ? a % b : a / b)};
        }
        const uint64_t ua = narrow ? static_cast<uint32_t>(a) : static_cast<uint64_t>(a);
        const uint64_t ub = narrow ? static_cast<uint32_t>(b) : static_cast<uint64_t>(b);
        const uint64_t result = remainder ? ua % ub : ua / ub;
        return {.integer =
                    narrow ? static_cast<uint64_t>(sext(static_cast<int64_t>(result))) : result};
      };
      for_each_build(emit, [&](const Jit& jit) {
        for (int64_t a : kEdges) {
          for (int64_t b : kEdges) {
            if (narrow && (a != sext(a) || b != sext(b))) continue;
            const auto ua = static_cast<uint64_t>(a);
            const auto ub = static_cast<uint64_t>(b);
            const Outcome got = jit.call(ua, ub);
            const Outcome want = expected(a, b);
            check_equal("division trap", static_cast<uint64_t>(got.trap),
                        static_cast<uint64_t>(want.trap), ua, ub);
            check_equal("division site", got.wasm_offset, want.wasm_offset, ua, ub);
            if (want.trap == TrapKind::None)
              check_equal("division", got.integer, want.integer, ua, ub);
          }
        }
      });
    }
  }
}

void test_distant_memory() {
  static uint64_t cell;
  for (int64_t offset : kEdges) {
    MacroAssembler masm(Features{}, 1);
    masm.begin_function(0);
    masm.store(op::sd, Gpr::A1, Gpr::A0, offset);
    masm.load(op::ld, Gpr::T0, Gpr::A0, offset);
    masm.load(op::fld, Fpr::Fa3, Gpr::A0, offset);
    masm.store(op::fsd, Fpr::Fa3, Gpr::A0, offset);
    masm.load(op::lw, Gpr::T1, Gpr::A0, offset);
    masm.add(Gpr::A0, Gpr::T0, Gpr::T1);
    masm.ret();
    masm.end_function();
    const uint64_t base = reinterpret_cast<uint64_t>(&cell) - static_cast<uint64_t>(offset);
    const uint64_t value = 0x1234'5678'8765'4321;
    const uint64_t expected = value + static_cast<uint64_t>(sext(static_cast<int64_t>(value)));
    check_equal("distant load", Jit(masm).call(base, value).integer, expected,
                static_cast<uint64_t>(offset));
    check_equal("distant store", cell, value, static_cast<uint64_t>(offset));
    cell = 0;
  }
}

}  // namespace

void test_integers() {
  test_constants();
  test_immediates();
  test_conditions();
  test_selects();
  test_extensions_and_bits();
  test_division();
  test_distant_memory();
}

}  // namespace nacre::riscv64::exec_test
