#include "nacre/engine/wasm/function_decoder.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract_sink.hh"
#include "nacre/base/core/format.hh"
#include "nacre/engine/wasm/body_scanner.hh"
#include "test_module.hh"

namespace nacre::wasm {
namespace {

using testing::Bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::rich_module;

// What a sink hears, as text; the contract is checked on the way.
class RecordingSink : public NullSink {
 public:
  explicit RecordingSink(const FunctionDecoder& decoder) : decoder_(decoder) {}

  void on_block(const ControlFrame&) { events.push_back("block"); }
  void on_loop(const ControlFrame&) { events.push_back("loop"); }
  void on_if(const ControlFrame&) { events.push_back("if"); }
  void on_else(const ControlFrame&, bool live) { events.push_back(format("else {}", live)); }
  void on_end(const ControlFrame&, bool live, bool after) {
    events.push_back(format("end {} {}", live, after));
  }
  void on_br(uint32_t depth) { events.push_back(format("br {}", depth)); }
  void on_br_if(uint32_t depth) { events.push_back(format("br_if {}", depth)); }
  void on_unreachable() { events.push_back("unreachable"); }
  void on_const(ValType type, uint64_t bits) {
    events.push_back(format("{} {}", name_of(type), static_cast<int64_t>(bits)));
  }
  void on_drop(ValType type) { events.push_back(format("drop {}", name_of(type))); }
  void on_select(ValType type) { events.push_back(format("select {}", name_of(type))); }
  void on_binary(Opcode opcode) {
    events.push_back(
        format("{}{}", name_of(opcode), decoder_.next_is(Opcode::LocalSet) ? "+set" : ""));
  }
  void on_local_set(uint32_t local, ValType) { events.push_back(format("set {}", local)); }
  void on_test(Opcode opcode) {
    events.push_back(format("{} then {}", name_of(opcode), decoder_.peek_index().value_or(99)));
  }

  std::vector<std::string> events;

