// Runs what a MacroAssembler emitted, in a process under qemu-riscv64, and checks results. Trap exits are caught by signal
// and reported as the kind of their trap site.
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <string_view>
#include <vector>

#include "nacre/abi/trap_kind.hh"
#include "nacre/engine/isa/riscv64/macro_assembler.hh"
#include "nacre/engine/masm/compiled_code.hh"

namespace nacre::riscv64::exec_test {

// Counts a failure and prints it; `main` asks at the end.
void check_failed(std::string_view what, uint64_t got, uint64_t expected, uint64_t a, uint64_t b,
                  std::source_location where = std::source_location::current());
[[nodiscard]] int failures();
[[nodiscard]] uint64_t checks();

void check_equal(std::string_view what, uint64_t got, uint64_t expected, uint64_t a = 0,
                 uint64_t b = 0, std::source_location where = std::source_location::current());

// What a run ended in.
struct Outcome {
  abi::TrapKind trap = abi::TrapKind::None;
  uint32_t wasm_offset = 0;
  uint64_t integer = 0;  // a0
  double number = 0;     // fa0
};

// Executable memory with the code of one module.
class Jit {
 public:
  // Finishes the assembler and maps its code.
  explicit Jit(MacroAssembler& assembler, uint32_t entry = 0);
  ~Jit();
  Jit(const Jit&) = delete;
  Jit& operator=(const Jit&) = delete;

  // Calls the entry with integers in a0…a2 and doubles in fa0, fa1.
  [[nodiscard]] Outcome call(uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) const;
  [[nodiscard]] Outcome call_float(double a, double b = 0) const;

 private:
  [[nodiscard]] Outcome run(uint64_t a, uint64_t b, uint64_t c, double x, double y) const;

  masm::CompiledModule module_;
  uint8_t* base_ = nullptr;
  uint32_t entry_;
};

// Feature sets to repeat a test with.
inline constexpr Features kFeatureSets[] = {
    {.zba = true, .zbb = true, .zbs = true},
    {.zba = false, .zbb = false, .zbs = false},
    {.zba = true, .zbb = false, .zbs = false},
    {.zba = false, .zbb = false, .zbs = true},
};

void test_integers();
void test_floats();
void test_control();

}  // namespace nacre::riscv64::exec_test
