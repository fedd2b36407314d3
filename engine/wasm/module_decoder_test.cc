#include <gtest/gtest.h>

#include <random>

#include "byte_reader.hh"
#include "contract_sink.hh"
#include "nacre/engine/wasm/body_scanner.hh"
#include "nacre/engine/wasm/call_layout.hh"
#include "nacre/engine/wasm/module.hh"
#include "nacre/engine/wasm/vm_layout.hh"
#include "test_module.hh"

namespace nacre::wasm {
namespace {

using testing::Bytes;
using testing::header;
using testing::rich_module;

// A body that touches most of the format: block types by index, br_table, bulk operations, floats.
Bytes good_body() {
  return {2,    2,    0x7f, 1,    0x7c,                    // locals: i32 i32 f64
          0x41, 0x2a, 0x21, 0x00,                          // i32.const 42, local.set 0
          0x20, 0x00, 0x02, 0x01, 0x22, 0x01, 0x0b, 0x1a,  // block (type 1) local.tee 1 end, drop
          0x02, 0x40, 0x03, 0x40, 0x20, 0x00, 0x0e, 1,    0,    1,  // block loop br_table 0 1
          0x0b, 0x0b,                                               // end end
          0x20, 0x00, 0x04, 0x40, 0x05, 0x00, 0x0b,                 // if else unreachable end
          0x44, 0,    0,    0,    0,    0,    0,    0xf0, 0x3f,     // f64.const 1
          0xfc, 0x02, 0x10, 0x00, 0x1a,  // i32.trunc_sat_f64_s, call 0, drop
          0x41, 0x00, 0x41, 0x00, 0x41, 0x01, 0xfc, 0x08, 0,    0,  // memory.init
          0xfc, 0x09, 0x00,                                         // data.drop
          0x41, 0x00, 0x28, 0x02, 0x08, 0x24, 0x00,                 // i32.load, global.set
          0x41, 0x00, 0x11, 0x00, 0x00,                             // call_indirect
          0xd2, 0x00, 0xd1, 0x1a,                                   // ref.func, ref.is_null
          0x0b};
}

Result<void> check(std::span<const uint8_t> bytes) {
  TRY_ASSIGN(const Module module, decode_module(bytes));
  FunctionDecoder decoder(module);
  for (uint32_t i = module.imported_functions; i < module.functions.size(); ++i) {
    const Function& function = module.functions[i];
    NullScanVisitor visitor;
    scan_body(bytes.subspan(function.body_offset, function.body_size), visitor);
    ContractSink sink(decoder);
    TRY(decoder.decode(i, sink));
  }
  const FunctionNames names(module);
  return {};
}

Error error_of(const Bytes& bytes) {
  const Result<void> checked = check(bytes.data());
  return checked ? Error(ErrorCode::NotFound, "no error") : checked.error();
}

TEST(ModuleDecoder, ReadsEverySection) {
  const Bytes bytes = rich_module(good_body());
  const auto checked = check(bytes.data());
  ASSERT_TRUE(checked) << checked.error().to_string();
  const Module module = *decode_module(bytes.data());
  ASSERT_EQ(module.types.size(), 3U);
  EXPECT_EQ(module.types[2].results, (std::vector{ValType::I32, ValType::F32}));
  EXPECT_EQ(module.imports[0].name, "callback");
  EXPECT_EQ(module.imported_functions, 1U);
  EXPECT_EQ(module.functions.size(), 2U);
  EXPECT_EQ(module.functions[1].body_size, good_body().data().size());
  EXPECT_EQ(module.tables[1].element, ValType::ExternRef);
  EXPECT_EQ(module.tables[1].limits.maximum, 9U);
  EXPECT_EQ(module.memories[0].limits.maximum, 2U);
  EXPECT_EQ(module.globals[1].init->kind, ConstExpr::Kind::I64);
  EXPECT_EQ(module.globals[1].init->bits, 9U);
  EXPECT_TRUE(module.globals[2].type.is_mutable);
  EXPECT_EQ(module.exports[1].kind, ExternKind::Memory);
  EXPECT_EQ(module.elements[0].mode, SegmentMode::Passive);
  EXPECT_EQ(module.elements[0].elements.size(), 2U);
  EXPECT_EQ(module.data[0].bytes.size(), 4U);
  EXPECT_TRUE(module.declared_functions[1]);
  EXPECT_FALSE(module.start);
}

TEST(ModuleDecoder, RefusesEveryTruncation) {
  const Bytes whole = rich_module(good_body());
  for (size_t size = 0; size < whole.data().size(); ++size) {
    const std::vector<uint8_t> part(whole.data().begin(),
                                    whole.data().begin() + static_cast<ptrdiff_t>(size));
    const auto checked = check(part);
    // Only after whole sections can a prefix be a module; the function section makes it need a code section, which makes
    // it need the data section.
    if (checked) {
      EXPECT_LT(size, 60U) << size;
    } else {
      EXPECT_LE(checked.error().offset(), size);
      EXPECT_NE(checked.error().code(), ErrorCode::Unsupported);
    }
  }
}

TEST(ModuleDecoder, SurvivesEveryBitFlip) {
  const Bytes whole = rich_module(good_body());
  size_t accepted = 0;
  for (size_t i = 0; i < whole.data().size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::vector<uint8_t> broken = whole.data();
      broken[i] ^= static_cast<uint8_t>(1U << bit);
      const auto checked = check(broken);
      if (checked)
        ++accepted;
      else
        EXPECT_LE(checked.error().offset(), broken.size());
    }
  }
  EXPECT_GT(accepted, 0U);  // constants and names may change
}

TEST(ModuleDecoder, SurvivesRandomDamage) {
  const Bytes whole = rich_module(good_body());
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> broken = whole.data();
    for (unsigned edits = 1 + random() % 4; edits != 0; --edits) {
      broken[random() % broken.size()] = static_cast<uint8_t>(random());
    }
    static_cast<void>(check(broken).has_value());
  }
}

