// Compiled code at work, under qemu-user: calls within and between instances, host functions, every kind of trap with its
// backtrace, growth. The modules are in testdata/.

#include "nacre/engine/host/guest_thread.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <iterator>

#include "nacre/base/core/format.hh"
#include "nacre/engine/host/posix_platform.hh"
#include "nacre/engine/runtime/linker.hh"

namespace nacre::host {
namespace {

using abi::TrapKind;
using runtime::HostCall;
using runtime::HostOutcome;
using runtime::InvokeOutcome;
using testing::ElementsAre;
using testing::HasSubstr;
using Values = std::vector<uint64_t>;

constexpr uint64_t kMinusOne = 0xffff'ffff;  // the i32

uint64_t f32(float value) {
  return std::bit_cast<uint32_t>(value);
}
uint64_t f64(double value) {
  return std::bit_cast<uint64_t>(value);
}

class GuestThreadTest : public testing::Test {
 protected:
  explicit GuestThreadTest(const runtime::StoreLimits& limits = {})
      : store_(platform_, types_, limits) {}

  void SetUp() override {
    auto thread = GuestThread::create(store_);
    ASSERT_TRUE(thread) << thread.error().to_string();
    thread_ = std::move(*thread);
  }

  runtime::Instance& load(const std::string& name) {
    std::ifstream file(std::string(NACRE_TEST_MODULES) + "/" + name + ".wasm", std::ios::binary);
    EXPECT_TRUE(file) << name;
    std::vector<uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
    auto program = runtime::CompiledProgram::compile(std::move(bytes), types_);
    EXPECT_TRUE(program) << program.error().to_string();
    const auto code = store_.load(*program);
    EXPECT_TRUE(code);
    const auto made = linker_.instantiate(store_, **code);
    EXPECT_TRUE(made) << made.error().to_string();
    EXPECT_EQ(made->trap, TrapKind::None);
    linker_.define_instance(name, *made->instance);
    return *made->instance;
  }

  InvokeOutcome invoke(const runtime::Instance& instance, std::string_view name,
                       const Values& arguments = {}) {
    const auto function = instance.exported_function(name);
    EXPECT_TRUE(function) << name;
    auto outcome = thread_->invoke(*function, arguments);
    EXPECT_TRUE(outcome) << outcome.error().to_string();
    return std::move(*outcome);
  }
  Values call(const runtime::Instance& instance, std::string_view name,
              const Values& arguments = {}) {
    InvokeOutcome outcome = invoke(instance, name, arguments);
    EXPECT_EQ(outcome.kind, InvokeOutcome::Kind::Returned)
        << name << ": " << format_trap(outcome.trap);
    return std::move(outcome.results);
  }
  TrapKind trap(const runtime::Instance& instance, std::string_view name,
                const Values& arguments = {}) {
    const InvokeOutcome outcome = invoke(instance, name, arguments);
    EXPECT_EQ(outcome.kind, InvokeOutcome::Kind::Trapped) << name;
    EXPECT_FALSE(outcome.trap.is_internal_error) << format_trap(outcome.trap);
    return outcome.trap.kind;
  }

