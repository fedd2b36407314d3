// Each line that a report has to name carries a mark, `[name]`, by which tests/faults finds its number.
#include "nacre/kernel/fault/fault.hh"

#include <algorithm>
#include <array>
#include <new>
#include <vector>

#include "nacre/abi/boot_info.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/paging/page_table.hh"
#include "nacre/kernel/arch/opaque.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/translation.hh"
#include "nacre/kernel/fault/unwinding.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/mm/kernel_tables.hh"

namespace nacre::fault {
namespace {

using arch::opaque;

[[gnu::noinline]] uint64_t read_word(uint64_t address) {
  // SAFETY: not sound at all: the fault is what is wanted.
  return *reinterpret_cast<volatile uint64_t*>(address);  // [read]
}

}  // namespace

// Through a pointer: of a callee that it sees the compiler knows that it cannot throw, and leaves no way to unwind.
[[gnu::noinline]] void load_from(uint64_t address) {
  (void)opaque(opaque(&read_word)(address));  // [load]
}

namespace {

[[gnu::noinline]] void null_dereference() {
  load_from(8);  // [null]
  (void)opaque(0);
}

[[gnu::noinline]] uint64_t recurse(uint64_t n) {  // [entry]
  std::array<volatile uint64_t, 32> local{};      // [recurse]
  local[n % 32] = n;
  if (opaque(n) == ~uint64_t{0}) return 0;
  return recurse(n + 1) + local[opaque(n) % 32];  // [again]
}

[[gnu::noinline]] void overflow_stack() {
  (void)opaque(opaque(&recurse)(0));  // [stack]
}

// The loader puts nothing below the top of the kernel's half; each CPU has a page of its own here.
VirtAddr page_of_this_cpu() {
  return VirtAddr(uint64_t{0} - abi::BootInfo::kFreeTop) +
         ByteSize::pages(arch::this_cpu().id.value);
}

// Several CPUs may be at it.
constinit mm::Lock tables_lock(LockRank::Faults);

void map_scratch(VirtAddr page, PhysAddr frame) {
  const mm::LockGuard guard(tables_lock);
  mm::KernelTables tables(mm::frames());
  paging::PageTable<mm::KernelTables> table(tables, mm::machine().mode, mm::machine().kernel_root);
  const auto mapped = table.map(
      page, frame, ByteSize(kPageSize),
      {paging::Access::ReadWrite, paging::Privilege::Supervisor, paging::Sharing::Global});
  ASSERT(mapped.has_value());
  arch::flush_kernel_range(page, ByteSize(kPageSize));
}

void unmap_scratch(VirtAddr page) {
  const mm::LockGuard guard(tables_lock);
  mm::KernelTables tables(mm::frames());
  paging::PageTable<mm::KernelTables> table(tables, mm::machine().mode, mm::machine().kernel_root);
  const auto unmapped = table.unmap(page, ByteSize(kPageSize));
  ASSERT(unmapped.has_value());
  arch::flush_kernel_range(page, ByteSize(kPageSize));
}

[[gnu::noinline]] void use_after_unmap() {
  const VirtAddr page = page_of_this_cpu();
  const auto frame = mm::frames().allocate();
  if (!frame) throw std::bad_alloc();
  map_scratch(page, *frame);
  load_from(page.value());
  unmap_scratch(page);
  mm::frames().free(*frame);
  load_from(page.value());  // [unmapped]
  (void)opaque(0);
}

[[gnu::noinline]] void write_to_text() {
  // SAFETY: not sound: text is read-only, and the fault is what is wanted.
  *reinterpret_cast<volatile uint32_t*>(opaque(&read_word)) = 0;  // [text]
}

[[gnu::noinline]] void fail_assertion() {
  const size_t three = 3;
  ASSERT(opaque(three) == 4);  // [assert]
}

[[gnu::noinline]] void run_out_of_memory() {
  Hoard hoard;
  for (;;) hoard.take(size_t{64} << 10);
}

struct PanicsInDestructor {
  ~PanicsInDestructor() noexcept(false) { panic("in a destructor"); }
};

[[gnu::noinline]] void nested_panic() {
  const PanicsInDestructor guard;
  panic("the first one");  // [nested]
}

[[gnu::noinline]] void index_beyond_end() {
  const std::vector<int> three(3);
  (void)opaque(three[opaque(size_t{3})]);  // [library]
}

[[gnu::noinline]] void throw_out_of_memory() {
  throw std::bad_alloc();  // [throw]
}
[[gnu::noinline]] void throw_through_noexcept() noexcept {
  throw_out_of_memory();  // [noexcept]
}

constexpr Kind kKinds[] = {
    {"null", "read through a null pointer", Reach::Request, null_dereference},
    {"stack", "overflow the kernel's stack", Reach::Request, overflow_stack},
    {"unmapped", "use a page after it was unmapped", Reach::Request, use_after_unmap},
    {"text", "write to the kernel's code", Reach::Request, write_to_text},
    {"assert", "fail an assertion", Reach::Request, fail_assertion},
    {"memory", "allocate until nothing is left", Reach::Request, run_out_of_memory},
    {"nested", "panic in a destructor during a panic; stops the machine", Reach::Machine,
     nested_panic},
    {"library", "fail a check of the C++ library; stops the machine", Reach::Machine,
     index_beyond_end},
    {"noexcept", "throw out of a noexcept function; stops the machine", Reach::Machine,
     throw_through_noexcept},
};

}  // namespace

std::span<const Kind> kinds() {
  return kKinds;
}

const Kind* find(std::string_view name) {
  const auto* const found = std::ranges::find(kKinds, name, &Kind::name);
  return found == std::end(kKinds) ? nullptr : found;
}

}  // namespace nacre::fault
