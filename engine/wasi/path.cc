// Operations on names below a directory descriptor.
#include "handlers.hh"

namespace nacre::wasi {
namespace {

constexpr uint32_t kSymlinkFollow = 1;

// A directory descriptor's inode and a path below it.
struct Place {
  vfs::InodeRef directory;
  std::string path;
};

Outcome<Place> read_place(Call& call, uint32_t fd, uint64_t required, uint32_t address,
                          uint32_t length) {
  TRY_ASSIGN(const Descriptor* descriptor, find_directory(call, fd, required));
  TRY_ASSIGN(std::string path, read_path(call.memory, address, length));
  return Place{descriptor->inode, std::move(path)};
}

// `lookupflags`. Invalid.
Outcome<vfs::LastLink> read_lookup(uint32_t flags) {
  if (flags > kSymlinkFollow) return refuse(Errno::Invalid);
  return flags == kSymlinkFollow ? vfs::LastLink::Follow : vfs::LastLink::Keep;
}

// `oflags`.
constexpr uint32_t kCreate = 1;
constexpr uint32_t kDirectory = 2;
constexpr uint32_t kExclusive = 4;
constexpr uint32_t kTruncate = 8;

// What the directory descriptor must allow for an open with these flags.
uint64_t rights_to_open(uint32_t open_flags) {
  uint64_t required = rights::kPathOpen;
  if ((open_flags & kCreate) != 0) required |= rights::kPathCreateFile;
  if ((open_flags & kTruncate) != 0) required |= rights::kPathFilestatSetSize;
  return required;
}

}  // namespace

Errno path_create_directory(Call& call) {
  WASI_ASSIGN(const Place place, read_place(call, call.u32(0), rights::kPathCreateDirectory,
                                            call.u32(1), call.u32(2)));
  WASI_TRY(call.process.file_system().make_directory(place.directory, place.path,
                                                     call.process.realtime()));
  return Errno::Success;
}

Errno path_filestat_get(Call& call) {
  WASI_ASSIGN(const Place place,
              read_place(call, call.u32(0), rights::kPathFilestatGet, call.u32(2), call.u32(3)));
  WASI_ASSIGN(const vfs::LastLink last, read_lookup(call.u32(1)));
  WASI_ASSIGN(const vfs::InodeRef inode,
              vfs::FileSystem::lookup(place.directory, place.path, last));
  WASI_TRY(write_file_stat(call, call.u32(4), inode->type(), inode.get()));
  return Errno::Success;
}

Errno path_filestat_set_times(Call& call) {
  WASI_ASSIGN(const Place place, read_place(call, call.u32(0), rights::kPathFilestatSetTimes,
                                            call.u32(2), call.u32(3)));
  WASI_ASSIGN(const vfs::LastLink last, read_lookup(call.u32(1)));
  WASI_ASSIGN(const vfs::InodeRef inode,
              vfs::FileSystem::lookup(place.directory, place.path, last));
  WASI_ASSIGN(const vfs::Times times, changed_times(inode->times(), call.u64(4), call.u64(5),
                                                    call.u32(6), call.process.realtime()));
  inode->set_times(times);
  return Errno::Success;
}

Errno path_link(Call& call) {
  WASI_ASSIGN(const Place from,
              read_place(call, call.u32(0), rights::kPathLinkSource, call.u32(2), call.u32(3)));
  WASI_ASSIGN(const Place to,
              read_place(call, call.u32(4), rights::kPathLinkTarget, call.u32(5), call.u32(6)));
  WASI_ASSIGN(const vfs::LastLink last, read_lookup(call.u32(1)));
  // A link to where a symbolic link points to is not offered, as by the other implementations.
  if (last == vfs::LastLink::Follow) return Errno::Invalid;
  WASI_TRY(call.process.file_system().link(from.directory, from.path, to.directory, to.path,
                                           call.process.realtime()));
  return Errno::Success;
}

Errno path_open(Call& call) {
  const uint32_t open_flags = call.u32(4);
  // Rights that stand for nothing here (sockets, bits without a meaning) are not granted, but may
  // be asked for.
  const uint64_t base = call.u64(5) & (rights::kDirectory | rights::kFile);
  const uint64_t inheriting = call.u64(6) & (rights::kDirectory | rights::kFile);
  const uint32_t flags = call.u32(7);
  WASI_ASSIGN(const Place place,
              read_place(call, call.u32(0), rights_to_open(open_flags), call.u32(2), call.u32(3)));
  const uint64_t grantable = call.process.descriptors().find(call.u32(0))->rights_inheriting;
  if (((base | inheriting) & ~grantable) != 0) return Errno::NotCapable;
  WASI_ASSIGN(const vfs::LastLink last, read_lookup(call.u32(1)));
  if (open_flags > (kCreate | kDirectory | kExclusive | kTruncate)) return Errno::Invalid;
  if (flags > fd_flags::kAll) return Errno::Invalid;
  if (!can_store(call.memory, call.u32(8), 4)) return Errno::Fault;
  if (call.process.descriptors().is_full()) return Errno::TooManyFiles;

  vfs::OpenOptions options;
  options.last = last;
  options.create = (open_flags & kCreate) != 0;
  options.exclusive = (open_flags & kExclusive) != 0;
  options.directory = (open_flags & kDirectory) != 0;
  options.truncate = (open_flags & kTruncate) != 0;
  options.write = (base & rights::kFdWrite) != 0;
  WASI_ASSIGN(vfs::InodeRef inode,
              call.process.file_system().open(place.directory, place.path, options,
                                              call.process.realtime()));
  Descriptor descriptor;
  const bool is_directory = inode->is_directory();
  descriptor.kind = is_directory ? Descriptor::Kind::Directory : Descriptor::Kind::File;
  descriptor.flags = static_cast<uint16_t>(flags);
  descriptor.rights_base = base & (is_directory ? rights::kDirectory : rights::kFile);
  descriptor.rights_inheriting = is_directory ? inheriting : 0;
  descriptor.inode = std::move(inode);
  WASI_ASSIGN(const uint32_t fd, call.process.descriptors().insert(std::move(descriptor)));
  return call.memory.store(call.u32(8), fd) ? Errno::Success : Errno::Fault;
}

// A target longer than the buffer is cut off, as with POSIX.
Errno path_readlink(Call& call) {
  WASI_ASSIGN(const Place place,
              read_place(call, call.u32(0), rights::kPathReadlink, call.u32(1), call.u32(2)));
  if (!call.memory.contains(call.u32(3), call.u32(4))) return Errno::Fault;
  if (!can_store(call.memory, call.u32(5), 4)) return Errno::Fault;
  WASI_ASSIGN(std::string_view target, vfs::FileSystem::read_link(place.directory, place.path));
  target = target.substr(0, call.u32(4));
  if (!call.memory.write_text(call.u32(3), target)) return Errno::Fault;
  const auto count = static_cast<uint32_t>(target.size());
  return call.memory.store(call.u32(5), count) ? Errno::Success : Errno::Fault;
}

Errno path_remove_directory(Call& call) {
  WASI_ASSIGN(const Place place, read_place(call, call.u32(0), rights::kPathRemoveDirectory,
                                            call.u32(1), call.u32(2)));
  WASI_TRY(call.process.file_system().remove_directory(place.directory, place.path,
                                                       call.process.realtime()));
  return Errno::Success;
}

Errno path_rename(Call& call) {
  WASI_ASSIGN(const Place from,
              read_place(call, call.u32(0), rights::kPathRenameSource, call.u32(1), call.u32(2)));
  WASI_ASSIGN(const Place to,
              read_place(call, call.u32(3), rights::kPathRenameTarget, call.u32(4), call.u32(5)));
  WASI_TRY(call.process.file_system().rename(from.directory, from.path, to.directory, to.path,
                                             call.process.realtime()));
  return Errno::Success;
}

Errno path_symlink(Call& call) {
  WASI_ASSIGN(const std::string target, read_path(call.memory, call.u32(0), call.u32(1)));
  WASI_ASSIGN(const Place place,
              read_place(call, call.u32(2), rights::kPathSymlink, call.u32(3), call.u32(4)));
  // It could never be followed: the other implementations refuse it, too. (The host's directories may have such links.)
  if (target.starts_with('/')) return Errno::Permission;
  WASI_TRY(call.process.file_system().symlink(target, place.directory, place.path,
                                              call.process.realtime()));
  return Errno::Success;
}

Errno path_unlink_file(Call& call) {
  WASI_ASSIGN(const Place place,
              read_place(call, call.u32(0), rights::kPathUnlinkFile, call.u32(1), call.u32(2)));
  WASI_TRY(call.process.file_system().unlink(place.directory, place.path, call.process.realtime()));
  return Errno::Success;
}

}  // namespace nacre::wasi