TEST(ModuleDecoder, SaysWhatIsWrongAndWhere) {
  const Error error = error_of(rich_module({0, 0x42, 0, 0x41, 0, 0x6a, 0x1a, 0x0b}));
  EXPECT_EQ(error.code(), ErrorCode::Invalid);
  EXPECT_NE(error.message().find("type mismatch"), std::string::npos);
  EXPECT_TRUE(error.has_offset());

  EXPECT_EQ(error_of({0, 0x61, 0x73}).message().substr(0, 14), "unexpected end");
  EXPECT_EQ(error_of({1, 2, 3, 4, 5, 6, 7, 8}).message(), "magic header not detected");
  EXPECT_EQ(error_of(header().section(14, {})).message(), "malformed section id 14");
  EXPECT_EQ(error_of(header().section(3, {0}).section(1, {0})).offset(), 13U);
}

TEST(ModuleDecoder, NamesUnsupportedFeatures) {
  const auto feature = [](const Bytes& bytes) {
    const Error error = error_of(bytes);
    EXPECT_EQ(error.code(), ErrorCode::Unsupported) << error.to_string();
    return error.message();
  };
  EXPECT_NE(feature(header().section(1, {1, 0x60, 1, 0x7b, 0})).find("SIMD"), std::string::npos);
  EXPECT_NE(feature(header().section(1, {1, 0x5f, 0})).find("garbage"), std::string::npos);
  EXPECT_NE(feature(header().section(5, {2, 0, 1, 0, 1})).find("multiple memories"),
            std::string::npos);
  EXPECT_NE(feature(header().section(5, {1, 4, 1})).find("memory64"), std::string::npos);
  EXPECT_NE(feature(header().section(5, {1, 3, 1, 1})).find("threads"), std::string::npos);
  EXPECT_NE(feature(header().section(13, {0})).find("exception"), std::string::npos);
  EXPECT_NE(feature(rich_module({0, 0x12, 0, 0x0b})).find("tail calls"), std::string::npos);
  EXPECT_NE(feature(rich_module({0, 0xfd, 0x0c, 0x0b})).find("SIMD"), std::string::npos);
  EXPECT_NE(
      feature(header().section(6, {1, 0x7f, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b})).find("extended"),
      std::string::npos);
}

