// What is known about a descriptor and the file behind it, and how it is changed.
#include <algorithm>

#include "handlers.hh"

namespace nacre::wasi {

Errno fd_advise(Call& call) {
  constexpr uint32_t kLastAdvice = 5;
  WASI_TRY(find_file(call, call.u32(0), rights::kFdAdvise));
  if (call.u32(3) > kLastAdvice) return Errno::Invalid;
  if (call.u64(1) > INT64_MAX || call.u64(2) > INT64_MAX) return Errno::Invalid;
  return Errno::Success;  // everything is in memory already
}

namespace {

// Of a file's bytes, between two looks at who else wants to run.
constexpr uint64_t kMostAllocatedAtOnce = 1 << 20;

// Only what the file and its limits say; nothing is done yet.
Outcome<vfs::Inode*> file_to_allocate(Call& call) {
  const auto found = find_file(call, call.u32(0), rights::kFdAllocate);
  if (!found) return refuse(found.error());
  if (call.u64(1) > INT64_MAX || call.u64(2) > INT64_MAX || call.u64(2) == 0) {
    return refuse(Errno::Invalid);
  }
  if (call.u64(1) > vfs::FileData::kMaxSize ||
      call.u64(2) > vfs::FileData::kMaxSize - call.u64(1)) {
    return refuse(Errno::FileTooBig);
  }
  return (*found)->inode.get();
}

}  // namespace

std::optional<Errno> try_fd_allocate(Call& call) {
  const auto inode = file_to_allocate(call);
  if (!inode) return inode.error();
  if (call.u64(2) > kMostAllocatedAtOnce) return std::nullopt;
  WASI_TRY((*inode)->file()->allocate(call.u64(1), call.u64(2)));
  (*inode)->touch(call.process.realtime());
  return Errno::Success;
}

// All or nothing: a guest waits for its call, so that nobody else changes the file meanwhile.
coro::Task<Errno> fd_allocate(Call& call) {
  const auto inode = file_to_allocate(call);
  if (!inode) co_return inode.error();
  vfs::FileData& file = *(*inode)->file();
  const uint64_t old_size = file.size();
  const uint64_t end = call.u64(1) + call.u64(2);
  for (uint64_t at = call.u64(1); at < end;) {
    const uint64_t length = std::min(end - at, kMostAllocatedAtOnce);
    if (const auto made = file.allocate(at, length); !made) {
      const auto undone = file.resize(old_size);
      ASSERT(undone.has_value());
      co_return made.error();
    }
    at += length;
    if (at < end) co_await call.process.system().yield();
  }
  (*inode)->touch(call.process.realtime());
  co_return Errno::Success;
}

Errno fd_close(Call& call) {
  WASI_TRY(call.process.descriptors().close(call.u32(0)));
  return Errno::Success;
}

// Nothing is written behind the guest's back, so there is nothing to wait for.
Errno fd_datasync(Call& call) {
  WASI_TRY(find_descriptor(call, call.u32(0), rights::kFdDatasync));
  return Errno::Success;
}

Errno fd_sync(Call& call) {
  WASI_TRY(find_descriptor(call, call.u32(0), rights::kFdSync));
  return Errno::Success;
}

Errno fd_fdstat_get(Call& call) {
  WASI_ASSIGN(const Descriptor* descriptor, find_descriptor(call, call.u32(0), 0));
  Layout<24> stat;
  stat.put(0, static_cast<uint8_t>(file_type(call.process, *descriptor)))
      .put<uint16_t>(2, descriptor->flags)
      .put<uint64_t>(8, descriptor->rights_base)
      .put<uint64_t>(16, descriptor->rights_inheriting);
  return call.memory.write(call.u32(1), stat.bytes()) ? Errno::Success : Errno::Fault;
}

Errno fd_fdstat_set_flags(Call& call) {
  WASI_ASSIGN(Descriptor * descriptor,
              find_descriptor(call, call.u32(0), rights::kFdFdstatSetFlags));
  if (call.u32(1) > fd_flags::kAll) return Errno::Invalid;
  descriptor->flags = static_cast<uint16_t>(call.u32(1));
  return Errno::Success;
}

// Rights can only be given up.
Errno fd_fdstat_set_rights(Call& call) {
  WASI_ASSIGN(Descriptor * descriptor, find_descriptor(call, call.u32(0), 0));
  if ((call.u64(1) & ~descriptor->rights_base) != 0) return Errno::NotCapable;
  if ((call.u64(2) & ~descriptor->rights_inheriting) != 0) return Errno::NotCapable;
  descriptor->rights_base = call.u64(1);
  descriptor->rights_inheriting = call.u64(2);
  return Errno::Success;
}

Errno fd_filestat_get(Call& call) {
  WASI_ASSIGN(const Descriptor* descriptor,
              find_descriptor(call, call.u32(0), rights::kFdFilestatGet));
  WASI_TRY(write_file_stat(call, call.u32(1), file_type(call.process, *descriptor),
                           descriptor->inode.get()));
  return Errno::Success;
}

Errno fd_filestat_set_size(Call& call) {
  WASI_ASSIGN(const Descriptor* descriptor,
              find_file(call, call.u32(0), rights::kFdFilestatSetSize));
  if (call.u64(1) > INT64_MAX) return Errno::Invalid;
  WASI_TRY(descriptor->inode->file()->resize(call.u64(1)));
  descriptor->inode->touch(call.process.realtime());
  return Errno::Success;
}

Errno fd_filestat_set_times(Call& call) {
  WASI_ASSIGN(const Descriptor* descriptor,
              find_descriptor(call, call.u32(0), rights::kFdFilestatSetTimes));
  WASI_ASSIGN(const vfs::Times times,
              changed_times(descriptor->inode->times(), call.u64(1), call.u64(2), call.u32(3),
                            call.process.realtime()));
  descriptor->inode->set_times(times);
  return Errno::Success;
}

Errno fd_prestat_get(Call& call) {
  WASI_ASSIGN(const Descriptor* descriptor, find_descriptor(call, call.u32(0), 0));
  if (!descriptor->preopen_name) return Errno::BadFd;
  constexpr uint8_t kPreopenDirectory = 0;
  Layout<8> stat;
  stat.put(0, kPreopenDirectory)
      .put<uint32_t>(4, static_cast<uint32_t>(descriptor->preopen_name->size()));
  return call.memory.write(call.u32(1), stat.bytes()) ? Errno::Success : Errno::Fault;
}

Errno fd_prestat_dir_name(Call& call) {
  WASI_ASSIGN(const Descriptor* descriptor, find_descriptor(call, call.u32(0), 0));
  if (!descriptor->preopen_name) return Errno::BadFd;
  if (call.u32(2) < descriptor->preopen_name->size()) return Errno::NameTooLong;
  return call.memory.write_text(call.u32(1), *descriptor->preopen_name) ? Errno::Success
                                                                        : Errno::Fault;
}

Errno fd_renumber(Call& call) {
  WASI_TRY(call.process.descriptors().renumber(call.u32(0), call.u32(1)));
  return Errno::Success;
}

}  // namespace nacre::wasi
