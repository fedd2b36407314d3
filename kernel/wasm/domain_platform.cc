#include "nacre/kernel/wasm/domain_platform.hh"

#include <array>
#include <cstring>
#include <new>

#include "nacre/engine/urt/image.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/mm/lock.hh"

namespace nacre::kwasm {
namespace {

constexpr size_t kWriteAtOnce = 512 << 10;

}  // namespace

Result<std::unique_ptr<DomainPlatform>> DomainPlatform::create(mm::AddressSpace& space) {
  std::unique_ptr<DomainPlatform> platform(new DomainPlatform(space));
  TRY(platform->map_user_runtime());
  return platform;
}

namespace {

// The user runtime's pages: the same for all domains, made for the first one and kept.
Result<Ref<mm::MemoryObject>> user_runtime_pages() {
  static constinit mm::Lock lock(LockRank::UserRuntime);
  static constinit mm::MemoryObject* pages = nullptr;
  const mm::LockGuard guard(lock);
  if (pages == nullptr) {
    auto made =
        Ref<mm::AnonymousObject>::adopt(new (std::nothrow) mm::AnonymousObject(mm::frames()));
    if (!made) return fail(ErrorCode::OutOfMemory, "out of memory");
    TRY(made->fill(urt::image()));
    // No CPU has a domain active that maps it yet; each fetches it fresh when it activates one.
    mm::machine().tlb.synchronise_instructions(0);
    pages = made.leak();
  }
  return Ref<mm::MemoryObject>(pages);
}

}  // namespace

Result<void> DomainPlatform::map_user_runtime() {
  TRY_ASSIGN(auto pages, user_runtime_pages());
  const ByteSize size(urt::image().size());
  TRY_ASSIGN(const UserAddr image, space_.map(std::move(pages), 0, size, mm::Access::ReadExecute));
  const urt::UrtHeader& header = urt::header();
  const auto address_of = [image](uint32_t offset) { return image + ByteSize(offset); };

  constexpr size_t kCount = static_cast<size_t>(abi::Builtin::Count);
  std::array<uint8_t, kCount * sizeof(uint64_t)> table;
  for (size_t i = 0; i < kCount; ++i) {
    const uint64_t address = address_of(header.builtins[i]).value();
    std::memcpy(table.data() + i * sizeof address, &address, sizeof address);
  }
  TRY_ASSIGN(builtin_table_, space_.publish(table, mm::Access::Read));
  host_call_gate_ = address_of(header.host_call);
  thread_exit_ = address_of(header.thread_exit);
  return {};
}

Result<UserAddr> DomainPlatform::reserve(ByteSize size) {
  return space_.reserve(size);
}

Result<void> DomainPlatform::commit(UserAddr address, ByteSize size) {
  return space_.commit(address, size);
}

void DomainPlatform::release(UserAddr address, ByteSize) {
  space_.release(address);
}

Result<UserAddr> DomainPlatform::publish(std::span<const uint8_t> bytes, runtime::Access access) {
  switch (access) {
    case runtime::Access::Read:
      return space_.publish(bytes, mm::Access::Read);
    case runtime::Access::ReadWrite:
      return space_.publish(bytes, mm::Access::ReadWrite);
    case runtime::Access::ReadExecute:
      return space_.publish(bytes, mm::Access::ReadExecute);
  }
  return fail(ErrorCode::InvalidArgument, "unknown access");
}

Result<void> DomainPlatform::read(UserAddr address, std::span<uint8_t> out) const {
  return space_.read(address, out);
}

Result<void> DomainPlatform::write(UserAddr address, std::span<const uint8_t> bytes) {
  PausePoint pauses = exec::fiber_pauses();
  while (bytes.size() > kWriteAtOnce) {
    TRY(space_.write(address, bytes.first(kWriteAtOnce)));
    address = address + ByteSize(kWriteAtOnce);
    bytes = bytes.subspan(kWriteAtOnce);
    pauses.did(PausePoint::kInterval);
  }
  return space_.write(address, bytes);
}

}  // namespace nacre::kwasm
