#include "nacre/engine/runtime/trap.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "bytes.hh"
#include "fake_platform.hh"
#include "nacre/engine/runtime/store.hh"

namespace nacre::runtime {
namespace {

using abi::TrapKind;
using testing::HasSubstr;

constexpr uint32_t kCallSite = static_cast<uint32_t>(TrapKind::None);

// Three functions of 64 bytes each with frames of 32, 48 and no frame. Each calls at 24 (return address), and may trap at
// the instructions named in the sites.
masm::CompiledModule make_code() {
  masm::CompiledModule code;
  code.code.resize(192);
  code.functions = {{0, 64, 32, 8}, {64, 64, 48, 8}, {128, 64, 0, 0xffff}};
  code.trap_sites = {
      {24, 0x101, kCallSite},
      {24, 0x102, static_cast<uint32_t>(TrapKind::MemoryOutOfBounds)},
      {28, 0x103, static_cast<uint32_t>(TrapKind::IntegerDivideByZero)},
      {32, 0x104, static_cast<uint32_t>(TrapKind::IndirectCallNull)},
      {64 + 24, 0x201, kCallSite},
      {128, 0x211, kCallSite},  // the call is the last instruction of the second function
      {128 + 4, 0x301, static_cast<uint32_t>(TrapKind::Unreachable)},
  };
  return code;
}

class TrapTest : public testing::Test {
 protected:
  static constexpr uint64_t kStackBytes = 8 << 20;

  void SetUp() override {
    wasm::Module module;
    module.types = {{{}, {}}};
    module.functions = {{0, 0x100, 0x20}, {0, 0x200, 0x20}, {0, 0x300, 0x20}};
    module.memories.push_back({{1, {}}});
    module.exports.push_back({"outer", wasm::ExternKind::Function, 1});
    program_ = std::make_shared<const CompiledProgram>(std::move(module), make_code(), types_);
    const auto code = store_.load(program_, "app");
    ASSERT_TRUE(code);
    code_ = *code;
    const auto made = store_.instantiate(*code_, {});
    ASSERT_TRUE(made);
    instance_ = made->instance;

    const auto reservation = platform_.reserve(ByteSize(abi::kStackGuardBytes + kStackBytes));
    ASSERT_TRUE(reservation);
    limit_ = *reservation + ByteSize(abi::kStackGuardBytes);
    ASSERT_TRUE(platform_.commit(limit_, ByteSize(kStackBytes)));
    top_ = limit_ + ByteSize(kStackBytes);
    ASSERT_TRUE(store_.set_stack({limit_, top_}));
    sp_ = top_;
  }

  UserAddr at(uint64_t offset) const { return code_->address + ByteSize(offset); }

  // Pushes a frame that returns to `return_address`.
  void push(uint64_t frame_size, UserAddr return_address) {
    sp_ = sp_ - ByteSize(frame_size);
    ASSERT_TRUE(write_object(platform_, sp_ + ByteSize(frame_size - 8), return_address.value()));
  }

  static std::string names(const Backtrace& trace) {
    std::string out;
    for (const Frame& frame : trace.frames)
      out += format("{}@{:x} ", frame.function_index, frame.wasm_offset.value_or(0));
    return out;
  }