TEST(ModuleDecoder, BoundsWhatCountsCanAllocate) {
  // Four billion of something in a few bytes must fail on the count, not on memory.
  for (const int section : {1, 2, 3, 4, 5, 6, 7, 9, 10, 11}) {
    const Error error = error_of(header().section(section, {0xff, 0xff, 0xff, 0xff, 0x0f}));
    EXPECT_EQ(error.code(), ErrorCode::Malformed) << section;
  }
  const Error locals = error_of(rich_module({1, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b}));
  EXPECT_EQ(locals.code(), ErrorCode::LimitExceeded);
}

TEST(ConstExpr, AcceptsOneConstantOfTheRightType) {
  const auto global = [](const Bytes& expression) {
    return error_of(header().section(6, Bytes{1, 0x7f, 0}.add(expression)));
  };
  EXPECT_EQ(global({0x41, 5, 0x0b}).message(), "no error");
  EXPECT_EQ(global({0x42, 5, 0x0b}).code(), ErrorCode::Invalid);
  EXPECT_EQ(global({0x0b}).code(), ErrorCode::Invalid);
  EXPECT_EQ(global({0x41, 5, 0x41, 5, 0x0b}).code(), ErrorCode::Invalid);
  EXPECT_EQ(global({0x41, 5, 0x67, 0x0b}).code(), ErrorCode::Invalid);
  EXPECT_EQ(global({0x41, 5}).code(), ErrorCode::Malformed);
  EXPECT_EQ(global({0x27, 0x0b}).code(), ErrorCode::Malformed);
  EXPECT_EQ(global({0x23, 0, 0x0b}).code(), ErrorCode::Invalid);
}

TEST(FunctionNames, PrefersTheNameSection) {
  const Bytes names = Bytes{}
                          .text("name")
                          .add({0})
                          .sized(Bytes{}.text("app"))
                          .add({1})
                          .sized(Bytes{1, 0}.text("imported"));
  Bytes bytes = rich_module(good_body());
  bytes.section(0, names);
  const Module module = *decode_module(bytes.data());
  const FunctionNames found(module);
  EXPECT_EQ(found.module_name(), "app");
  EXPECT_EQ(found.find(0), "imported");
  EXPECT_EQ(found.find(1), "main");  // from the export
  EXPECT_FALSE(found.find(2));
}

TEST(FunctionNames, CannotBeMadeLong) {
  // More names than functions, and a subsection twice.
  Bytes many;
  many.leb(1000);
  for (int i = 0; i < 1000; ++i) many.add({0}).text("f");
  const Bytes sections[] = {
      Bytes{}.text("name").add({1}).sized(many),
      Bytes{}.text("name").add({1}).sized(Bytes{1, 0}.text("a")).add({1}).sized(Bytes{0})};
  for (const Bytes& section : sections) {
    Bytes bytes = rich_module(good_body());
    bytes.section(0, section);
    const Module module = *decode_module(bytes.data());
    const FunctionNames found(module);
    EXPECT_FALSE(found.find(0));
    EXPECT_EQ(found.find(1), "main");
  }
}

TEST(FunctionNames, IgnoresABrokenSection) {
  Bytes bytes = rich_module(good_body());
  bytes.section(0, Bytes{}.text("name").add({1, 9, 1, 0, 4, 'a'}));
  const Module module = *decode_module(bytes.data());
  const FunctionNames found(module);
  EXPECT_FALSE(found.find(0));
  EXPECT_EQ(found.find(1), "main");
}

