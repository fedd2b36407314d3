#include "value_match.hh"

#include <gtest/gtest.h>

#include "nacre/tests/spec/report.hh"

namespace nacre::spec {
namespace {

using wasm::ValType;
using Match = Value::Match;

TEST(ValueMatch, ComparesBitsOfTheTypesWidth) {
  EXPECT_TRUE(matches({ValType::I32, Match::Exact, 5}, {ValType::I32, 5}));
  EXPECT_TRUE(matches({ValType::I32, Match::Exact, 0xffff'ffff}, {ValType::I32, ~uint64_t{0}}));
  EXPECT_FALSE(matches({ValType::I32, Match::Exact, 5}, {ValType::I32, 6}));
  EXPECT_FALSE(matches({ValType::I64, Match::Exact, 5}, {ValType::I64, 5 | uint64_t{1} << 40}));
  EXPECT_FALSE(matches({ValType::I32, Match::Exact, 5}, {ValType::I64, 5}));
  // The zeros differ.
  EXPECT_FALSE(matches({ValType::F32, Match::Exact, 0x8000'0000}, {ValType::F32, 0}));
}

TEST(ValueMatch, KnowsTheTwoKindsOfNan) {
  const auto is = [](Match match, ValType type, uint64_t bits) {
    return matches({type, match, 0}, {type, bits});
  };
  EXPECT_TRUE(is(Match::CanonicalNan, ValType::F32, 0x7fc0'0000));
  EXPECT_TRUE(is(Match::CanonicalNan, ValType::F32, 0xffc0'0000));
  EXPECT_FALSE(is(Match::CanonicalNan, ValType::F32, 0x7fc0'0001));
  EXPECT_TRUE(is(Match::ArithmeticNan, ValType::F32, 0x7fc0'0001));
  EXPECT_FALSE(is(Match::ArithmeticNan, ValType::F32, 0x7fa0'0000));  // signalling
  EXPECT_FALSE(is(Match::ArithmeticNan, ValType::F32, 0x7f80'0000));  // infinity
  EXPECT_TRUE(is(Match::CanonicalNan, ValType::F64, 0xfff8'0000'0000'0000));
  EXPECT_FALSE(is(Match::CanonicalNan, ValType::F64, 0x7ff8'0000'0000'0010));
  EXPECT_TRUE(is(Match::ArithmeticNan, ValType::F64, 0x7ff8'0000'0000'0010));
  EXPECT_FALSE(is(Match::ArithmeticNan, ValType::F64, 0x7ff4'0000'0000'0000));
}

TEST(ValueMatch, KnowsReferences) {
  EXPECT_TRUE(matches({ValType::Bottom, Match::Exact, 0}, {ValType::FuncRef, 0}));
  EXPECT_TRUE(matches({ValType::Bottom, Match::Exact, 0}, {ValType::ExternRef, 0}));
  EXPECT_FALSE(matches({ValType::Bottom, Match::Exact, 0}, {ValType::I64, 0}));
  EXPECT_TRUE(matches({ValType::FuncRef, Match::NonNull, 0}, {ValType::FuncRef, 0x1000}));
  EXPECT_FALSE(matches({ValType::FuncRef, Match::NonNull, 0}, {ValType::FuncRef, 0}));
}

TEST(ValueMatch, ComparesCounts) {
  const Value one[] = {{ValType::I32, Match::Exact, 1}};
  const TypedBits found[] = {{ValType::I32, 1}, {ValType::I32, 1}};
  EXPECT_TRUE(matches(one, std::span(found).first(1)));
  EXPECT_FALSE(matches(one, found));
  EXPECT_FALSE(matches(one, {}));
}

TEST(RefusalMatch, DependsOnTheKindOfError) {
  Command command;
  command.kind = CommandKind::Invalid;
  EXPECT_TRUE(refusal_matches(command, Error(ErrorCode::Invalid, "")));
  EXPECT_FALSE(refusal_matches(command, Error(ErrorCode::Malformed, "")));
  EXPECT_FALSE(refusal_matches(command, Error(ErrorCode::Unsupported, "")));
  command.kind = CommandKind::Malformed;
  EXPECT_TRUE(refusal_matches(command, Error(ErrorCode::Malformed, "")));
  EXPECT_FALSE(refusal_matches(command, Error(ErrorCode::Invalid, "")));
}

TEST(Report, PrintsWhatTheScriptReads) {
  Report report;
  report.name = "file";
  report.pass();
  report.skip("SIMD");
  report.skip("SIMD");
  report.skip("threads");
  report.fail(12, "wrong");
  EXPECT_EQ(format_report(report),
            "spec-fail file:12: wrong\nspec-file file 1 1 3 [SIMD: 2; threads: 1]\n");
  Report total;
  total.add(report);
  total.add(report);
  EXPECT_EQ(format_total(total), "spec: 2 passed, 2 failed, 6 skipped");
}

}  // namespace
}  // namespace nacre::spec
