#include "self_test.hh"

#include <array>
#include <atomic>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "cpus.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/opaque.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/user_access.hh"
#include "nacre/kernel/mm/self_test.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/panic.hh"
#include "nacre/kernel/trap/dispatch.hh"
#include "user_self_test.hh"

namespace nacre::init {
namespace {

using arch::opaque;

constinit trace::Logger log_test("selftest");

struct CountsDestruction {
  unsigned& count;
  ~CountsDestruction() { ++count; }
};

[[gnu::noinline]] void panic_at_depth(unsigned depth, unsigned& destroyed) {
  const CountsDestruction guard{destroyed};
  if (depth == 0) panic("on request");
  panic_at_depth(depth - 1, destroyed);
  (void)opaque(depth);
}

int test_panic(const BootContext&) {
  unsigned destroyed = 0;
  panic_at_depth(2, destroyed);
  return arch::kExitKernelFailure;
}

// A caught panic runs destructors and leaves a kernel that goes on, as often as one likes.
int test_catch(const BootContext&) {
  unsigned destroyed = 0;
  for (unsigned round = 0; round < 3; ++round) {
    const auto result = trace::catch_panic("selftest", [&] { panic_at_depth(4, destroyed); });
    if (result || result.error().message() != "on request") return arch::kExitKernelFailure;
  }
  log_test.info("destroyed {}", destroyed);
  return destroyed == 15 ? arch::kExitSuccess : arch::kExitKernelFailure;
}

[[gnu::noinline]] uint64_t read_unmapped(uint64_t address) {
  // SAFETY: not sound at all: this is the fault under test.
  return *reinterpret_cast<volatile uint64_t*>(address);
}

[[gnu::noinline]] uint64_t call_read_unmapped(uint64_t address) {
  return opaque(read_unmapped(opaque(address)));
}

int test_fault(const BootContext&) {
  call_read_unmapped(0x1230);
  return arch::kExitKernelFailure;
}

// The panic of a fault unwinds through the interrupted function like through any other.
int test_catch_fault(const BootContext&) {
  unsigned destroyed = 0;
  const auto result = trace::catch_panic("selftest", [&] {
    const CountsDestruction guard{destroyed};
    call_read_unmapped(0x1230);
  });
  return !result && destroyed == 1 ? arch::kExitSuccess : arch::kExitKernelFailure;
}

[[gnu::noinline]] uint64_t recurse(uint64_t n) {
  std::array<volatile uint64_t, 32> local{};
  local[n % 32] = n;
  if (opaque(n) == ~uint64_t{0}) return 0;
  return recurse(n + 1) + local[opaque(n) % 32];
}

int test_stack_overflow(const BootContext&) {
  recurse(0);
  return arch::kExitKernelFailure;
}

// The same, survived.
int test_catch_stack_overflow(const BootContext&) {
  const auto result = trace::catch_panic("selftest", [] { recurse(0); });
  return result ? arch::kExitKernelFailure : arch::kExitSuccess;
}

// The hardened library's own check.
int test_assert(const BootContext&) {
  const std::vector<int> three(3);
  return three[opaque(size_t{3})];
}

struct PanicsInDestructor {
  ~PanicsInDestructor() noexcept(false) { panic("in a destructor"); }
};

int test_nested(const BootContext&) {
  const PanicsInDestructor guard;
  panic("the first one");
}

[[gnu::noinline]] void throw_out_of_memory() {
  throw std::bad_alloc();
}
[[gnu::noinline]] void throw_through_noexcept() noexcept {
  throw_out_of_memory();
}

int test_terminate(const BootContext&) {
  throw_through_noexcept();
  return arch::kExitKernelFailure;
}

int test_write_text(const BootContext& context) {
  // SAFETY: not sound: text is read-only, and the fault is what is tested.
  *reinterpret_cast<volatile uint32_t*>(context.info.kernel_virtual) = 0;
  return arch::kExitKernelFailure;
}

// Neither is the text's alias in the direct map a way to change it.
int test_write_text_alias(const BootContext& context) {
  const uint64_t alias = context.info.kernel_physical.begin + context.info.direct_map_offset;
  // SAFETY: as above.
  *reinterpret_cast<volatile uint32_t*>(alias) = 0;
  return arch::kExitKernelFailure;
}

int test_guarded_copy(const BootContext&) {
  uint64_t word = 7;
  const bool copied = arch::copy_from_user(&word, UserAddr(0x10000), sizeof word) ||
                      arch::copy_to_user(UserAddr(0x10001), &word, sizeof word);
  return !copied && word == 7 ? arch::kExitSuccess : arch::kExitKernelFailure;
}

constinit unsigned timer_interrupts = 0;

// Ten deadlines, noticed by waiting with interrupts off.
int test_timer(const BootContext&) {
  trap::set_interrupt_handler(arch::InterruptSource::Timer, [] {
    ++timer_interrupts;
    arch::cancel_timer();
  });
  arch::enable_source(arch::InterruptSource::Timer);
  const uint64_t start = arch::now_ns();
  for (unsigned i = 1; i <= 10; ++i) {
    arch::set_timer_deadline(start + i * 1'000'000);
    while (timer_interrupts < i) {
      arch::wait_for_interrupt();
      trap::serve_pending_interrupts();
    }
    if (arch::now_ns() < start + i * 1'000'000) return arch::kExitKernelFailure;
  }
  return arch::kExitSuccess;
}

int test_memory(const BootContext&) {
  const mm::SelfTestResult result = mm::run_self_test();
  if (!result.failure.empty()) {
    log_test.error("{}", result.failure);
    return arch::kExitKernelFailure;
  }
  log_test.info("instructions: new+delete {}, zero page {}, 8-byte write {}", result.new_delete,
                result.zero_page, result.small_write);
  log_test.info("instructions: first fault {}, fault of 16 pages {}", result.first_fault,
                result.fault);
  log_test.info("instructions: address space {}, 8 GiB reservation {}", result.create_destroy,
                result.reserve_release);
  return arch::kExitSuccess;
}

// ---- All CPUs ----

struct CpuRecord {
  uint64_t hart;
  uint64_t stack;             // address of a local
  uint64_t block;             // of the CPU's own thread_local
  std::atomic<bool> written;  // release by the CPU, acquire by CPU 0
};
constinit std::array<CpuRecord, abi::BootInfo::kMaxCpus> cpu_records{};
constinit thread_local uint64_t cpu_block = 7;

bool contains(abi::Range range, uint64_t address) {
  return address - range.begin < range.size;
}

void record_cpu() {
  const arch::PerCpu& cpu = arch::this_cpu();
  CpuRecord& record = cpu_records.at(cpu.id.value);
  record.hart = cpu.hart.value;
  // SAFETY: the addresses are only compared.
  record.stack = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  record.block = opaque(cpu_block) == 7 ? reinterpret_cast<uint64_t>(&cpu_block) : 0;
  // The heap works here.
  const auto object = std::make_unique<uint64_t>(opaque(record.hart));
  record.written.store(*object == record.hart, std::memory_order_release);
}

// Every CPU comes up with its own number, hart, stack and thread_locals.
int test_cpus(const BootContext& context) {
  record_cpu();
  const std::span cpus(context.info.cpus, context.info.cpu_count);
  const uint64_t deadline = arch::now_ns() + 5'000'000'000;
  for (size_t i = 0; i < cpus.size(); ++i) {
    const CpuRecord& record = cpu_records[i];
    while (!record.written.load(std::memory_order_acquire)) {
      if (arch::now_ns() > deadline) return arch::kExitKernelFailure;
    }
    if (record.hart != cpus[i].hart_id || !contains(cpus[i].boot_stack, record.stack) ||
        !contains(cpus[i].tls, record.block)) {
      log_test.error("CPU {} is not what the loader made", i);
      return arch::kExitKernelFailure;
    }
    log_test.info("CPU {} is hart {}", i, record.hart);
  }
  return online_cpus() == cpus.size() ? arch::kExitSuccess : arch::kExitKernelFailure;
}

// CPU 1 panics; CPU 0 sleeps and never ends by itself.
int test_panic_elsewhere(const BootContext&) {
  arch::park();
}

struct SelfTest {
  std::string_view name;
  int (*run)(const BootContext&);
};

constexpr SelfTest kTests[] = {
    {"panic", test_panic},
    {"catch", test_catch},
    {"fault", test_fault},
    {"catch-fault", test_catch_fault},
    {"stack-overflow", test_stack_overflow},
    {"catch-stack-overflow", test_catch_stack_overflow},
    {"assert", test_assert},
    {"nested", test_nested},
    {"terminate", test_terminate},
    {"write-text", test_write_text},
    {"write-text-alias", test_write_text_alias},
    {"guarded-copy", test_guarded_copy},
    {"timer", test_timer},
    {"memory", test_memory},
    {"user", test_user_mode},
    {"cpus", test_cpus},
    {"panic-elsewhere", test_panic_elsewhere},
};

}  // namespace

int run_self_test(std::string_view name, const BootContext& context) {
  for (const SelfTest& test : kTests) {
    if (test.name != name) continue;
    const int status = test.run(context);
    log_test.info("{}: {}", name, status == arch::kExitSuccess ? "passed" : "failed");
    return status;
  }
  log_test.error("{}: no such test", name);
  return arch::kExitKernelFailure;
}

void run_self_test_elsewhere(std::string_view name) {
  if (name == "cpus") record_cpu();
  unsigned destroyed = 0;
  if (name == "panic-elsewhere" && arch::this_cpu().id == CpuId{1}) panic_at_depth(2, destroyed);
}

}  // namespace nacre::init
