// What the boot sequence has made of the machine.
#include <array>
#include <atomic>
#include <memory>
#include <span>

#include "cpus.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/opaque.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/user_access.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/self_test.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trap/dispatch.hh"

namespace nacre::init {
namespace {

using arch::opaque;

constinit trace::Logger log_test("test::machine");

// Neither the kernel's code nor its alias in the direct map can be written.
NACRE_KERNEL_TEST(machine, text_is_read_only) {
  const abi::BootInfo& info = testing::boot_context().info;
  for (const uint64_t address :
       {info.kernel_virtual, info.kernel_physical.begin + info.direct_map_offset}) {
    const auto write = [&] {
      // SAFETY: not sound: the fault is what is tested.
      *reinterpret_cast<volatile uint32_t*>(opaque(address)) = 0;
    };
    EXPECT_PANIC(write(), format("page fault on a store in the kernel, address 0x{:x},", address));
  }
}

NACRE_KERNEL_TEST(machine, guarded_copies_survive) {
  uint64_t word = 7;
  EXPECT(!arch::copy_from_user(&word, UserAddr(0x10000), sizeof word));
  EXPECT(!arch::copy_to_user(UserAddr(0x10001), &word, sizeof word));
  EXPECT_EQ(word, 7u);
}

// Ten deadlines, noticed by waiting with interrupts off.
NACRE_KERNEL_TEST(machine, timer_wakes) {
  const uint64_t start = arch::now_ns();
  for (unsigned i = 1; i <= 10; ++i) {
    const uint64_t deadline = start + i * 1'000'000;
    arch::set_timer_deadline(deadline);
    do {
      arch::wait_for_interrupt();
      const auto pending = arch::pending_interrupt();
      const bool in_time = arch::now_ns() >= deadline;
      EXPECT(in_time || pending != arch::InterruptSource::Timer);
      trap::serve_pending_interrupts();
    } while (arch::now_ns() < deadline);
  }
}

NACRE_KERNEL_TEST(machine, hardware_agrees_with_the_page_tables) {
  const mm::SelfTestResult result = mm::run_self_test();
  EXPECT_EQ(result.failure, "");
  log_test.info("instructions: new+delete {}, zero page {}, 8-byte write {}", result.new_delete,
                result.zero_page, result.small_write);
  log_test.info("instructions: first fault {}, fault of 16 pages {}", result.first_fault,
                result.fault);
  log_test.info("instructions: address space {}, 8 GiB reservation {}", result.create_destroy,
                result.reserve_release);
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

coro::Task<void> record_here() {
  record_cpu();
  co_return;
}

// Every CPU came up with its own number, hart, stack and thread_locals.
NACRE_KERNEL_TASK_TEST(machine, cpus_are_what_the_loader_made) {
  const abi::BootInfo& info = testing::boot_context().info;
  const std::span cpus(info.cpus, info.cpu_count);
  // The last of them may still be on its way to its executor.
  const uint64_t deadline = arch::now_ns() + 5'000'000'000;
  const auto all_are_there = [&] {
    for (uint32_t cpu = 0; cpu < cpus.size(); ++cpu) {
      if (exec::executors().find(CpuId{cpu}) == nullptr) return false;
    }
    return online_cpus() == cpus.size();
  };
  while (!all_are_there()) {
    REQUIRE(arch::now_ns() < deadline);
    co_await coro::sleep_until(arch::now_ns() + 1'000'000);
  }
  coro::Scope scope;
  for (uint32_t cpu = 0; cpu < cpus.size(); ++cpu) {
    scope.spawn_on(exec::executors().find(CpuId{cpu})->scheduler(), record_here());
  }
  co_await scope.join();
  for (size_t i = 0; i < cpus.size(); ++i) {
    const CpuRecord& record = cpu_records[i];
    EXPECT(record.written.load(std::memory_order_acquire));
    EXPECT_EQ(record.hart, cpus[i].hart_id);
    EXPECT(contains(cpus[i].boot_stack, record.stack));
    EXPECT(contains(cpus[i].tls, record.block));
    log_test.info("CPU {} is hart {}", i, record.hart);
  }
}

}  // namespace
}  // namespace nacre::init