  PosixPlatform platform_;
  runtime::TypeRegistry types_;
  runtime::Store store_;
  runtime::Linker linker_;
  std::unique_ptr<GuestThread> thread_;
};

// ---- Traps ----------------------------------------------------------------------------------------------------------

TEST_F(GuestThreadTest, MemoryAccessesTrapAtEveryDistance) {
  const auto& instance = load("traps");
  EXPECT_THAT(call(instance, "load8", {65535}), ElementsAre(0));
  EXPECT_EQ(trap(instance, "load8", {65536}), TrapKind::MemoryOutOfBounds);
  EXPECT_EQ(trap(instance, "load8", {0x8000'0000}), TrapKind::MemoryOutOfBounds);
  EXPECT_EQ(trap(instance, "load8", {0xffff'ffff}), TrapKind::MemoryOutOfBounds);
  EXPECT_THAT(call(instance, "load64", {65528}), ElementsAre(0));
  EXPECT_EQ(trap(instance, "load64", {65529}), TrapKind::MemoryOutOfBounds);
  EXPECT_EQ(trap(instance, "load_far", {0}), TrapKind::MemoryOutOfBounds);
  EXPECT_EQ(trap(instance, "load_far", {0xffff'ffff}), TrapKind::MemoryOutOfBounds);
  EXPECT_THAT(call(instance, "load_float", {65520}), ElementsAre(0));
  EXPECT_EQ(trap(instance, "load_float", {65521}), TrapKind::MemoryOutOfBounds);
  EXPECT_EQ(trap(instance, "store16", {65535}), TrapKind::MemoryOutOfBounds);
  EXPECT_EQ(trap(instance, "store64", {0}), TrapKind::MemoryOutOfBounds);
  EXPECT_EQ(trap(instance, "store64", {0xffff'ffff}), TrapKind::MemoryOutOfBounds);
  // A store that traps has written nothing.
  EXPECT_THAT(call(instance, "load8", {65535}), ElementsAre(0));
}

TEST_F(GuestThreadTest, ArithmeticTraps) {
  const auto& instance = load("traps");
  EXPECT_EQ(trap(instance, "unreachable"), TrapKind::Unreachable);
  EXPECT_THAT(call(instance, "div_s", {static_cast<uint32_t>(-7), 2}),
              ElementsAre(static_cast<uint32_t>(-3)));
  EXPECT_EQ(trap(instance, "div_s", {1, 0}), TrapKind::IntegerDivideByZero);
  EXPECT_EQ(trap(instance, "div_s", {0x8000'0000, kMinusOne}), TrapKind::IntegerOverflow);
  EXPECT_EQ(trap(instance, "div_u64", {1, 0}), TrapKind::IntegerDivideByZero);
  EXPECT_EQ(trap(instance, "rem_s", {1, 0}), TrapKind::IntegerDivideByZero);
  EXPECT_THAT(call(instance, "rem_s", {0x8000'0000, kMinusOne}), ElementsAre(0));
  EXPECT_THAT(call(instance, "trunc", {f64(-2.9)}), ElementsAre(static_cast<uint32_t>(-2)));
  EXPECT_EQ(trap(instance, "trunc", {f64(2147483648.0)}), TrapKind::IntegerOverflow);
  EXPECT_EQ(trap(instance, "trunc", {0x7ff8'0000'0000'0000}), TrapKind::InvalidConversion);
  EXPECT_EQ(trap(instance, "trunc_u64", {f32(-1)}), TrapKind::IntegerOverflow);
  EXPECT_EQ(trap(instance, "trunc_u64", {0x7fc0'0000}), TrapKind::InvalidConversion);
}

TEST_F(GuestThreadTest, TableAndBulkTraps) {
  const auto& instance = load("traps");
  call(instance, "call", {0});
  EXPECT_EQ(trap(instance, "call", {1}), TrapKind::IndirectCallTypeMismatch);
  EXPECT_EQ(trap(instance, "call", {2}), TrapKind::IndirectCallNull);
  EXPECT_EQ(trap(instance, "call", {4}), TrapKind::IndirectCallOutOfBounds);
  EXPECT_EQ(trap(instance, "call", {kMinusOne}), TrapKind::IndirectCallOutOfBounds);
  EXPECT_THAT(call(instance, "table_get", {1}), ElementsAre(0));
  EXPECT_EQ(trap(instance, "table_get", {2}), TrapKind::TableOutOfBounds);
  EXPECT_EQ(trap(instance, "table_set", {kMinusOne}), TrapKind::TableOutOfBounds);
  EXPECT_EQ(trap(instance, "table_fill", {1, 2}), TrapKind::TableOutOfBounds);
  EXPECT_EQ(trap(instance, "table_copy", {1, 0, 2}), TrapKind::TableOutOfBounds);
  EXPECT_EQ(trap(instance, "table_copy", {0, 3, 2}), TrapKind::TableOutOfBounds);
  EXPECT_EQ(trap(instance, "table_init", {2, 0, 1}), TrapKind::TableOutOfBounds);
  call(instance, "table_init", {1, 0, 1});
  EXPECT_NE(call(instance, "table_get", {1})[0], 0u);
  call(instance, "elem_drop");
  EXPECT_EQ(trap(instance, "table_init", {0, 0, 1}), TrapKind::TableOutOfBounds);
  EXPECT_EQ(trap(instance, "copy", {65535, 0, 2}), TrapKind::MemoryOutOfBounds);
  EXPECT_EQ(trap(instance, "fill", {0, 1, kMinusOne}), TrapKind::MemoryOutOfBounds);
  call(instance, "init", {0, 0, 4});
  EXPECT_EQ(trap(instance, "init", {0, 1, 4}), TrapKind::MemoryOutOfBounds);
  call(instance, "data_drop");
  call(instance, "init", {0, 0, 0});
  EXPECT_EQ(trap(instance, "init", {0, 0, 1}), TrapKind::MemoryOutOfBounds);
}

TEST_F(GuestThreadTest, BacktraceNamesFunctionsAndOffsets) {
  const auto& instance = load("traps");
  EXPECT_THAT(call(instance, "nested", {8}), ElementsAre(2));
  const InvokeOutcome outcome = invoke(instance, "nested", {0xffff0000});
  ASSERT_EQ(outcome.kind, InvokeOutcome::Kind::Trapped);
  const auto& frames = outcome.trap.backtrace.frames;
  ASSERT_EQ(frames.size(), 3u) << format_trap(outcome.trap);
  EXPECT_EQ(frames[0].function, "innermost");
  EXPECT_EQ(frames[1].function, "middle");
  EXPECT_EQ(frames[2].function, "outermost");
  for (const runtime::Frame& frame : frames) {
    EXPECT_EQ(frame.module, "traps");
    // The offset is the instruction's in the module: a load, and two calls.
    ASSERT_TRUE(frame.wasm_offset);
    const uint8_t opcode = instance.module().bytes[*frame.wasm_offset];
    EXPECT_EQ(opcode, &frame == &frames[0] ? 0x28 : 0x10);
  }
  EXPECT_THAT(format_trap(outcome.trap), HasSubstr("traps!middle\n"));
}

TEST_F(GuestThreadTest, EndlessRecursionExhaustsTheStackAndNothingElse) {
  const auto& instance = load("traps");
  for (int round = 0; round < 3; ++round) {
    const InvokeOutcome outcome = invoke(instance, "endless", {0});
    ASSERT_EQ(outcome.kind, InvokeOutcome::Kind::Trapped);
    EXPECT_EQ(outcome.trap.kind, TrapKind::StackOverflow);
    EXPECT_EQ(outcome.trap.backtrace.frames.size(), 80u);
    EXPECT_GT(outcome.trap.backtrace.omitted, 1000u);
    EXPECT_EQ(outcome.trap.backtrace.frames.back().function, "endless");
    EXPECT_EQ(trap(instance, "endless_wide", Values(10, 5)), TrapKind::StackOverflow);
  }
  EXPECT_THAT(call(instance, "nested", {8}), ElementsAre(2));
}

// ---- Instances ------------------------------------------------------------------------------------------------------

TEST_F(GuestThreadTest, CallsBetweenInstancesKeepTheirMemoriesApart) {
  load("owner");
  const auto& user = load("user");
  EXPECT_THAT(call(user, "both", {16, 33}), ElementsAre(11 * 1000 + 33));
  EXPECT_THAT(call(user, "counter_plus", {1000}), ElementsAre(1101));
  EXPECT_THAT(call(user, "constant"), ElementsAre(f32(1.5)));
}

TEST_F(GuestThreadTest, IndirectCallsThroughASharedTable) {
  const auto& owner = load("owner");
  const auto& user = load("user");
  ASSERT_TRUE(owner.memory(0)->store<uint32_t>(64, 3));
  // Index 0 is the owner's function, which reads 3 from the owner's memory; 5 is in the user's memory.
  EXPECT_THAT(call(user, "indirect", {0, 7}), ElementsAre(21 + 500000));
  EXPECT_THAT(call(user, "indirect", {5, 7}), ElementsAre(49 + 500000));
  // The import itself, put into the table by the importer.
  EXPECT_THAT(call(user, "indirect", {6, 64}), ElementsAre(3 + 500000));
  EXPECT_EQ(trap(user, "indirect", {1, 7}), TrapKind::IndirectCallNull);
}

TEST_F(GuestThreadTest, ManyArgumentsAndResultsAcrossInstances) {
  load("owner");
  const auto& user = load("user");
  EXPECT_THAT(call(user, "many"), ElementsAre(static_cast<uint32_t>(-20), 14, f32(15), f64(16),
                                              static_cast<uint32_t>(1 - 17),
                                              static_cast<uint64_t>(-10), f32(3), f64(4)));
}

TEST_F(GuestThreadTest, BacktraceCrossesInstances) {
  load("owner");
  const auto& user = load("user");
  EXPECT_THAT(call(user, "call_trap", {1}), ElementsAre(1));
  const InvokeOutcome outcome = invoke(user, "call_trap", {0});
  ASSERT_EQ(outcome.kind, InvokeOutcome::Kind::Trapped);
  EXPECT_EQ(outcome.trap.kind, TrapKind::IntegerDivideByZero);
  ASSERT_EQ(outcome.trap.backtrace.frames.size(), 2u);
  EXPECT_EQ(outcome.trap.backtrace.frames[0].module, "owner");
  EXPECT_EQ(outcome.trap.backtrace.frames[1].module, "user");
  EXPECT_EQ(outcome.trap.backtrace.frames[1].function, "call_trap");
  // The pinned registers are right again in the next call.
  EXPECT_THAT(call(user, "both", {16, 33}), ElementsAre(11 * 1000 + 33));
}

TEST_F(GuestThreadTest, SharedTableGrowsForEveryone) {
  const auto& owner = load("owner");
  const auto& user = load("user");
  EXPECT_THAT(call(user, "grow_shared", {4}), ElementsAre(10));
  EXPECT_THAT(call(user, "shared_size"), ElementsAre(14));
  EXPECT_EQ(owner.table(0)->size(), 14u);
  EXPECT_THAT(call(user, "indirect", {13, 9}), ElementsAre(81 + 500000));
  EXPECT_THAT(call(user, "grow_shared", {7}), ElementsAre(kMinusOne));
  EXPECT_THAT(call(user, "grow_shared", {6}), ElementsAre(14));
}

TEST_F(GuestThreadTest, StartFunctionIsTheEmbeddersToInvoke) {
  for (const uint64_t should_trap : {0, 1}) {
    const auto global = store_.create_global({wasm::ValType::I32, false}, should_trap);
    linker_.define("env", "should_trap", *global);
    const auto& instance = load("start");
    EXPECT_EQ(*instance.exported_global("ran")->get(), 0u);
    const auto outcome = thread_->invoke(*instance.start_function(), {});
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->kind,
              should_trap == 0 ? InvokeOutcome::Kind::Returned : InvokeOutcome::Kind::Trapped);
    EXPECT_EQ(*instance.exported_global("ran")->get(), 1u);
  }
}

// ---- Host functions -------------------------------------------------------------------------------------------------

class HostFunctionTest : public GuestThreadTest {
 protected:
  void SetUp() override {
    using enum wasm::ValType;
    GuestThreadTest::SetUp();
    define("add", {{I32, I32}, {I32}}, [](void*, HostCall& call) {
      call.set_result(call.u32(0) + call.u32(1));
      return HostOutcome::returned();
    });
    std::vector<wasm::ValType> mixed;
    for (int i = 0; i < 6; ++i) mixed.insert(mixed.end(), {I32, F32, I64, F64});
    define("mixed", {mixed, {F64, I64, I32, F32, F64, I64}}, mix);
    define("call_back", {{I32}, {I32}}, call_back);
    define("stop", {{I32}, {}}, [](void*, HostCall& call) {
      return call.u32(0) == 0 ? HostOutcome::trapped(TrapKind::HostError)
                              : HostOutcome::exited(call.u32(0));
    });
    define("slow", {{I64}, {I64}}, slow);
    instance_ = &load("host");
  }

  void define(std::string_view name, const wasm::FuncType& type,
              std::variant<runtime::SyncHandler, runtime::AsyncHandler> handler) {
    ASSERT_TRUE(linker_.define_host_function(store_, {"env", name, type, handler, this}));
  }

  // Argument i has the value i in its own type.
  static HostOutcome mix(void*, HostCall& call) {
    for (size_t i = 0; i < 24; i += 4) {
      EXPECT_EQ(call.u32(i), i);
      EXPECT_EQ(call.u32(i + 1), f32(static_cast<float>(i + 1)));
      EXPECT_EQ(call.u64(i + 2), i + 2);
      EXPECT_EQ(call.u64(i + 3), f64(static_cast<double>(i + 3)));
    }
    const Values results = {f64(-1), 2, 0xffff'fffd, f32(-4), f64(5), ~uint64_t{5}};
    for (size_t i = 0; i < results.size(); ++i) call.set_result(i, results[i]);
    return HostOutcome::returned();
  }

  static HostOutcome call_back(void* self, HostCall& call) {
    auto& test = *static_cast<HostFunctionTest*>(self);
    call.set_result(test.call(call.caller(), "factorial", {call.u32(0)})[0]);
    return HostOutcome::returned();
  }

  static coro::Task<HostOutcome> slow(void*, HostCall& call) {
    call.set_result(call.u64(0) + 1);
    co_return HostOutcome::returned();
  }

  runtime::Instance* instance_ = nullptr;
};

TEST_F(HostFunctionTest, DirectIndirectAndReexported) {
  EXPECT_THAT(call(*instance_, "add", {2, 40}), ElementsAre(42));
  EXPECT_THAT(call(*instance_, "add", {0x7fff'ffff, 1}), ElementsAre(0x8000'0000));
  EXPECT_THAT(call(*instance_, "add_indirect", {5, kMinusOne}), ElementsAre(4));
  EXPECT_THAT(call(*instance_, "add_again", {5, 6}), ElementsAre(11));
}

TEST_F(HostFunctionTest, RegistersSurvive) {
  EXPECT_THAT(call(*instance_, "keep", {10, f64(1.5)}), ElementsAre(f64(1.5 * 2 + 8)));
}

TEST_F(HostFunctionTest, ManyMixedArgumentsAndResults) {
  EXPECT_THAT(call(*instance_, "mixed"),
              ElementsAre(f64(-1), 2, 0xffff'fffd, f32(-4), f64(5), ~uint64_t{5}));
}

TEST_F(HostFunctionTest, AsynchronousHandler) {
  EXPECT_THAT(call(*instance_, "slow", {20}), ElementsAre(42));
}

TEST_F(HostFunctionTest, NestedInvocations) {
  EXPECT_THAT(call(*instance_, "factorial", {10}), ElementsAre(3628800));
}

TEST_F(HostFunctionTest, ExitEndsTheThread) {
  const InvokeOutcome outcome = invoke(*instance_, "stop", {77});
  EXPECT_EQ(outcome.kind, InvokeOutcome::Kind::Exited);
  EXPECT_EQ(outcome.exit_code, 77u);
}

TEST_F(HostFunctionTest, TrapOfTheHostHasTheGuestsBacktrace) {
  const InvokeOutcome outcome = invoke(*instance_, "stop", {0});
  ASSERT_EQ(outcome.kind, InvokeOutcome::Kind::Trapped);
  EXPECT_EQ(outcome.trap.kind, TrapKind::HostError);
  ASSERT_EQ(outcome.trap.backtrace.frames.size(), 2u) << format_trap(outcome.trap);
  EXPECT_EQ(outcome.trap.backtrace.frames[0].function, "inner");
  EXPECT_EQ(outcome.trap.backtrace.frames[1].function, "stop");
}

// ---- Growth and bulk operations -------------------------------------------------------------------------------------

class GrowthTest : public GuestThreadTest {
 protected:
  static runtime::StoreLimits small_limits() {
    runtime::StoreLimits limits;
    limits.max_memory_bytes = 100 * abi::kWasmPageSize + 5000;
    limits.max_table_elements = 100'000;
    return limits;
  }
  GrowthTest() : GuestThreadTest(small_limits()) {}
};

TEST_F(GrowthTest, MemoryUpToTheLimit) {
  const auto& instance = load("grow");
  EXPECT_THAT(call(instance, "size"), ElementsAre(1));
  EXPECT_EQ(trap(instance, "load", {65536}), TrapKind::MemoryOutOfBounds);
  EXPECT_THAT(call(instance, "grow", {2}), ElementsAre(1));
  EXPECT_THAT(call(instance, "size"), ElementsAre(3));
  EXPECT_THAT(call(instance, "load64", {3 * 65536 - 8}), ElementsAre(0));
  EXPECT_EQ(trap(instance, "load64", {3 * 65536 - 7}), TrapKind::MemoryOutOfBounds);
  for (const uint64_t delta : {98u, 65534u, 0x8000'0000u, 0xffff'ffffu}) {
    EXPECT_THAT(call(instance, "grow", {delta}), ElementsAre(kMinusOne)) << delta;
  }
  EXPECT_THAT(call(instance, "grow", {97}), ElementsAre(3));
  EXPECT_THAT(call(instance, "grow", {0}), ElementsAre(100));
  call(instance, "store", {100 * 65536 - 1, 0x1ff});
  EXPECT_THAT(call(instance, "load", {100 * 65536 - 1}), ElementsAre(0xff));
  EXPECT_EQ(trap(instance, "store", {100 * 65536, 1}), TrapKind::MemoryOutOfBounds);
}

TEST_F(GrowthTest, Tables) {
  const auto& instance = load("grow");
  EXPECT_THAT(call(instance, "table_grow", {99'999}), ElementsAre(1));
  EXPECT_THAT(call(instance, "table_size"), ElementsAre(100'000));
  EXPECT_THAT(call(instance, "is_null", {0}), ElementsAre(1));
  EXPECT_THAT(call(instance, "is_null", {1}), ElementsAre(0));
  EXPECT_THAT(call(instance, "is_null", {99'999}), ElementsAre(0));
  EXPECT_EQ(trap(instance, "is_null", {100'000}), TrapKind::TableOutOfBounds);
  EXPECT_THAT(call(instance, "table_grow", {1}), ElementsAre(kMinusOne));
  EXPECT_THAT(call(instance, "bounded_grow", {0x1234'5678'9abc, 5}), ElementsAre(0));
  EXPECT_THAT(call(instance, "bounded_get", {4}), ElementsAre(0x1234'5678'9abc));
  EXPECT_THAT(call(instance, "bounded_grow", {1, 1}), ElementsAre(kMinusOne));
}

TEST_F(GrowthTest, BulkOperations) {
  const auto& instance = load("grow");
  const auto byte = [&](uint64_t at) { return call(instance, "load", {at})[0]; };
  call(instance, "init", {10, 2, 14});
  EXPECT_EQ(byte(10), static_cast<uint64_t>('2'));
  EXPECT_EQ(byte(23), static_cast<uint64_t>('f'));
  call(instance, "copy", {11, 10, 14});
  EXPECT_EQ(byte(11), static_cast<uint64_t>('2'));
  EXPECT_EQ(byte(24), static_cast<uint64_t>('f'));
  call(instance, "fill", {65500, 0xabc, 36});
  EXPECT_EQ(byte(65499), 0u);
  EXPECT_EQ(byte(65500), 0xbcu);
  EXPECT_EQ(byte(65535), 0xbcu);
}

}  // namespace
}  // namespace nacre::host