  FakePlatform platform_;
  TypeRegistry types_;
  Store store_{platform_, types_};
  std::shared_ptr<const CompiledProgram> program_;
  const ModuleCode* code_ = nullptr;
  Instance* instance_ = nullptr;
  UserAddr limit_;
  UserAddr top_;
  UserAddr sp_;
};

TEST_F(TrapTest, ClassifiesByCauseSiteAndAddress) {
  const UserAddr memory = instance_->memory(0)->base();
  const UserAddr outside(0x40);
  using enum FaultCause;
  const auto kind = [&](UserAddr pc, FaultCause cause, UserAddr address = {}) {
    const Trap trap = classify(store_, {pc, cause, address});
    EXPECT_EQ(trap.is_internal_error, trap.kind == TrapKind::None);
    return trap.kind;
  };
  EXPECT_EQ(kind(at(28), Breakpoint), TrapKind::IntegerDivideByZero);
  EXPECT_EQ(kind(at(132), Breakpoint), TrapKind::Unreachable);
  // A call returns to the instruction that may trap: both sites are at 24.
  EXPECT_EQ(kind(at(24), Load, memory + ByteSize(70000)), TrapKind::MemoryOutOfBounds);
  EXPECT_EQ(kind(at(24), Store, memory + ByteSize(abi::kMemoryReservation - 1)),
            TrapKind::MemoryOutOfBounds);
  EXPECT_EQ(kind(at(24), Load, memory + ByteSize(abi::kMemoryReservation)), TrapKind::None);
  EXPECT_EQ(kind(at(24), Load, outside), TrapKind::None);
  EXPECT_EQ(kind(at(28), Load, memory), TrapKind::None);
  EXPECT_EQ(kind(at(32), Load, UserAddr(16)), TrapKind::IndirectCallNull);
  EXPECT_EQ(kind(at(32), Store, UserAddr(16)), TrapKind::None);
  EXPECT_EQ(kind(at(32), Load, UserAddr(1 << 20)), TrapKind::None);
  // No site at all, and a breakpoint where only a call is recorded.
  EXPECT_EQ(kind(at(29), Breakpoint), TrapKind::None);
  EXPECT_EQ(kind(at(88), Breakpoint), TrapKind::None);
  EXPECT_EQ(kind(UserAddr(0), Fetch), TrapKind::None);
  EXPECT_EQ(kind(at(28), IllegalInstruction), TrapKind::None);
}

TEST_F(TrapTest, StackGuardIsOverflowWhereverThePcIs) {
  using enum FaultCause;
  for (const UserAddr pc : {at(28), at(3), UserAddr(FakePlatform::kGate)}) {
    EXPECT_EQ(classify(store_, {pc, Store, limit_ - ByteSize(8)}).kind, TrapKind::StackOverflow);
    EXPECT_EQ(classify(store_, {pc, Load, limit_ - ByteSize(abi::kStackGuardBytes)}).kind,
              TrapKind::StackOverflow);
    EXPECT_TRUE(classify(store_, {pc, Store, limit_ - ByteSize(abi::kStackGuardBytes + 1)})
                    .is_internal_error);
    EXPECT_TRUE(classify(store_, {pc, Store, limit_}).is_internal_error);
  }
}

TEST_F(TrapTest, WalksSavedFrames) {
  push(48, platform_.thread_exit());
  push(32, at(88));
  const Backtrace trace = backtrace(store_, {at(28), sp_, UserAddr(0x1234)});
  EXPECT_EQ(names(trace), "0@103 1@201 ");
  EXPECT_EQ(trace.frames[1].module, "app");
  EXPECT_EQ(trace.frames[1].function, "outer");
  EXPECT_EQ(trace.frames[0].code_offset, 28u);
}

TEST_F(TrapTest, LeafWithoutFrameReturnsThroughItsRegister) {
  push(48, platform_.thread_exit());
  EXPECT_EQ(names(backtrace(store_, {at(132), sp_, at(88)})), "2@301 1@201 ");
}

TEST_F(TrapTest, CallAtTheEndOfAFunctionBelongsToThatFunction) {
  push(48, platform_.thread_exit());
  EXPECT_EQ(names(backtrace(store_, {at(132), sp_, at(128)})), "2@301 1@211 ");
}

TEST_F(TrapTest, HostCallStartsAtItsCaller) {
  push(48, platform_.thread_exit());
  push(32, at(88));
  EXPECT_EQ(names(backtrace(store_, {UserAddr(FakePlatform::kGate), sp_, at(24)})), "0@101 1@201 ");
}

TEST_F(TrapTest, PrologueBeforeAndAfterTheStackPointerMoves) {
  push(48, platform_.thread_exit());
  push(32, at(88));
  // The first function called itself; the new frame of 32 bytes is not written yet.
  EXPECT_EQ(names(backtrace(store_, {at(0), sp_, at(24)})), "0@100 0@101 1@201 ");
  EXPECT_EQ(names(backtrace(store_, {at(4), sp_ - ByteSize(32), at(24)})), "0@100 0@101 1@201 ");
  EXPECT_EQ(names(backtrace(store_, {at(4), sp_, at(24)})), "0@100 0@101 1@201 ");
}

TEST_F(TrapTest, DeepRecursionIsElidedInTheMiddle) {
  push(48, platform_.thread_exit());
  push(32, at(88));
  for (int i = 0; i < 100'000; ++i) push(32, at(24));
  const Backtrace trace = backtrace(store_, {at(28), sp_, {}});
  ASSERT_EQ(trace.frames.size(), 80u);
  EXPECT_EQ(trace.omitted_after, 64u);
  EXPECT_EQ(trace.omitted, 100'002u - 80u);
  EXPECT_EQ(trace.frames.back().function_index, 1u);
  EXPECT_EQ(trace.frames[78].function_index, 0u);
  Trap trap;
  trap.kind = TrapKind::StackOverflow;
  trap.backtrace = trace;
  const std::string text = format_trap(trap);
  EXPECT_THAT(text, HasSubstr("call stack exhausted"));
  EXPECT_THAT(text, HasSubstr("... 99922 more frames ..."));
  EXPECT_THAT(text, HasSubstr("100001:    0x201 - app!outer"));
}

TEST_F(TrapTest, ExactlyTheFramesThatAreKept) {
  push(48, platform_.thread_exit());
  push(32, at(88));
  for (int i = 0; i < 78; ++i) push(32, at(24));
  const Backtrace trace = backtrace(store_, {at(28), sp_, {}});
  EXPECT_EQ(trace.frames.size(), 80u);
  EXPECT_EQ(trace.omitted, 0u);
  EXPECT_EQ(trace.frames.back().function_index, 1u);
}

TEST(ModuleNameOfFile, LeavesOutFoldersAndExtension) {
  EXPECT_EQ(module_name_of_file("a/b.c/app.wasm"), "app");
  EXPECT_EQ(module_name_of_file("app"), "app");
  EXPECT_EQ(module_name_of_file("dir/"), "");
  EXPECT_EQ(module_name_of_file(".wasm"), "");
}

TEST_F(TrapTest, GarbageEndsTheWalk) {
  std::mt19937_64 random(23);
  for (int round = 0; round < 300; ++round) {
    std::vector<uint64_t> words(512);
    for (uint64_t& word : words) {
      word = random() % 3 == 0 ? random() : at(random() % 200).value();
    }
    const UserAddr low = top_ - ByteSize(8 * words.size());
    ASSERT_TRUE(platform_.write(low, bytes_of(std::span<const uint64_t>(words))));
    const UserAddr sp = random() % 4 == 0 ? UserAddr(random()) : low + ByteSize(random() % 4096);
    const UserAddr pc = random() % 4 == 0 ? UserAddr(random()) : at(random() % 192);
    const Backtrace trace = backtrace(store_, {pc, sp, at(random() % 200)});
    EXPECT_LE(trace.frames.size(), 80u);
  }
}

TEST_F(TrapTest, TextLooksAsExpected) {
  push(48, platform_.thread_exit());
  push(32, at(88));
  Trap trap = classify(store_, {at(28), FaultCause::Breakpoint, {}});
  trap.backtrace = backtrace(store_, {at(28), sp_, {}});
  EXPECT_EQ(format_trap(trap),
            "wasm trap: integer divide by zero\n"
            "wasm backtrace:\n"
            "      0:    0x103 - app!<wasm function 0>\n"
            "      1:    0x201 - app!outer\n");
  const Trap internal = classify(store_, {UserAddr(0x10), FaultCause::Load, UserAddr(0x20)});
  EXPECT_EQ(format_trap(internal),
            "internal error: load at pc 0x10, address 0x20 that no trap site explains\n");
}

TEST(TrapMessages, ContainTheSuitesWording) {
  EXPECT_THAT(message_of(TrapKind::Unreachable), HasSubstr("unreachable"));
  EXPECT_THAT(message_of(TrapKind::MemoryOutOfBounds), HasSubstr("out of bounds memory access"));
  EXPECT_THAT(message_of(TrapKind::TableOutOfBounds), HasSubstr("out of bounds table access"));
  EXPECT_THAT(message_of(TrapKind::IndirectCallOutOfBounds), HasSubstr("undefined element"));
  EXPECT_THAT(message_of(TrapKind::IndirectCallNull), HasSubstr("uninitialized element"));
  EXPECT_THAT(message_of(TrapKind::IndirectCallTypeMismatch),
              HasSubstr("indirect call type mismatch"));
  EXPECT_THAT(message_of(TrapKind::IntegerDivideByZero), HasSubstr("integer divide by zero"));
  EXPECT_THAT(message_of(TrapKind::IntegerOverflow), HasSubstr("integer overflow"));
  EXPECT_THAT(message_of(TrapKind::InvalidConversion), HasSubstr("invalid conversion to integer"));
  EXPECT_THAT(message_of(TrapKind::StackOverflow), HasSubstr("call stack exhausted"));
}

}  // namespace
}  // namespace nacre::runtime
