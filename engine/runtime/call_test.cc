// Into a guest's function and out of it: thread_entry.hh and host_call.hh must mirror each other, whatever the signature.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "bytes.hh"
#include "fake_platform.hh"
#include "nacre/engine/runtime/host_call.hh"
#include "nacre/engine/runtime/linker.hh"
#include "nacre/engine/runtime/thread_entry.hh"
#include "test_modules.hh"

namespace nacre::runtime {
namespace {

using wasm::FuncType;
using wasm::ValType;

uint64_t mask_of(ValType type) {
  return type == ValType::I32 || type == ValType::F32 ? 0xffff'ffff : ~uint64_t{0};
}

// Receives arguments, hands out results.
struct Recorder {
  std::vector<uint64_t> seen;
  std::vector<uint64_t> to_return;
  HostOutcome outcome = HostOutcome::returned();

  static HostOutcome handle(void* self, HostCall& call) {
    auto& recorder = *static_cast<Recorder*>(self);
    recorder.seen.assign(call.arguments().begin(), call.arguments().end());
    for (size_t i = 0; i < recorder.to_return.size(); ++i)
      call.set_result(i, recorder.to_return[i]);
    return recorder.outcome;
  }
  static coro::Task<HostOutcome> handle_async(void* self, HostCall& call) {
    co_return handle(self, call);
  }
};

class CallTest : public testing::Test {
 protected:
  static constexpr uint64_t kStackBytes = 64 << 10;

  void SetUp() override {
    const auto stack = platform_.reserve(ByteSize(kStackBytes));
    ASSERT_TRUE(stack);
    ASSERT_TRUE(platform_.commit(*stack, ByteSize(kStackBytes)));
    stack_top_ = *stack + ByteSize(kStackBytes);
  }

  // An instance that re-exports a host function of this type under "f".
  Function host_function(const FuncType& type, std::variant<SyncHandler, AsyncHandler> handler,
                         Attempt attempt = nullptr) {
    EXPECT_TRUE(
        linker_.define_host_function(store_, {"env", "f", type, handler, &recorder_, attempt}));
    wasm::Module module;
    module.types = {type};
    module.imports.push_back({"env", "f", wasm::ExternKind::Function, 0});
    module.functions.push_back({0});
    module.imported_functions = 1;
    module.exports.push_back({"f", wasm::ExternKind::Function, 0});
    const auto code = store_.load(make_program(std::move(module), types_));
    const auto made = linker_.instantiate(store_, **code);
    EXPECT_TRUE(made);
    instance_ = made->instance;
    return *instance_->exported_function("f");
  }

  // What the thunk and the gate do: the registers of the entry are those of the host call.
  HostOutcome call(ThreadEntry& entry) {
    const HostCallee* callee = store_.find_host_callee(abi::kFirstHostFunction + calls_);
    EXPECT_NE(callee, nullptr);
    const HostCallRegisters registers = {entry.registers.integers, entry.registers.floats};
    if (callee->is_async)
      return coro::run_inline(call_host_async(*callee, *instance_, registers, entry.sp));
    return call_host(*callee, *instance_, registers, entry.sp);
  }