 private:
  const FunctionDecoder& decoder_;
};

std::vector<std::string> events_of(const Bytes& body, int type = 0) {
  const Bytes bytes = rich_module(body, type);
  const Module module = *decode_module(bytes.data());
  FunctionDecoder decoder(module);
  ContractSink contract(decoder);
  const auto kept = decoder.decode(1, contract);
  EXPECT_TRUE(kept) << kept.error().to_string();
  RecordingSink sink(decoder);
  EXPECT_TRUE(decoder.decode(1, sink));
  return sink.events;
}

Error error_of(const Bytes& body, int type = 0) {
  const Bytes bytes = rich_module(body, type);
  const auto module = decode_module(bytes.data());
  if (!module) return module.error();
  FunctionDecoder decoder(*module);
  ContractSink sink(decoder);
  const auto result = decoder.decode(1, sink);
  return result ? Error(ErrorCode::NotFound, "no error") : result.error();
}

TEST(FunctionDecoder, TellsNothingOfDeadCode) {
  // block br 0; i32.const 1; block drop end... is dead; the outer end is a target.
  EXPECT_THAT(events_of({0, 0x02, 0x40, 0x0c, 0, 0x41, 1, 0x02, 0x40, 0x0b, 0x1a, 0x0b, 0x41, 2,
                         0x1a, 0x0b}),
              ElementsAre("block", "br 0", "end false true", "i32 2", "drop i32", "end true true"));
}

TEST(FunctionDecoder, KnowsEndsThatNothingReaches) {
  // block loop br 0 end end; i32.const 1; drop: nothing leaves the loop.
  EXPECT_THAT(events_of({0, 0x02, 0x40, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b, 0x41, 1, 0x1a, 0x0b}),
              ElementsAre("block", "loop", "br 0", "end false false", "end false false",
                          "end false false"));
}

TEST(FunctionDecoder, RevivesAtElseAndAtAnIfWithoutElse) {
  EXPECT_THAT(events_of({0, 0x41, 1, 0x04, 0x40, 0x00, 0x05, 0x00, 0x0b, 0x41, 2, 0x1a, 0x0b}),
              ElementsAre("i32 1", "if", "unreachable", "else false", "unreachable",
                          "end false false", "end false false"));
  EXPECT_THAT(events_of({0, 0x41, 1, 0x04, 0x40, 0x00, 0x0b, 0x0b}),
              ElementsAre("i32 1", "if", "unreachable", "end false true", "end true true"));
}

TEST(FunctionDecoder, SignExtendsConstants) {
  EXPECT_THAT(events_of({0, 0x41, 0x7f, 0x1a, 0x42, 0x80, 0x7f, 0x1a, 0x0b}),
              ElementsAre("i32 -1", "drop i32", "i64 -128", "drop i64", "end true true"));
}

TEST(FunctionDecoder, LetsTheSinkLookAhead) {
  EXPECT_THAT(
      events_of({1, 1, 0x7f, 0x41, 1, 0x41, 2, 0x6a, 0x21, 0, 0x41, 0, 0x45, 0x0d, 0, 0x0b}),
      ElementsAre("i32 1", "i32 2", "i32.add+set", "set 0", "i32 0", "i32.eqz then 0", "br_if 0",
                  "end true true"));
}

TEST(FunctionDecoder, TypesSelectByItsOperands) {
  EXPECT_THAT(events_of({0, 0x43, 0, 0, 0, 0, 0x43, 0, 0, 0, 0, 0x41, 1, 0x1b, 0x1a, 0x0b}),
              ElementsAre("f32 0", "f32 0", "i32 1", "select f32", "drop f32", "end true true"));
}

TEST(FunctionDecoder, ValidatesDeadCodeInFull) {
  EXPECT_EQ(error_of({0, 0x00, 0x6a, 0x1a, 0x0b}).message(), "no error");
  EXPECT_THAT(error_of({0, 0x00, 0x42, 0, 0x6a, 0x1a, 0x0b}).message(), HasSubstr("type mismatch"));
  EXPECT_THAT(error_of({0, 0x00, 0x20, 5, 0x0b}).message(), HasSubstr("unknown local 5"));
  EXPECT_THAT(error_of({0, 0x00, 0x0c, 7, 0x0b}).message(), HasSubstr("unknown label 7"));
  EXPECT_THAT(error_of({0, 0x00, 0x27, 0x0b}).message(), HasSubstr("illegal opcode 0x27"));
  // Behind an end that nothing reaches the stack is not polymorphic any more.
  EXPECT_THAT(error_of({0, 0x02, 0x40, 0x00, 0x0b, 0x1a, 0x0b}).message(),
              HasSubstr("type mismatch"));
}

TEST(FunctionDecoder, SaysWhatItExpectedAndFound) {
  const Error error = error_of({0, 0x42, 0, 0x41, 0, 0x6a, 0x1a, 0x0b});
  EXPECT_EQ(error.code(), ErrorCode::Invalid);
  EXPECT_THAT(error.message(), HasSubstr("expected i32, found i64"));
  const Bytes bytes = rich_module({0, 0x42, 0, 0x41, 0, 0x6a, 0x1a, 0x0b});
  EXPECT_EQ(bytes.data().at(error.offset()), 0x6a);
}

TEST(FunctionDecoder, ChecksEveryFrameEnd) {
  EXPECT_THAT(error_of({0, 0x41, 0, 0x0b}).message(), HasSubstr("type mismatch"));
  EXPECT_THAT(error_of({0, 0x02, 0x7f, 0x0b, 0x1a, 0x0b}).message(), HasSubstr("type mismatch"));
  EXPECT_THAT(error_of({0, 0x41, 0, 0x04, 0x7f, 0x41, 0, 0x0b, 0x1a, 0x0b}).message(),
              HasSubstr("if without else"));
  EXPECT_THAT(error_of({0, 0x0b, 0x01}).message(), HasSubstr("behind the end"));
  EXPECT_THAT(error_of({0, 0x02, 0x40, 0x0b}).message(), HasSubstr("unexpected end"));
  EXPECT_THAT(error_of({0, 0x05, 0x0b}).message(), HasSubstr("else without if"));
}

TEST(FunctionDecoder, ChecksWhatTheModuleHas) {
  EXPECT_THAT(error_of({0, 0x10, 9, 0x0b}).message(), HasSubstr("unknown function 9"));
  EXPECT_THAT(error_of({0, 0x23, 9, 0x1a, 0x0b}).message(), HasSubstr("unknown global 9"));
  EXPECT_THAT(error_of({0, 0x42, 0, 0x24, 1, 0x0b}).message(), HasSubstr("immutable global 1"));
  EXPECT_THAT(error_of({0, 0xfc, 9, 4, 0x0b}).message(), HasSubstr("unknown data segment 4"));
  EXPECT_THAT(error_of({0, 0xfc, 13, 4, 0x0b}).message(), HasSubstr("unknown elem segment 4"));
  EXPECT_THAT(error_of({0, 0x41, 0, 0x25, 8, 0x1a, 0x0b}).message(), HasSubstr("unknown table 8"));
  EXPECT_THAT(error_of({0, 0x41, 0, 0x11, 0, 1, 0x0b}).message(), HasSubstr("type mismatch"));
  EXPECT_THAT(error_of({0, 0x41, 0, 0x28, 3, 0, 0x1a, 0x0b}).message(), HasSubstr("alignment"));
}

TEST(FunctionDecoder, SurvivesEveryPairOfBytes) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      static_cast<void>(error_of({0, 0x41, 0, 0x41, 0, first, second, 0x0b}).code());
    }
  }
}

