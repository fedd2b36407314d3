// The handlers, by subject, and what they share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/base/core/error.hh"
#include "nacre/engine/wasi/functions.hh"

// In a handler: returns the errno of a failed Outcome<void>, or goes on.
#define WASI_TRY(expression)                               \
  do {                                                     \
    if (auto wasi_outcome = (expression); !wasi_outcome) { \
      return wasi_outcome.error();                         \
    }                                                      \
  } while (false)
// In a handler: binds the value of an Outcome<T>, or returns its errno.
#define WASI_ASSIGN(declaration, expression) \
  WASI_ASSIGN_INNER(declaration, expression, NACRE_CONCAT(wasi_outcome_, __LINE__))
#define WASI_ASSIGN_INNER(declaration, expression, temporary) \
  auto temporary = (expression);                              \
  if (!temporary) return temporary.error();                   \
  declaration = std::move(*temporary)

namespace nacre::wasi {

// --- descriptors (descriptor.cc) ---

// BadFd; NotCapable if a right is missing.
[[nodiscard]] Outcome<Descriptor*> find_descriptor(Call& call, uint32_t fd, uint64_t required);
// Also BadFd if it is a directory, SeekPipe if it is a stream.
[[nodiscard]] Outcome<Descriptor*> find_file(Call& call, uint32_t fd, uint64_t required);
// Also NotDirectory if it is anything else.
[[nodiscard]] Outcome<Descriptor*> find_directory(Call& call, uint32_t fd, uint64_t required);

// --- guest data (guest_data.cc) ---

struct IoVec {
  uint32_t address;
  uint32_t length;
};
// Reads `count` (pointer, length) pairs. Invalid if there are more than kMaxIoVecs or more than
// 2³²-1 bytes in all; Fault if the array or one of the buffers is not inside the memory.
inline constexpr uint32_t kMaxIoVecs = 1024;
[[nodiscard]] Outcome<std::vector<IoVec>> read_io_vecs(const GuestMemory& memory, uint32_t address,
                                                       uint32_t count);
// NameTooLong, Fault. The text is not checked further.
[[nodiscard]] Outcome<std::string> read_path(const GuestMemory& memory, uint32_t address,
                                             uint32_t length);
// Writes a `filestat` in the call's dialect; `inode` is null for a stream. Fault.
[[nodiscard]] Outcome<void> write_file_stat(Call& call, uint32_t address, vfs::FileType type,
                                            const vfs::Inode* inode);
// What `fstflags` and two timestamps make of the times of a file. Invalid.
[[nodiscard]] Outcome<vfs::Times> changed_times(const vfs::Times& old, uint64_t accessed,
                                                uint64_t modified, uint32_t flags, uint64_t now);
[[nodiscard]] vfs::FileType file_type(Process& process, const Descriptor& descriptor);

// Checks that results can be stored at these addresses before anything is done.
[[nodiscard]] inline bool can_store(const GuestMemory& memory, uint32_t address, uint32_t size) {
  return memory.contains(address, size);
}

// --- handlers ---

// arguments.cc
Errno args_get(Call& call);
Errno args_sizes_get(Call& call);
Errno environ_get(Call& call);
Errno environ_sizes_get(Call& call);
// process.cc
Errno clock_res_get(Call& call);
Errno clock_time_get(Call& call);
coro::Task<Errno> random_get(Call& call);
std::optional<Errno> try_random_get(Call& call);
Errno proc_exit(Call& call);
Errno proc_raise(Call& call);
coro::Task<Errno> sched_yield(Call& call);
std::optional<Errno> try_sched_yield(Call& call);
// fd_io.cc
coro::Task<Errno> fd_read(Call& call);
std::optional<Errno> try_fd_read(Call& call);
coro::Task<Errno> fd_write(Call& call);
std::optional<Errno> try_fd_write(Call& call);
coro::Task<Errno> fd_pread(Call& call);
std::optional<Errno> try_fd_pread(Call& call);
coro::Task<Errno> fd_pwrite(Call& call);
std::optional<Errno> try_fd_pwrite(Call& call);
Errno fd_seek(Call& call);
Errno fd_tell(Call& call);
// fd_state.cc
Errno fd_advise(Call& call);
coro::Task<Errno> fd_allocate(Call& call);
std::optional<Errno> try_fd_allocate(Call& call);
Errno fd_close(Call& call);
Errno fd_datasync(Call& call);
Errno fd_sync(Call& call);
Errno fd_fdstat_get(Call& call);
Errno fd_fdstat_set_flags(Call& call);
Errno fd_fdstat_set_rights(Call& call);
Errno fd_filestat_get(Call& call);
Errno fd_filestat_set_size(Call& call);
Errno fd_filestat_set_times(Call& call);
Errno fd_prestat_get(Call& call);
Errno fd_prestat_dir_name(Call& call);
Errno fd_renumber(Call& call);
// directory.cc
coro::Task<Errno> fd_readdir(Call& call);
std::optional<Errno> try_fd_readdir(Call& call);
// path.cc
Errno path_create_directory(Call& call);
Errno path_filestat_get(Call& call);
Errno path_filestat_set_times(Call& call);
Errno path_link(Call& call);
Errno path_open(Call& call);
Errno path_readlink(Call& call);
Errno path_remove_directory(Call& call);
Errno path_rename(Call& call);
Errno path_symlink(Call& call);
Errno path_unlink_file(Call& call);
// poll.cc
coro::Task<Errno> poll_oneoff(Call& call);
// socket.cc
Errno sock_accept(Call& call);
Errno sock_recv(Call& call);
Errno sock_send(Call& call);
Errno sock_shutdown(Call& call);

}  // namespace nacre::wasi
