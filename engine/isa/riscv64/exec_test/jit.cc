#include "jit.hh"

#include <sys/mman.h>
#include <ucontext.h>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace nacre::riscv64::exec_test {

namespace {

// Handlers run with SA_NODEFER, so that no signal mask has to be restored.
int failure_count = 0;
uint64_t check_count = 0;
sigjmp_buf trap_exit;
volatile uint64_t trap_pc;

void on_signal(int, siginfo_t*, void* context) {
  trap_pc = static_cast<ucontext_t*>(context)->uc_mcontext.__gregs[REG_PC];
  siglongjmp(trap_exit, 1);
}

}  // namespace

void check_failed(std::string_view what, uint64_t got, uint64_t expected, uint64_t a, uint64_t b,
                  std::source_location where) {
  if (++failure_count > 50) return;
  std::printf("%s:%u: %.*s(0x%llx, 0x%llx): got 0x%llx, expected 0x%llx\n", where.file_name(),
              static_cast<unsigned>(where.line()), static_cast<int>(what.size()), what.data(),
              static_cast<unsigned long long>(a), static_cast<unsigned long long>(b),
              static_cast<unsigned long long>(got), static_cast<unsigned long long>(expected));
}

int failures() {
  return failure_count;
}
uint64_t checks() {
  return check_count;
}

void check_equal(std::string_view what, uint64_t got, uint64_t expected, uint64_t a, uint64_t b,
                 std::source_location where) {
  ++check_count;
  if (got != expected) check_failed(what, got, expected, a, b, where);
}

Jit::Jit(MacroAssembler& assembler, uint32_t entry) : entry_(entry) {
  assembler.finish();
  check_equal("assembler failed", assembler.failed(), false);
  module_.code = assembler.take_code();
  module_.trap_sites = assembler.take_trap_sites();
  for (size_t i = 1; i < module_.trap_sites.size(); ++i) {
    check_equal("trap sites ascend",
                module_.trap_sites[i - 1].code_offset <= module_.trap_sites[i].code_offset, true);
  }
  void* memory = mmap(nullptr, module_.code.size(), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  base_ = static_cast<uint8_t*>(memory);
  std::memcpy(base_, module_.code.data(), module_.code.size());
  mprotect(base_, module_.code.size(), PROT_READ | PROT_EXEC);
  __builtin___clear_cache(reinterpret_cast<char*>(base_),
                          reinterpret_cast<char*>(base_ + module_.code.size()));
}

Jit::~Jit() {
  munmap(base_, module_.code.size());
}

Outcome Jit::call(uint64_t a, uint64_t b, uint64_t c) const {
  return run(a, b, c, 0, 0);
}
Outcome Jit::call_float(double a, double b) const {
  return run(0, 0, 0, a, b);
}

Outcome Jit::run(uint64_t a, uint64_t b, uint64_t c, double x, double y) const {
  Outcome outcome;
  if (sigsetjmp(trap_exit, 0) != 0) {
    const auto* site =
        module_.find_trap_site(static_cast<uint32_t>(trap_pc - reinterpret_cast<uint64_t>(base_)));
    check_equal("a trap has a site", site != nullptr, true, a, b);
    if (site != nullptr) {
      outcome.trap = static_cast<abi::TrapKind>(site->kind);
      outcome.wasm_offset = site->wasm_offset;
    }
    return outcome;
  }
  // SAFETY: the entry follows the C calling convention; a0, a1, a2 and fa0, fa1 are its arguments, a0 and fa0 its results.
  register uint64_t a0 asm("a0") = a;
  register uint64_t a1 asm("a1") = b;
  register uint64_t a2 asm("a2") = c;
  register double fa0 asm("fa0") = x;
  register double fa1 asm("fa1") = y;
  const uint8_t* target = base_ + entry_;
  asm volatile("jalr %[target]"
               : "+r"(a0), "+r"(a1), "+r"(a2), "+f"(fa0), "+f"(fa1)
               : [target] "r"(target)
               : "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a3", "a4", "a5", "a6", "a7",
                 "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "ft8", "ft9", "ft10",
                 "ft11", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7", "memory");
  outcome.integer = a0;
  outcome.number = fa0;
  return outcome;
}

}  // namespace nacre::riscv64::exec_test

int main() {
  using namespace nacre::riscv64::exec_test;
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  for (int signal : {SIGTRAP, SIGSEGV, SIGILL}) sigaction(signal, &action, nullptr);
  test_integers();
  test_floats();
  test_control();
  std::printf("%llu checks, %d failures\n", static_cast<unsigned long long>(checks()), failures());
  return failures() == 0 ? 0 : 1;
}