TEST(FunctionDecoder, BoundsItsStacks) {
  Bytes body{0};
  for (int i = 0; i < 200'000; ++i) body.add({0x02, 0x40});
  EXPECT_EQ(error_of(body).code(), ErrorCode::LimitExceeded);
}

struct CountingVisitor : NullScanVisitor {
  void on_local_declaration(uint32_t count, ValType type) {
    text += format("decl {} {}; ", count, name_of(type));
  }
  void on_local_get(uint32_t local) { text += format("get {}; ", local); }
  void on_local_set(uint32_t local) { text += format("set {}; ", local); }
  void on_local_tee(uint32_t local) { text += format("tee {}; ", local); }
  void on_open(Opcode opcode) { text += format("{}; ", name_of(opcode)); }
  void on_end() { text += "end; "; }
  void on_call(uint32_t function) { text += format("call {}; ", function); }
  void on_call_indirect(uint32_t type, uint32_t table) {
    text += format("indirect {} {}; ", type, table);
  }
  void on_bulk(Opcode opcode) { text += format("{}; ", name_of(opcode)); }
  std::string text;
};

TEST(BodyScanner, ReportsUsesAndSkipsTheRest) {
  CountingVisitor visitor;
  scan_body(Bytes{1,    2,    0x7e, 0x20, 1,    0x03, 0x40, 0x22, 0x80, 1,    0x44, 0x20,
                  0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x0e, 2,    0x20, 0x21, 0x22,
                  0x21, 3,    0x0b, 0x10, 5,    0x11, 1,    2,    0xfc, 0x0a, 0,    0,
                  0x28, 2,    0x20, 0xfc, 0,    0x40, 0,    0x1c, 1,    0x20, 0x0b}
                .data(),
            visitor);
  EXPECT_EQ(visitor.text,
            "decl 2 i64; get 1; loop; tee 128; set 3; end; call 5; indirect 1 2; memory.copy; "
            "memory.grow; end; ");
}

TEST(BodyScanner, StaysInsideGarbage) {
  uint32_t state = 1;
  for (int round = 0; round < 20000; ++round) {
    // On the heap and of the exact size, so that a sanitizer sees any step beyond.
    std::vector<uint8_t> bytes(state % 40);
    for (uint8_t& byte : bytes) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<uint8_t>(state >> 24);
    }
    NullScanVisitor visitor;
    scan_body(bytes, visitor);
    state = state * 1664525 + 1013904223;
    state >>= 1;
  }
}

}  // namespace
}  // namespace nacre::wasm
