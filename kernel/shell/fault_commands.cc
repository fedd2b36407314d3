// panic and fault: what a bug of the kernel looks like, on purpose. docs/PANICS.md describes each report.
#include <array>
#include <new>

#include "commands.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/paging/page_table.hh"
#include "nacre/kernel/arch/opaque.hh"
#include "nacre/kernel/arch/translation.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/mm/kernel_tables.hh"

namespace nacre::shell {
namespace {

using arch::opaque;

[[gnu::noinline]] uint64_t read_word(uint64_t address) {
  // SAFETY: not sound at all: the fault is what is wanted.
  return *reinterpret_cast<volatile uint64_t*>(address);
}

// Through a pointer: of a callee that it sees the compiler knows that it cannot throw, and leaves no way to unwind.
void read_from(uint64_t address) {
  (void)opaque(opaque(&read_word)(address));
}

void null_dereference(const Shell&) {
  read_from(8);
}

[[gnu::noinline]] uint64_t recurse(uint64_t n) {
  std::array<volatile uint64_t, 32> local{};
  local[n % 32] = n;
  if (opaque(n) == ~uint64_t{0}) return 0;
  return recurse(n + 1) + local[opaque(n) % 32];
}

void overflow_stack(const Shell&) {
  (void)opaque(opaque(&recurse)(0));
}

void use_after_unmap(const Shell&) {
  // The loader puts nothing here.
  const VirtAddr page(uint64_t{0} - abi::BootInfo::kFreeTop);
  const auto frame = mm::frames().allocate();
  if (!frame) throw std::bad_alloc();
  mm::KernelTables tables(mm::frames());
  paging::PageTable<mm::KernelTables> table(tables, mm::machine().mode, mm::machine().kernel_root);
  const auto mapped = table.map(
      page, *frame, ByteSize(kPageSize),
      {paging::Access::ReadWrite, paging::Privilege::Supervisor, paging::Sharing::Global});
  ASSERT(mapped.has_value());
  arch::flush_kernel_range(page, ByteSize(kPageSize));
  read_from(page.value());
  const auto unmapped = table.unmap(page, ByteSize(kPageSize));
  ASSERT(unmapped.has_value());
  arch::flush_kernel_range(page, ByteSize(kPageSize));
  mm::frames().free(*frame);
  read_from(page.value());
}

void fail_assertion(const Shell& shell) {
  ASSERT(shell.info.magic != abi::BootInfo::kMagic);
}

// Pieces that are linked through themselves.
struct Piece {
  Piece* next;
};

class Hoard {
 public:
  Hoard() = default;
  ~Hoard() {
    while (first_ != nullptr) ::operator delete(std::exchange(first_, first_->next));
  }
  Hoard(const Hoard&) = delete;
  Hoard& operator=(const Hoard&) = delete;
  void take(size_t size) { first_ = new (::operator new(size)) Piece{first_}; }

 private:
  Piece* first_ = nullptr;
};

void run_out_of_memory(const Shell&) {
  Hoard hoard;
  for (;;) hoard.take(size_t{64} << 10);
}

struct PanicsInDestructor {
  ~PanicsInDestructor() noexcept(false) { panic("in a destructor"); }
};

void nested_panic(const Shell&) {
  const PanicsInDestructor guard;
  panic("the first one");
}

void write_to_text(const Shell& shell) {
  // SAFETY: not sound: text is read-only, and the fault is what is wanted.
  *reinterpret_cast<volatile uint32_t*>(opaque(shell.info.kernel_virtual)) = 0;
}

struct Fault {
  std::string_view name;
  std::string_view help;
  void (*make)(const Shell& shell);
};

constexpr Fault kFaults[] = {
    {"null", "read through a null pointer", null_dereference},
    {"stack", "overflow the kernel's stack", overflow_stack},
    {"unmapped", "use a page after it was unmapped", use_after_unmap},
    {"text", "write to the kernel's code", write_to_text},
    {"assert", "fail an assertion", fail_assertion},
    {"memory", "allocate until nothing is left", run_out_of_memory},
    {"nested", "panic in a destructor during a panic; stops the machine", nested_panic},
};

coro::Task<Result<void>> fault(Shell& shell, Words words) {
  if (words.size() > 1) {
    for (const Fault& kind : kFaults) {
      if (kind.name != words[1]) continue;
      opaque(kind.make)(shell);
      co_return {};
    }
  }
  for (const Fault& kind : kFaults) shell.print("  {:<9} {}\n", kind.name, kind.help);
  if (words.size() > 1)
    co_return fail(ErrorCode::InvalidArgument, format("no fault '{}'", words[1]));
  co_return {};
}

coro::Task<Result<void>> panic_command(Shell&, Words words) {
  std::string message = "on request";
  if (words.size() > 1) message = words[1];
  panic(message);
  co_return {};
}

constexpr Command kCommands[] = {
    {"panic", "[MESSAGE]", "panic in this command", 0, 1, panic_command},
    {"fault", "[KIND]", "make a fault in the kernel; alone: lists the kinds", 0, 1, fault},
};

}  // namespace

std::span<const Command> fault_commands() {
  return kCommands;
}

}  // namespace nacre::shell
