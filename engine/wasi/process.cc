#include "nacre/engine/wasi/process.hh"

#include <algorithm>

#include "handlers.hh"

namespace nacre::wasi {

Process::Process(System& system, vfs::FileSystem& file_system, std::vector<std::string> arguments,
                 std::vector<std::string> environment)
    : system_(system),
      file_system_(file_system),
      arguments_(std::move(arguments)),
      environment_(std::move(environment)) {
  for (const Stream stream : {Stream::In, Stream::Out, Stream::Err}) {
    Descriptor descriptor;
    descriptor.stream = stream;
    descriptor.rights_base = stream == Stream::In ? rights::kInput : rights::kOutput;
    const auto fd = descriptors_.insert(std::move(descriptor));
    ASSERT(fd && *fd == static_cast<uint32_t>(stream));
  }
}

Outcome<uint32_t> Process::preopen(const vfs::InodeRef& directory, std::string name) {
  ASSERT(directory->is_directory());
  Descriptor descriptor;
  descriptor.kind = Descriptor::Kind::Directory;
  descriptor.inode = directory;
  descriptor.rights_base = rights::kDirectory;
  descriptor.rights_inheriting = rights::kDirectory | rights::kFile;
  descriptor.preopen_name = std::move(name);
  return descriptors_.insert(std::move(descriptor));
}

std::span<uint8_t> Process::transfer_buffer() {
  if (!transfer_) transfer_ = std::make_unique<uint8_t[]>(kTransferSize);
  return std::span(transfer_.get(), kTransferSize);
}

Errno clock_res_get(Call& call) {
  if (call.u32(0) >= kClockCount) return Errno::Invalid;
  const uint64_t resolution = call.process.system().resolution(static_cast<Clock>(call.u32(0)));
  return call.memory.store(call.u32(1), resolution) ? Errno::Success : Errno::Fault;
}

Errno clock_time_get(Call& call) {
  if (call.u32(0) >= kClockCount) return Errno::Invalid;
  const uint64_t now = call.process.system().now(static_cast<Clock>(call.u32(0)));
  return call.memory.store(call.u32(2), now) ? Errno::Success : Errno::Fault;
}

namespace {

constexpr uint32_t kMostRandomAtOnce = 16 << 10;

// Whether the guest's memory took them.
bool write_random(Call& call, uint64_t address, uint64_t size) {
  uint8_t buffer[256];
  for (uint64_t done = 0; done < size; done += sizeof buffer) {
    const std::span<uint8_t> part = std::span(buffer).first(std::min<uint64_t>(size - done, 256));
    call.process.system().random(part);
    if (!call.memory.write(address + done, part)) return false;
  }
  return true;
}

}  // namespace

std::optional<Errno> try_random_get(Call& call) {
  if (!call.memory.contains(call.u32(0), call.u32(1))) return Errno::Fault;
  if (call.u32(1) > kMostRandomAtOnce) return std::nullopt;
  return write_random(call, call.u32(0), call.u32(1)) ? Errno::Success : Errno::Fault;
}

coro::Task<Errno> random_get(Call& call) {
  uint64_t address = call.u32(0);
  uint64_t left = call.u32(1);
  if (!call.memory.contains(address, left)) co_return Errno::Fault;
  while (left > kMostRandomAtOnce) {
    if (!write_random(call, address, kMostRandomAtOnce)) co_return Errno::Fault;
    address += kMostRandomAtOnce;
    left -= kMostRandomAtOnce;
    co_await call.process.system().yield();
  }
  co_return write_random(call, address, left) ? Errno::Success : Errno::Fault;
}

Errno proc_exit(Call& call) {
  call.exit_code = call.u32(0);
  return Errno::Success;
}

// Signals as in the witx. Those that POSIX ignores by default do nothing; all others end the
// program as a shell reports it, with 128 + signal: there are no handlers that could be called and
// nobody to continue a stopped program.
Errno proc_raise(Call& call) {
  constexpr uint32_t kNone = 0;
  constexpr uint32_t kChild = 16;
  constexpr uint32_t kContinue = 17;
  constexpr uint32_t kUrgent = 22;
  constexpr uint32_t kWindow = 27;
  constexpr uint32_t kLast = 30;
  const uint32_t signal = call.u32(0);
  if (signal > kLast) return Errno::Invalid;
  switch (signal) {
    case kNone:
    case kChild:
    case kContinue:
    case kUrgent:
    case kWindow:
      return Errno::Success;
    default:
      call.exit_code = 128 + signal;
      return Errno::Success;
  }
}

std::optional<Errno> try_sched_yield(Call& call) {
  if (!call.process.system().try_yield()) return std::nullopt;
  return Errno::Success;
}

coro::Task<Errno> sched_yield(Call& call) {
  co_await call.process.system().yield();
  co_return Errno::Success;
}

}  // namespace nacre::wasi
