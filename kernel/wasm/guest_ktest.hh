// Small guests for the kernel tests of this folder: a domain with one module in it and a thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "nacre/base/coro/task.hh"
#include "nacre/engine/runtime/linker.hh"
#include "nacre/engine/runtime/program.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/counting.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/wasm/domain.hh"
#include "nacre/kernel/wasm/thread.hh"

namespace nacre::kwasm {

// (func (export "run") (loop br 0))
inline constexpr uint8_t kSpinModule[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00,
    0x00, 0x03, 0x02, 0x01, 0x00, 0x07, 0x07, 0x01, 0x03, 'r',  'u',  'n',  0x00,
    0x00, 0x0a, 0x09, 0x01, 0x07, 0x00, 0x03, 0x40, 0x0c, 0x00, 0x0b, 0x0b};

// (func (export "run"))
inline constexpr uint8_t kEmptyModule[] = {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01,
                                           0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00,
                                           0x07, 0x07, 0x01, 0x03, 'r',  'u',  'n',  0x00, 0x00,
                                           0x0a, 0x04, 0x01, 0x02, 0x00, 0x0b};

// (memory 16) (func (export "run") (local i32) (loop (i32.store (local.get 0) (local.get 0))
//   (local.set 0 (i32.and (i32.add (local.get 0) (i32.const 4096)) (i32.const 0xffffc))) (br 0)))
inline constexpr uint8_t kTouchModule[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00,
    0x00, 0x03, 0x02, 0x01, 0x00, 0x05, 0x03, 0x01, 0x00, 0x10, 0x07, 0x07, 0x01,
    0x03, 'r',  'u',  'n',  0x00, 0x00, 0x0a, 0x1f, 0x01, 0x1d, 0x01, 0x01, 0x7f,
    0x03, 0x40, 0x20, 0x00, 0x20, 0x00, 0x36, 0x02, 0x00, 0x20, 0x00, 0x41, 0x80,
    0x20, 0x6a, 0x41, 0xfc, 0xff, 0x3f, 0x71, 0x21, 0x00, 0x0c, 0x00, 0x0b, 0x0b};

// (import "t" "wait" (func)) (func (export "run") (loop (call 0) (br 0)))
inline constexpr uint8_t kWaitModule[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00,
    0x00, 0x02, 0x0a, 0x01, 0x01, 't',  0x04, 'w',  'a',  'i',  't',  0x00, 0x00,
    0x03, 0x02, 0x01, 0x00, 0x07, 0x07, 0x01, 0x03, 'r',  'u',  'n',  0x00, 0x01,
    0x0a, 0x0b, 0x01, 0x09, 0x00, 0x03, 0x40, 0x10, 0x00, 0x0c, 0x00, 0x0b, 0x0b};

// Whether the emulator's clock counts instructions (-icount shift=0,sleep=off). Otherwise time goes on while the machine below
// runs others, and says nothing about what was done in it.
[[nodiscard]] inline bool clock_is_exact() {
  const uint64_t ns = arch::now_ns();
  const uint64_t instructions = arch::retired_instructions();
  while (arch::retired_instructions() - instructions < 1'000'000) {
  }
  const uint64_t passed = arch::now_ns() - ns;
  return passed >= 990'000 && passed <= 1'010'000;
}

// A module compiled once for many domains.
class GuestProgram {
 public:
  explicit GuestProgram(std::span<const uint8_t> module) {
    auto compiled =
        runtime::CompiledProgram::compile(std::vector(module.begin(), module.end()), types_);
    REQUIRE(compiled.has_value());
    program_ = std::move(*compiled);
  }
  [[nodiscard]] runtime::TypeRegistry& types() { return types_; }
  [[nodiscard]] const std::shared_ptr<const runtime::CompiledProgram>& program() const {
    return program_;
  }

 private:
  runtime::TypeRegistry types_;
  std::shared_ptr<const runtime::CompiledProgram> program_;
};

// A domain with one instance of the program. Null if there is too little memory.
class Guest {
 public:
  [[nodiscard]] static std::unique_ptr<Guest> create(
      GuestProgram& program, const sched::CpuLimits& cpu = {},
      std::span<const runtime::HostFunction> imports = {}) {
    DomainLimits limits;
    limits.stack = ByteSize::kib(64);
    limits.cpu = cpu;
    return create_within(limits, program, imports);
  }
  [[nodiscard]] static std::unique_ptr<Guest> create_within(
      const DomainLimits& limits, GuestProgram& program,
      std::span<const runtime::HostFunction> imports = {}) {
    auto domain = Domain::create(mm::machine(), program.types(), limits);
    if (!domain) return nullptr;
    auto guest = std::unique_ptr<Guest>(new Guest(std::move(*domain)));
    runtime::Store& store = guest->domain_->store();
    const auto code = store.load(program.program());
    if (!code) return nullptr;
    runtime::Linker linker;
    linker.define_host_functions(store, imports);
    auto made = linker.instantiate(store, **code);
    if (!made) return nullptr;
    guest->instance_ = made->instance;
    guest->run_ = *made->instance->exported_function("run");
    return guest;
  }

  [[nodiscard]] Domain& domain() { return *domain_; }
  [[nodiscard]] Thread& thread() { return thread_; }
  [[nodiscard]] runtime::Instance& instance() { return *instance_; }
  [[nodiscard]] uint64_t used_ns() { return domain_->cpu_account().used_ns(); }
  // Runs machine code in the place of "run" from now on. It returns as a compiled function would.
  void set_code(std::span<const uint32_t> instructions) {
    std::vector<uint8_t> bytes(instructions.size_bytes());
    std::memcpy(bytes.data(), instructions.data(), bytes.size());
    const auto entry = domain_->platform().publish(bytes, runtime::Access::ReadExecute);
    REQUIRE(entry.has_value());
    run_.entry = *entry;
  }
  // Runs the export "run" until it returns, or until a host function ends the guest.
  [[nodiscard]] coro::Task<void> run(
      runtime::InvokeOutcome::Kind end = runtime::InvokeOutcome::Kind::Returned) {
    const auto outcome = co_await thread_.invoke(run_, {});
    EXPECT(outcome.has_value() && outcome->kind == end);
  }

 private:
  explicit Guest(std::unique_ptr<Domain> domain) : domain_(std::move(domain)), thread_(*domain_) {}

  std::unique_ptr<Domain> domain_;
  Thread thread_;
  runtime::Instance* instance_ = nullptr;
  runtime::Function run_;
};

}  // namespace nacre::kwasm