TEST(ModuleDecoder, RefusesNamesThatAreTooLong) {
  const auto with_export = [](size_t length) {
    const std::string name(length, 'n');
    return header()
        .section(1, {1, 0x60, 0, 0})
        .section(3, {1, 0})
        .section(7, Bytes{1}.text(name).add({0, 0}))
        .section(10, Bytes{1, 2, 0, 0x0b});
  };
  EXPECT_TRUE(decode_module(with_export(100'000).data()));
  const Bytes bytes = with_export(100'001);
  EXPECT_EQ(error_of(bytes).code(), ErrorCode::LimitExceeded);
}

TEST(ModuleDecoder, PausesInEverySectionThatMayBeLong) {
  constexpr uint32_t kCount = 100'000;
  const auto repeated = [](const Bytes& entry) {
    Bytes section;
    section.leb(kCount);
    for (uint32_t i = 0; i < kCount; ++i) section.add(entry);
    return section;
  };
  Bytes exports;
  exports.leb(kCount);
  for (uint32_t i = 0; i < kCount; ++i) exports.text(std::to_string(i)).add({0, 0});
  Bytes elements{1, 0, 0x41, 0, 0x0b};
  elements.add(repeated({0}));
  const Bytes type{1, 0x60, 0, 0};
  const Bytes function{1, 0};
  const Bytes table{1, 0x70, 0, 1};
  const Bytes body{1, 2, 0, 0x0b};
  const Bytes modules[] = {
      header().section(1, repeated({0x60, 0, 0})),
      header().section(1, type).section(2, repeated({0, 0, 0, 0})),
      header().section(1, type).section(3, repeated({0})).section(10, repeated({2, 0, 0x0b})),
      header().section(6, repeated({0x7f, 0, 0x41, 0, 0x0b})),
      header().section(1, type).section(3, function).section(7, exports).section(10, body),
      header()
          .section(1, type)
          .section(3, function)
          .section(4, table)
          .section(9, elements)
          .section(10, body),
      header().section(5, {1, 0, 1}).section(11, repeated({0, 0x41, 0, 0x0b, 0}))};
  for (const Bytes& bytes : modules) {
    uint32_t pauses = 0;
    const auto count = [](void* self) { ++*static_cast<uint32_t*>(self); };
    const auto module = decode_module(bytes.data(), PausePoint(count, &pauses));
    ASSERT_TRUE(module) << module.error().to_string();
    EXPECT_GE(pauses, kCount / PausePoint::kInterval);
  }
}

TEST(VmLayout, PlacesEverythingOnceAndAligned) {
  const Bytes bytes = rich_module(good_body());
  const Module module = *decode_module(bytes.data());
  const VmLayout layout(module);
  EXPECT_EQ(layout.global(0), sizeof(abi::VmContext));
  EXPECT_EQ(layout.memory(0), layout.global(3));
  EXPECT_EQ(layout.table(0), layout.memory(1));
  EXPECT_EQ(layout.imported_function(0), layout.table(2));
  EXPECT_EQ(layout.data_segment(0), layout.imported_function(1));
  EXPECT_EQ(layout.element_segment(0), layout.data_segment(1));
  EXPECT_EQ(layout.func_ref(0), layout.element_segment(1));
  EXPECT_EQ(layout.size(), layout.func_ref(2));
  EXPECT_EQ(layout.size() % 8, 0U);
}

TEST(CallLayout, FillsRegistersThenTheStack) {
  FuncType type;
  type.params.assign(9, ValType::I64);
  type.params.push_back(ValType::F32);
  type.results = {ValType::F64, ValType::I32, ValType::I32, ValType::I32};
  const CallLayout layout(type);
  EXPECT_EQ(layout.params[7].kind, ValueLocation::Kind::Integer);
  EXPECT_EQ(layout.params[7].index, 7U);
  EXPECT_EQ(layout.params[8].kind, ValueLocation::Kind::Stack);
  EXPECT_EQ(layout.params[8].index, 0U);
  EXPECT_EQ(layout.params[9].kind, ValueLocation::Kind::Float);
  EXPECT_EQ(layout.results[0].kind, ValueLocation::Kind::Float);
  EXPECT_EQ(layout.results[3].kind, ValueLocation::Kind::Stack);
  EXPECT_EQ(layout.results[3].index, 1U);
  EXPECT_EQ(layout.stack_slots, 2U);
}

TEST(Utf8, FollowsTheStandard) {
  const auto valid = [](std::initializer_list<int> bytes) { return is_utf8(Bytes(bytes).data()); };
  EXPECT_TRUE(valid({'a', 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x90, 0x9a}));
  EXPECT_TRUE(valid({0xed, 0x9f, 0xbf, 0xf4, 0x8f, 0xbf, 0xbf}));
  EXPECT_FALSE(valid({0xc0, 0x80}));              // overlong
  EXPECT_FALSE(valid({0xe0, 0x9f, 0xbf}));        // overlong
  EXPECT_FALSE(valid({0xed, 0xa0, 0x80}));        // surrogate
  EXPECT_FALSE(valid({0xf4, 0x90, 0x80, 0x80}));  // too large
  EXPECT_FALSE(valid({0xe2, 0x82}));
  EXPECT_FALSE(valid({0x80}));
}

}  // namespace
}  // namespace nacre::wasm
