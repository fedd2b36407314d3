#include "nacre/kernel/mm/self_test.hh"

#include <array>
#include <memory>
#include <new>

#include "nacre/kernel/arch/riscv64/csr.hh"
#include "nacre/kernel/arch/user_access.hh"
#include "nacre/kernel/mm/kernel_memory.hh"

namespace nacre::mm {

namespace {

uint64_t instructions() {
  return NACRE_CSR_READ("instret");
}

// Instructions of one of `rounds` calls.
template <class F>
uint64_t cost(uint64_t rounds, F&& use) {
  const uint64_t before = instructions();
  for (uint64_t i = 0; i < rounds; ++i) use();
  return (instructions() - before) / rounds;
}

// SAFETY: no instruction at all; keeps the optimiser from removing an allocation.
void keep(void* pointer) {
  asm volatile("" : : "r"(pointer) : "memory");
}

bool throws_bad_alloc() {
  try {
    keep(::operator new(size_t{1} << 45));
    return false;
  } catch (const std::bad_alloc&) {
    return ::operator new(size_t{1} << 45, std::nothrow) == nullptr;
  }
}

// The space is the current one: what the hardware sees is what fault() and write() made.
std::string_view check_hardware(AddressSpace& space, UserAddr memory, UserAddr code) {
  uint64_t word = 0x1122334455667788;
  if (arch::copy_to_user(memory, &word, sizeof word)) return "memory is there before its fault";
  if (space.fault(memory, FaultAccess::Write) != FaultOutcome::Resolved) return "fault failed";
  if (!arch::copy_to_user(memory, &word, sizeof word)) return "memory is not there after its fault";
  std::array<uint8_t, 8> bytes{};
  if (!space.read(memory, bytes) || bytes[0] != 0x88) return "the kernel reads something else";
  word = 0;
  if (!arch::copy_from_user(&word, code, sizeof word) || word != 0x13) return "code is not there";
  if (arch::copy_to_user(code, &word, sizeof word)) return "code can be written";
  if (arch::copy_from_user(&word, memory + ByteSize::mib(1), sizeof word)) {
    return "memory beyond what is committed";
  }
  space.release(code);
  if (arch::copy_from_user(&word, code, sizeof word)) return "code is there after its release";
  return {};
}

std::string_view use_space(AddressSpace& space, SelfTestResult& result) {
  constexpr ByteSize kReservation(ByteSize::gib(8) + ByteSize::kib(64));
  constexpr uint64_t kBlocks = 16;
  const auto memory = space.reserve(kReservation);
  if (!memory || !space.commit(*memory, ByteSize::mib(1))) return "no memory to reserve";
  alignas(8) const std::array<uint8_t, 8> nops{0x13};
  const auto code = space.publish(nops, Access::ReadExecute);
  if (!code) return "cannot publish";

  activate(space);
  const std::string_view failure = check_hardware(space, *memory, *code);
  deactivate();
  if (!failure.empty()) return failure;

  UserAddr at = *memory + ByteSize::kib(64);
  (void)space.fault(at - ByteSize(1), FaultAccess::Write);
  result.fault = cost(kBlocks - 1, [&] {
    (void)space.fault(at, FaultAccess::Write);
    at = at + ByteSize::kib(64);
  });
  result.small_write = cost(100, [&] { (void)space.write(*memory, nops); });
  result.reserve_release = cost(20, [&] { space.release(*space.reserve(kReservation)); });
  return {};
}

}  // namespace

SelfTestResult run_self_test() {
  SelfTestResult result;
  if (!throws_bad_alloc()) return {.failure = "operator new does not throw"};
  result.new_delete = cost(1000, [] {
    void* p = ::operator new(64);
    keep(p);
    ::operator delete(p);
  });
  const auto page = frames().allocate();
  void* bytes = frames().direct_map().pointer<void>(*page);
  result.zero_page = cost(10, [&] { zero_pages(bytes, 1); });
  frames().free(*page);

  const auto budget = make_ref<Budget>(ByteSize::mib(16));
  result.create_destroy = cost(10, [&] { keep(AddressSpace::create(machine(), budget)->get()); });
  const uint64_t used = frames_outside_heap();
  {
    const auto space = AddressSpace::create(machine(), budget);
    const auto memory = (*space)->reserve(ByteSize::gib(8));
    (void)(*space)->commit(*memory, ByteSize::kib(64));
    result.first_fault = cost(1, [&] { (void)(*space)->fault(*memory, FaultAccess::Write); });
  }
  {
    const auto space = AddressSpace::create(machine(), budget);
    result.failure = use_space(**space, result);
  }
  if (result.failure.empty() && frames_outside_heap() != used) result.failure = "frames leak";
  return result;
}

}  // namespace nacre::mm
