// Reading, writing and seeking.
#include <algorithm>

#include "handlers.hh"

namespace nacre::wasi {
namespace {

constexpr uint64_t kMaxOffset = INT64_MAX;

// File bytes from `offset` into the guest's buffers; each byte is copied once. Returns how many.
Outcome<uint32_t> read_file(GuestMemory& memory, const vfs::FileData& file, uint64_t offset,
                            std::span<const IoVec> vecs) {
  uint32_t total = 0;
  for (const IoVec& vec : vecs) {
    for (uint32_t done = 0; done < vec.length;) {
      const auto run = file.piece(offset + total, vec.length - done);
      if (run.empty()) return total;
      if (!memory.write(uint64_t{vec.address} + done, run)) return refuse(Errno::Fault);
      done += static_cast<uint32_t>(run.size());
      total += static_cast<uint32_t>(run.size());
    }
  }
  return total;
}

// The guest's buffers into a file at `offset`. Short if space runs out after the first byte.
Outcome<uint32_t> write_file(const GuestMemory& memory, vfs::FileData& file, uint64_t offset,
                             std::span<const IoVec> vecs) {
  uint32_t total = 0;
  for (const IoVec& vec : vecs) {
    for (uint32_t done = 0; done < vec.length;) {
      const uint64_t at = offset + total;
      const auto run = file.writable_piece(at, vec.length - done);
      if (!run) {
        if (total != 0) return total;
        return refuse(run.error());
      }
      if (!memory.read(uint64_t{vec.address} + done, *run)) {
        file.abandon(at, *run);
        return refuse(Errno::Fault);
      }
      file.wrote_until(at + run->size());
      done += static_cast<uint32_t>(run->size());
      total += static_cast<uint32_t>(run->size());
    }
  }
  return total;
}

Errno store_count(GuestMemory& memory, uint32_t address, uint32_t count) {
  return memory.store(address, count) ? Errno::Success : Errno::Fault;
}

// Standard input fills the first buffer that is not empty with what is there.
const IoVec* first_with_room(const std::vector<IoVec>& vecs) {
  const auto first =
      std::find_if(vecs.begin(), vecs.end(), [](const IoVec& vec) { return vec.length != 0; });
  return first == vecs.end() ? nullptr : &*first;
}
std::span<uint8_t> buffer_for(Call& call, const IoVec& vec) {
  const std::span<uint8_t> buffer = call.process.transfer_buffer();
  return buffer.first(std::min<size_t>(buffer.size(), vec.length));
}
Errno store_input(Call& call, const IoVec& vec, std::span<const uint8_t> bytes) {
  if (!call.memory.write(vec.address, bytes)) return Errno::Fault;
  return store_count(call.memory, call.u32(3), static_cast<uint32_t>(bytes.size()));
}

// fd_write on standard output and error: gathers the buffers into large pieces.
coro::Task<Errno> write_stream(Call& call, Stream stream, std::vector<IoVec> vecs) {
  const std::span<uint8_t> buffer = call.process.transfer_buffer();
  size_t filled = 0;
  uint32_t total = 0;
  for (const IoVec& vec : vecs) {
    for (uint32_t done = 0; done < vec.length;) {
      const size_t part = std::min<size_t>(vec.length - done, buffer.size() - filled);
      if (!call.memory.read(uint64_t{vec.address} + done, buffer.subspan(filled, part))) {
        co_return Errno::Fault;
      }
      filled += part;
      done += static_cast<uint32_t>(part);
      total += static_cast<uint32_t>(part);
      if (filled < buffer.size()) continue;
      if (auto wrote = co_await call.process.system().write(stream, buffer); !wrote) {
        co_return wrote.error();
      }
      filled = 0;
    }
  }
  if (filled != 0) {
    if (auto wrote = co_await call.process.system().write(stream, buffer.first(filled)); !wrote) {
      co_return wrote.error();
    }
  }
  co_return store_count(call.memory, call.u32(3), total);
}

// All of it at once, if it passes through the buffer in one piece and the stream has room.
std::optional<Errno> try_write_stream(Call& call, Stream stream, const std::vector<IoVec>& vecs) {
  size_t total = 0;
  for (const IoVec& vec : vecs) total += vec.length;
  if (total == 0) return store_count(call.memory, call.u32(3), 0);
  if (total > Process::kTransferSize) return std::nullopt;
  const std::span<uint8_t> buffer = call.process.transfer_buffer().first(total);
  size_t filled = 0;
  for (const IoVec& vec : vecs) {
    if (!call.memory.read(vec.address, buffer.subspan(filled, vec.length))) return Errno::Fault;
    filled += vec.length;
  }
  if (!call.process.system().try_write(stream, buffer)) return std::nullopt;
  return store_count(call.memory, call.u32(3), static_cast<uint32_t>(total));
}

Errno read_at_offset(Call& call, Descriptor& descriptor, std::span<const IoVec> vecs) {
  WASI_ASSIGN(const uint32_t count,
              read_file(call.memory, *descriptor.inode->file(), descriptor.offset, vecs));
  descriptor.offset += count;
  return store_count(call.memory, call.u32(3), count);
}

Errno write_at_offset(Call& call, Descriptor& descriptor, std::span<const IoVec> vecs) {
  vfs::FileData& file = *descriptor.inode->file();
  if ((descriptor.flags & fd_flags::kAppend) != 0) descriptor.offset = file.size();
  WASI_ASSIGN(const uint32_t count, write_file(call.memory, file, descriptor.offset, vecs));
  descriptor.offset += count;
  if (count != 0) descriptor.inode->touch(call.process.realtime());
  return store_count(call.memory, call.u32(3), count);
}

}  // namespace

// Files never wait, and what is refused is refused at once. Of streams: what there is, and what fits.
std::optional<Errno> try_fd_read(Call& call) {
  const auto vecs = read_io_vecs(call.memory, call.u32(1), call.u32(2));
  const auto descriptor = find_descriptor(call, call.u32(0), 0);
  if (!descriptor) return descriptor.error();
  if ((*descriptor)->kind == Descriptor::Kind::Directory) return Errno::BadFd;
  if (((*descriptor)->rights_base & rights::kFdRead) == 0) return Errno::NotCapable;
  if (!vecs) return vecs.error();
  if (!can_store(call.memory, call.u32(3), 4)) return Errno::Fault;
  if ((*descriptor)->kind == Descriptor::Kind::File) {
    return read_at_offset(call, **descriptor, *vecs);
  }
  const IoVec* const vec = first_with_room(*vecs);
  if (vec == nullptr) return store_count(call.memory, call.u32(3), 0);
  const std::span<uint8_t> buffer = buffer_for(call, *vec);
  const auto count = call.process.system().try_read_stdin(buffer);
  if (!count) return std::nullopt;
  return store_input(call, *vec, buffer.first(*count));
}

coro::Task<Errno> fd_read(Call& call) {
  if (const auto done = try_fd_read(call)) co_return *done;
  // Standard input, and nothing there.
  const auto vecs = read_io_vecs(call.memory, call.u32(1), call.u32(2));
  if (!vecs) co_return vecs.error();
  const IoVec* const first = first_with_room(*vecs);
  if (first == nullptr) co_return store_count(call.memory, call.u32(3), 0);
  const IoVec vec = *first;
  const std::span<uint8_t> buffer = buffer_for(call, vec);
  const auto count = co_await call.process.system().read_stdin(buffer);
  if (!count) co_return count.error();
  ASSERT(*count <= buffer.size());
  co_return store_input(call, vec, buffer.first(*count));
}

std::optional<Errno> try_fd_write(Call& call) {
  const auto vecs = read_io_vecs(call.memory, call.u32(1), call.u32(2));
  const auto descriptor = find_descriptor(call, call.u32(0), 0);
  if (!descriptor) return descriptor.error();
  if ((*descriptor)->kind == Descriptor::Kind::Directory) return Errno::BadFd;
  if (((*descriptor)->rights_base & rights::kFdWrite) == 0) return Errno::NotCapable;
  if (!vecs) return vecs.error();
  if (!can_store(call.memory, call.u32(3), 4)) return Errno::Fault;
  if ((*descriptor)->kind == Descriptor::Kind::File) {
    return write_at_offset(call, **descriptor, *vecs);
  }
  return try_write_stream(call, (*descriptor)->stream, *vecs);
}

coro::Task<Errno> fd_write(Call& call) {
  if (const auto done = try_fd_write(call)) co_return *done;
  // A stream without room for all of it.
  auto vecs = read_io_vecs(call.memory, call.u32(1), call.u32(2));
  if (!vecs) co_return vecs.error();
  const auto descriptor = find_descriptor(call, call.u32(0), 0);
  if (!descriptor) co_return descriptor.error();
  co_return co_await write_stream(call, (*descriptor)->stream, std::move(*vecs));
}

Errno fd_pread(Call& call) {
  WASI_ASSIGN(const Descriptor* descriptor,
              find_file(call, call.u32(0), rights::kFdRead | rights::kFdSeek));
  WASI_ASSIGN(const std::vector<IoVec> vecs, read_io_vecs(call.memory, call.u32(1), call.u32(2)));
  if (!can_store(call.memory, call.u32(4), 4)) return Errno::Fault;
  if (call.u64(3) > kMaxOffset) return Errno::Invalid;
  WASI_ASSIGN(const uint32_t count,
              read_file(call.memory, *descriptor->inode->file(), call.u64(3), vecs));
  return store_count(call.memory, call.u32(4), count);
}

Errno fd_pwrite(Call& call) {
  WASI_ASSIGN(const Descriptor* descriptor,
              find_file(call, call.u32(0), rights::kFdWrite | rights::kFdSeek));
  WASI_ASSIGN(const std::vector<IoVec> vecs, read_io_vecs(call.memory, call.u32(1), call.u32(2)));
  if (!can_store(call.memory, call.u32(4), 4)) return Errno::Fault;
  if (call.u64(3) > kMaxOffset) return Errno::Invalid;
  vfs::FileData& file = *descriptor->inode->file();
  WASI_ASSIGN(const uint32_t count, write_file(call.memory, file, call.u64(3), vecs));
  if (count != 0) descriptor->inode->touch(call.process.realtime());
  return store_count(call.memory, call.u32(4), count);
}

Errno fd_seek(Call& call) {
  enum class Whence : uint32_t { Set = 0, Current = 1, End = 2 };
  const auto delta = static_cast<int64_t>(call.u64(1));
  if (call.u32(2) > 2) return Errno::Invalid;
  // wasi_unstable counts current, end, set.
  const uint32_t number = call.dialect == Dialect::Unstable ? (call.u32(2) + 1) % 3 : call.u32(2);
  const auto whence = static_cast<Whence>(number);
  // Asking for the position is what the right to tell allows.
  const bool only_tells = delta == 0 && whence == Whence::Current;
  WASI_ASSIGN(Descriptor * descriptor,
              find_file(call, call.u32(0), only_tells ? rights::kFdTell : rights::kFdSeek));
  if (!can_store(call.memory, call.u32(3), 8)) return Errno::Fault;
  int64_t base = 0;
  if (whence == Whence::Current) base = static_cast<int64_t>(descriptor->offset);
  if (whence == Whence::End) base = static_cast<int64_t>(descriptor->inode->size());
  int64_t target = 0;
  if (__builtin_add_overflow(base, delta, &target)) return Errno::Overflow;
  if (target < 0) return Errno::Invalid;
  descriptor->offset = static_cast<uint64_t>(target);
  return call.memory.store(call.u32(3), descriptor->offset) ? Errno::Success : Errno::Fault;
}

Errno fd_tell(Call& call) {
  WASI_ASSIGN(const Descriptor* descriptor, find_file(call, call.u32(0), rights::kFdTell));
  return call.memory.store(call.u32(1), descriptor->offset) ? Errno::Success : Errno::Fault;
}

}  // namespace nacre::wasi
