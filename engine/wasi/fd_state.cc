// What is known about a descriptor and the file behind it, and how it is changed.
#include "handlers.hh"

namespace nacre::wasi {

Errno fd_advise(Call& call) {
  constexpr uint32_t kLastAdvice = 5;
  WASI_TRY(find_file(call, call.u32(0), rights::kFdAdvise));
  if (call.u32(3) > kLastAdvice) return Errno::Invalid;
  if (call.u64(1) > INT64_MAX || call.u64(2) > INT64_MAX) return Errno::Invalid;
  return Errno::Success;  // everything is in memory already
}

Errno fd_allocate(Call& call) {
  WASI_ASSIGN(const Descriptor* descriptor, find_file(call, call.u32(0), rights::kFdAllocate));
  if (call.u64(1) > INT64_MAX || call.u64(2) > INT64_MAX || call.u64(2) == 0) {
    return Errno::Invalid;
  }
  WASI_TRY(descriptor->inode->file()->allocate(call.u64(1), call.u64(2)));
  descriptor->inode->touch(call.process.realtime());
  return Errno::Success;
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