  FakePlatform platform_;
  TypeRegistry types_;
  Store store_{platform_, types_};
  Linker linker_;
  Recorder recorder_;
  Instance* instance_ = nullptr;
  UserAddr stack_top_;
  uint64_t calls_ = 0;
};

TEST_F(CallTest, RandomSignaturesRoundTrip) {
  std::mt19937_64 random(5);
  constexpr ValType choices[] = {ValType::I32, ValType::I64, ValType::F32, ValType::F64,
                                 ValType::ExternRef};
  const auto list = [&](size_t limit) {
    std::vector<ValType> types(random() % (limit + 1));
    for (ValType& t : types) t = choices[random() % std::size(choices)];
    return types;
  };
  for (int round = 0; round < 400; ++round, ++calls_) {
    const size_t limit = round % 10 == 0 ? 60 : 12;
    const FuncType type = {list(limit), list(limit / 2)};
    const Function function = host_function(
        type, round % 2 == 0 ? std::variant<SyncHandler, AsyncHandler>(Recorder::handle)
                             : std::variant<SyncHandler, AsyncHandler>(Recorder::handle_async));
    std::vector<uint64_t> arguments;
    for (size_t i = 0; i < type.params.size(); ++i) arguments.push_back(random());
    recorder_.to_return.clear();
    for (size_t i = 0; i < type.results.size(); ++i) recorder_.to_return.push_back(random());

    auto entry = prepare_entry(store_, function, arguments, stack_top_);
    ASSERT_TRUE(entry);
    EXPECT_TRUE(entry->sp.is_aligned(16));
    EXPECT_LE(entry->sp.value() + 8 * wasm::CallLayout(type).stack_slots, stack_top_.value());
    EXPECT_EQ(entry->vm_context, instance_->vm_context());
    ASSERT_EQ(call(*entry).kind, HostOutcome::Kind::Return);
    ASSERT_EQ(recorder_.seen.size(), arguments.size());
    for (size_t i = 0; i < arguments.size(); ++i) {
      EXPECT_EQ(recorder_.seen[i] & mask_of(type.params[i]), arguments[i] & mask_of(type.params[i]))
          << i;
    }
    const auto results = read_results(store_, function, entry->registers, entry->sp);
    ASSERT_TRUE(results);
    ASSERT_EQ(results->size(), type.results.size());
    for (size_t i = 0; i < results->size(); ++i) {
      EXPECT_EQ((*results)[i], recorder_.to_return[i] & mask_of(type.results[i])) << i;
    }
  }
}

TEST_F(CallTest, AttemptsAnswerOrLeaveEverythingAsItWas) {
  const Attempt attempt = [](void*, HostCall& call) -> std::optional<HostOutcome> {
    if (call.u32(0) == 0) return std::nullopt;
    call.set_result(call.u32(0) | 0x8000'0000);
    return HostOutcome::returned();
  };
  const FuncType simple = {{ValType::I32}, {ValType::I32}};
  (void)host_function(simple, Recorder::handle_async, attempt);
  const HostCallee* callee = store_.find_host_callee(abi::kFirstHostFunction);
  ASSERT_NE(callee, nullptr);
  uint64_t integers[8] = {5, 6};
  const auto outcome = try_call_host(*callee, *instance_, {integers, nullptr});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, HostOutcome::Kind::Return);
  EXPECT_EQ(integers[0], 0xffff'ffff'8000'0005);
  integers[0] = 0;
  EXPECT_FALSE(try_call_host(*callee, *instance_, {integers, nullptr}));
  EXPECT_EQ(integers[0], 0u);
  // With floats, or without an attempt, the ordinary way is the only one.
  const FuncType floats = {{ValType::I32, ValType::F64}, {ValType::I32}};
  (void)host_function(floats, Recorder::handle_async, attempt);
  (void)host_function(simple, Recorder::handle_async);
  integers[0] = 5;
  for (uint64_t i = 1; i <= 2; ++i) {
    callee = store_.find_host_callee(abi::kFirstHostFunction + i);
    ASSERT_NE(callee, nullptr);
    EXPECT_FALSE(try_call_host(*callee, *instance_, {integers, nullptr}));
  }
}

TEST_F(CallTest, RegistersHoldTheCanonicalForms) {
  const FuncType type = {{ValType::I32, ValType::F32}, {ValType::I32}};
  recorder_.to_return = {0x8000'0000};
  const Function function = host_function(type, Recorder::handle);
  const uint64_t arguments[] = {0xffff'fffe, 0x3f80'0000};
  auto entry = prepare_entry(store_, function, arguments, stack_top_);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->registers.integers[0], static_cast<uint64_t>(-2));
  EXPECT_EQ(entry->registers.floats[0], 0xffff'ffff'3f80'0000u);
  ASSERT_EQ(call(*entry).kind, HostOutcome::Kind::Return);
  EXPECT_EQ(entry->registers.integers[0], 0xffff'ffff'8000'0000u);
}

TEST_F(CallTest, OutcomesOtherThanReturnPassThrough) {
  const Function function = host_function({{ValType::F64}, {ValType::F64}}, Recorder::handle);
  recorder_.to_return = {1};
  const uint64_t arguments[] = {2};
  auto entry = prepare_entry(store_, function, arguments, stack_top_);
  recorder_.outcome = HostOutcome::exited(42);
  const HostOutcome outcome = call(*entry);
  EXPECT_EQ(outcome.kind, HostOutcome::Kind::Exit);
  EXPECT_EQ(outcome.exit_code, 42u);
  EXPECT_EQ(entry->registers.floats[0], 2u);
}

TEST_F(CallTest, WildStackPointerIsTheGuestsError) {
  const Function function =
      host_function({std::vector<ValType>(9, ValType::I64), {}}, Recorder::handle);
  const std::vector<uint64_t> arguments(9);
  for (const uint64_t sp : {uint64_t{0}, ~uint64_t{0}, ~uint64_t{7}, stack_top_.value()}) {
    auto entry = prepare_entry(store_, function, arguments, stack_top_);
    ASSERT_TRUE(entry);
    entry->sp = UserAddr(sp);
    const HostOutcome outcome = call(*entry);
    EXPECT_EQ(outcome.kind, HostOutcome::Kind::Trap);
    EXPECT_EQ(outcome.trap, abi::TrapKind::HostError);
  }
}

TEST_F(CallTest, WrongArgumentCountIsRefused) {
  const Function function = host_function({{ValType::I32}, {}}, Recorder::handle);
  EXPECT_FALSE(prepare_entry(store_, function, {}, stack_top_));
}

TEST_F(CallTest, HostFunctionWithoutAnImporterCannotBeInvoked) {
  const auto function =
      store_.create_host_function({"env", "g", {{}, {}}, Recorder::handle, &recorder_});
  ASSERT_TRUE(function);
  EXPECT_FALSE(prepare_entry(store_, *function, {}, stack_top_));
}

TEST_F(CallTest, UnknownNumbersHaveNoCallee) {
  EXPECT_EQ(store_.find_host_callee(0), nullptr);
  EXPECT_EQ(store_.find_host_callee(abi::kFirstHostFunction), nullptr);
  EXPECT_EQ(store_.find_host_callee(~uint64_t{0}), nullptr);
}

}  // namespace
}  // namespace nacre::runtime
