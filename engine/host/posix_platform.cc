#include "nacre/engine/host/posix_platform.hh"

#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>

#include "entry.hh"
#include "nacre/base/core/format.hh"
#include "nacre/engine/urt/builtins.hh"

namespace nacre::host {
namespace {

void* pointer(UserAddr address) {
  // SAFETY: only formed for ranges that are in the books (or whole mappings being changed); guest addresses are this
  // process's own.
  return reinterpret_cast<void*>(address.value());
}

UserAddr address_of(const void* at) {
  // SAFETY: turning a pointer into a number is always sound.
  return UserAddr(reinterpret_cast<uint64_t>(at));
}

template <class F>
uint64_t code_address(F* function) {
  // SAFETY: as above, for a function.
  return reinterpret_cast<uint64_t>(function);
}

std::unexpected<Error> system_error(std::string_view what) {
  return fail(ErrorCode::OutOfMemory, format("{}: {}", what, std::strerror(errno)));
}

ByteSize round_up(uint64_t bytes) {
  return ByteSize::pages(ByteSize(bytes).pages_up());
}

// Large reservations that were released, inaccessible again, by size. They are used again instead of unmapped: an emulator
// keeps a record for every page that was ever mapped, and thousands of linear memories would fill its memory.
std::multimap<uint64_t, UserAddr>& spare_reservations() {
  static std::multimap<uint64_t, UserAddr> spare;
  return spare;
}
constexpr uint64_t kLargeReservation = uint64_t{1} << 30;

std::optional<UserAddr> take_spare_reservation(ByteSize size) {
  auto& spare = spare_reservations();
  const auto found = spare.find(size.bytes());
  if (found == spare.end()) return std::nullopt;
  const UserAddr address = found->second;
  spare.erase(found);
  return address;
}

}  // namespace

PosixPlatform::~PosixPlatform() {
  for (const auto& [start, mapping] : mappings_) give_back(UserAddr(start), mapping);
}

void PosixPlatform::give_back(UserAddr address, const Mapping& mapping) {
  if (mapping.size >= kLargeReservation) {
    // What was committed becomes fresh, inaccessible pages.
    const uint64_t committed = mapping.end - mapping.begin;
    void* const at = pointer(address + ByteSize(mapping.begin));
    if (committed == 0 ||
        mmap(at, committed, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
             0) == at) {
      spare_reservations().emplace(mapping.size, address);
      return;
    }
  }
  munmap(pointer(address), mapping.size);
}

Result<UserAddr> PosixPlatform::reserve(ByteSize size) {
  if (const auto spare = take_spare_reservation(size)) {
    mappings_.emplace(spare->value(),
                      Mapping{.size = size.bytes(), .begin = 0, .end = 0, .is_writable = true});
    return *spare;
  }
  void* at =
      mmap(nullptr, size.bytes(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return system_error("reserving address space");
  mappings_.emplace(address_of(at).value(),
                    Mapping{.size = size.bytes(), .begin = 0, .end = 0, .is_writable = true});
  return address_of(at);
}

Result<void> PosixPlatform::commit(UserAddr address, ByteSize size) {
  const auto after = mappings_.upper_bound(address.value());
  ASSERT(after != mappings_.begin());
  auto& [start, mapping] = *std::prev(after);
  const uint64_t offset = address.value() - start;
  const bool is_first = mapping.begin == mapping.end;
  ASSERT(is_first || offset == mapping.end);
  ASSERT(size.bytes() <= mapping.size - offset);
  if (mprotect(pointer(address), size.bytes(), PROT_READ | PROT_WRITE) != 0) {
    return system_error("committing memory");
  }
  if (is_first) mapping.begin = offset;
  mapping.end = offset + size.bytes();
  return {};
}

void PosixPlatform::release(UserAddr address, ByteSize size) {
  const auto it = mappings_.find(address.value());
  ASSERT(it != mappings_.end());
  ASSERT(it->second.size == size.bytes());
  give_back(address, it->second);
  mappings_.erase(it);
}

Result<UserAddr> PosixPlatform::publish(std::span<const uint8_t> bytes, runtime::Access access) {
  ASSERT(!bytes.empty());
  const ByteSize size = round_up(bytes.size());
  void* at =
      mmap(nullptr, size.bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return system_error("publishing");
  std::memcpy(at, bytes.data(), bytes.size());
  int protection = PROT_READ;
  if (access == runtime::Access::ReadWrite) protection |= PROT_WRITE;
  if (access == runtime::Access::ReadExecute) protection |= PROT_EXEC;
  if (mprotect(at, size.bytes(), protection) != 0) {
    munmap(at, size.bytes());
    return system_error("publishing");
  }
  // SAFETY: no operands, and only orders instruction fetches behind the stores above; the process is single-threaded.
  asm volatile("fence.i" ::: "memory");
  mappings_.emplace(address_of(at).value(),
                    Mapping{.size = size.bytes(),
                            .begin = 0,
                            .end = size.bytes(),
                            .is_writable = access == runtime::Access::ReadWrite});
  return address_of(at);
}

const PosixPlatform::Mapping* PosixPlatform::find(UserAddr address, uint64_t size) const {
  const auto after = mappings_.upper_bound(address.value());
  if (after == mappings_.begin()) return nullptr;
  const auto& [start, mapping] = *std::prev(after);
  const uint64_t offset = address.value() - start;
  const bool is_inside =
      offset >= mapping.begin && offset <= mapping.end && size <= mapping.end - offset;
  return is_inside ? &mapping : nullptr;
}

Result<void> PosixPlatform::read(UserAddr address, std::span<uint8_t> out) const {
  if (find(address, out.size()) == nullptr) {
    return fail(ErrorCode::InvalidArgument,
                format("{} bytes at {} are not mapped", out.size(), address));
  }
  std::memcpy(out.data(), pointer(address), out.size());
  return {};
}

Result<void> PosixPlatform::write(UserAddr address, std::span<const uint8_t> bytes) {
  const Mapping* mapping = find(address, bytes.size());
  if (mapping == nullptr || !mapping->is_writable) {
    return fail(ErrorCode::InvalidArgument,
                format("{} bytes at {} are not mapped writable", bytes.size(), address));
  }
  std::memcpy(pointer(address), bytes.data(), bytes.size());
  return {};
}

UserAddr PosixPlatform::builtin_table() const {
  static const std::array<uint64_t, static_cast<size_t>(abi::Builtin::Count)> table = {
      code_address(nacre_host_memory_grow), code_address(nacre_urt_memory_copy),
      code_address(nacre_urt_memory_fill),  code_address(nacre_urt_memory_init),
      code_address(nacre_host_table_grow),  code_address(nacre_urt_table_copy),
      code_address(nacre_urt_table_fill),   code_address(nacre_urt_table_init),
  };
  return address_of(table.data());
}

UserAddr PosixPlatform::host_call_gate() const {
  return UserAddr(code_address(nacre_host_gate));
}
UserAddr PosixPlatform::thread_exit() const {
  return UserAddr(code_address(nacre_host_thread_exit));
}

}  // namespace nacre::host
