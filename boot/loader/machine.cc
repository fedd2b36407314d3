#include "machine.hh"

#include <array>

#include "nacre/abi/boot_info.hh"

namespace nacre::loader {
namespace {

constexpr uint32_t kTestFail = 0x3333;  // sifive,test0, with the status in the upper half
constexpr uint32_t kLoaderFailure = 102;

extern "C" void nacre_loader_hart_start();

// Function 0 of an extension; returns the error, 0 if there is none.
// SAFETY: SBI calls; the legacy console, system reset and hart start change no memory of ours.
int64_t firmware_call(uint64_t extension, uint64_t argument0, uint64_t argument1,
                      uint64_t argument2 = 0) {
  register uint64_t a0 asm("a0") = argument0;
  register uint64_t a1 asm("a1") = argument1;
  register uint64_t a2 asm("a2") = argument2;
  register uint64_t a6 asm("a6") = 0;
  register uint64_t a7 asm("a7") = extension;
  asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
  return static_cast<int64_t>(a0);
}

void print(std::string_view text) {
  for (char c : text) firmware_call(1, static_cast<uint8_t>(c), 0);
}

}  // namespace

// The harts that were asked for, for start.S: what each should have begun with. The count is in the image, not in memory that
// somebody has to clear first: it is 0 until the image has been checked.
struct AskedHart {
  uint64_t hart;
  const KernelEntry* entry;
};
extern "C" {
constinit std::array<AskedHart, abi::BootInfo::kMaxCpus> nacre_loader_asked{};
[[gnu::section(".data.asked")]] constinit uint64_t nacre_loader_asked_count = 0;
}

// Address of the test device, or 0 while it is unknown. Named for start.S.
extern "C" {
constinit uint64_t nacre_loader_test_device = 0;
}

void stop(std::string_view why, std::string_view detail) {
  print("loader: ");
  print(why);
  if (!detail.empty()) print(": ");
  print(detail);
  print("\n");
  if (nacre_loader_test_device != 0) {
    // SAFETY: the device tree says that this device is here, and translation is off.
    *reinterpret_cast<volatile uint32_t*>(nacre_loader_test_device) = kTestFail | kLoaderFailure
                                                                                      << 16;
  }
  firmware_call(0x53525354, 0, 1);  // SRST: shutdown, system failure
  while (true) asm volatile("wfi");
}

void use_test_device(const fdt::Tree& tree) {
  const auto node = tree.find_compatible("sifive,test0");
  const auto region = node ? node->region(0) : std::nullopt;
  if (region) nacre_loader_test_device = region->address;
}

void warn(std::string_view what, uint64_t number) {
  char digits[20];
  char* const end = digits + sizeof digits;
  char* first = end;
  do {
    *--first = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  print("loader: ");
  print(what);
  print(" ");
  print({first, end});
  print("\n");
}

bool start_hart(uint64_t hart, const KernelEntry& entry) {
  constexpr uint64_t kHartStateManagement = 0x48534D;  // SBI 1.0, chapter 9
  if (nacre_loader_asked_count == nacre_loader_asked.size()) return false;
  nacre_loader_asked[nacre_loader_asked_count++] = {hart, &entry};
  // What we wrote is there before the hart is.
  // SAFETY: the entry and what it names are complete; start.S reads it with translation off.
  asm volatile("fence" ::: "memory");
  return firmware_call(kHartStateManagement, hart,
                       reinterpret_cast<uint64_t>(&nacre_loader_hart_start),
                       reinterpret_cast<uint64_t>(&entry)) == 0;
}

bool supports(paging::Mode mode, std::span<uint64_t, 512> scratch_table) {
  // An identity leaf in the root that covers the loader, where it is that low. V, R, W, X, A and D.
  constexpr uint64_t kEverything = 0xcf;
  // SAFETY: only computed with.
  const uint64_t root = reinterpret_cast<uint64_t>(scratch_table.data());
  if (root >= paging::lower_half_end(mode)) return false;
  const unsigned level = paging::levels_of(mode) - 1;
  const uint64_t begin = root & ~(paging::span_of_level(level) - 1);
  for (uint64_t& entry : scratch_table) entry = 0;
  scratch_table[paging::table_index(root, level)] = (begin >> 12 << 10) | kEverything;
  const uint64_t wanted = paging::make_satp(mode, 0, PhysAddr(root));
  uint64_t got;
  // SAFETY: the table maps the loader where it is. A mode that is not there leaves satp as it was.
  asm volatile("sfence.vma\n csrw satp, %1\n csrr %0, satp\n csrw satp, zero\n sfence.vma"
               : "=&r"(got)
               : "r"(wanted)
               : "memory");
  return got == wanted;
}

std::span<std::byte> memory_at(uint64_t physical, size_t size) {
  // SAFETY: translation is off, so a physical address is a pointer; what lies there the caller knows.
  return {reinterpret_cast<std::byte*>(physical), size};
}

}  // namespace nacre::loader
