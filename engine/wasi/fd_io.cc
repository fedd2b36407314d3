// Reading, writing and seeking.
#include <algorithm>

#include "handlers.hh"

namespace nacre::wasi {
namespace {

constexpr uint64_t kMaxOffset = INT64_MAX;

// Of and into files, bytes between two looks at who else wants to run.
constexpr uint32_t kMostAtOnce = 1 << 20;

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

uint64_t total_length(std::span<const IoVec> vecs) {
  uint64_t total = 0;
  for (const IoVec& vec : vecs) total += vec.length;
  return total;
}

// Takes up to kMostAtOnce bytes off the front of `vecs`.
std::vector<IoVec> take_piece(std::span<IoVec>& vecs) {
  std::vector<IoVec> piece;
  for (uint32_t left = kMostAtOnce; left != 0 && !vecs.empty();) {
    IoVec& vec = vecs.front();
    const uint32_t taken = std::min(left, vec.length);
    piece.push_back({vec.address, taken});
    left -= taken;
    vec.address += taken;
    vec.length -= taken;
    if (vec.length == 0) vecs = vecs.subspan(1);
  }
  return piece;
}

// Between a file's bytes from `offset` and the guest's buffers: as read_file() or write_file(), which `transfer` is.
template <class Transfer>
coro::Task<Outcome<uint32_t>> in_pieces(Call& call, std::vector<IoVec> vecs, uint64_t offset,
                                        Transfer transfer) {
  uint32_t total = 0;
  for (std::span<IoVec> rest = vecs; !rest.empty();) {
    const std::vector<IoVec> piece = take_piece(rest);
    const Outcome<uint32_t> count = transfer(offset + total, piece);
    if (!count && (total == 0 || count.error() == Errno::Fault)) co_return refuse(count.error());
    if (count) total += *count;
    if (!count || *count < total_length(piece)) break;
    if (!rest.empty()) co_await call.process.system().yield();
  }
  co_return total;
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
  const uint64_t total = total_length(vecs);
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

// ---- files ----------------------------------------------------------------------------------------------------

// What a call of a file's moves, once it is known that it may.
struct Transfer {
  Descriptor* descriptor;
  std::vector<IoVec> vecs;
  uint64_t offset;
  uint32_t count_at;      // where the guest wants the number of bytes
  bool moves_the_offset;  // the descriptor's
  bool writes;

  [[nodiscard]] vfs::FileData& file() const { return *descriptor->inode->file(); }
  [[nodiscard]] Outcome<uint32_t> move(GuestMemory& memory, uint64_t at,
                                       std::span<const IoVec> piece) const {
    return writes ? write_file(memory, file(), at, piece) : read_file(memory, file(), at, piece);
  }
  [[nodiscard]] bool is_long() const {
    uint64_t length = total_length(vecs);
    if (!writes) length = std::min(length, file().size() - std::min(offset, file().size()));
    return length > kMostAtOnce;
  }
  [[nodiscard]] Errno finish(Call& call, const Outcome<uint32_t>& count) const {
    if (!count) return count.error();
    if (moves_the_offset) descriptor->offset = offset + *count;
    if (writes && *count != 0) descriptor->inode->touch(call.process.realtime());
    return store_count(call.memory, count_at, *count);
  }
};

std::optional<Errno> attempt(Call& call, const Outcome<Transfer>& transfer) {
  if (!transfer) return transfer.error();
  if (transfer->is_long()) return std::nullopt;
  return transfer->finish(call, transfer->move(call.memory, transfer->offset, transfer->vecs));
}

coro::Task<Errno> complete(Call& call, Outcome<Transfer> transfer) {
  if (!transfer) co_return transfer.error();
  const auto move = [&](uint64_t at, std::span<const IoVec> piece) {
    return transfer->move(call.memory, at, piece);
  };
  const Outcome<uint32_t> count =
      co_await in_pieces(call, std::move(transfer->vecs), transfer->offset, move);
  co_return transfer->finish(call, count);
}

// fd_read and fd_write on a file.
Transfer at_own_offset(Call& call, Descriptor& descriptor, std::vector<IoVec> vecs, bool writes) {
  uint64_t offset = descriptor.offset;
  if (writes && (descriptor.flags & fd_flags::kAppend) != 0) {
    offset = descriptor.inode->file()->size();
  }
  return {&descriptor, std::move(vecs), offset, call.u32(3), true, writes};
}

// fd_pread and fd_pwrite.
Outcome<Transfer> at_given_offset(Call& call, bool writes) {
  const uint64_t right = writes ? rights::kFdWrite : rights::kFdRead;
  auto descriptor = find_file(call, call.u32(0), right | rights::kFdSeek);
  if (!descriptor) return refuse(descriptor.error());
  auto vecs = read_io_vecs(call.memory, call.u32(1), call.u32(2));
  if (!vecs) return refuse(vecs.error());
  if (!can_store(call.memory, call.u32(4), 4)) return refuse(Errno::Fault);
  if (call.u64(3) > kMaxOffset) return refuse(Errno::Invalid);
  return Transfer{*descriptor, std::move(*vecs), call.u64(3), call.u32(4), false, writes};
}

// What fd_read and fd_write have in common before they part for streams and files.
struct Target {
  Descriptor* descriptor;
  std::vector<IoVec> vecs;
};
Outcome<Target> find_target(Call& call, uint64_t right) {
  auto vecs = read_io_vecs(call.memory, call.u32(1), call.u32(2));
  const auto descriptor = find_descriptor(call, call.u32(0), 0);
  if (!descriptor) return refuse(descriptor.error());
  if ((*descriptor)->kind == Descriptor::Kind::Directory) return refuse(Errno::BadFd);
  if (((*descriptor)->rights_base & right) == 0) return refuse(Errno::NotCapable);
  if (!vecs) return refuse(vecs.error());
  if (!can_store(call.memory, call.u32(3), 4)) return refuse(Errno::Fault);
  return Target{*descriptor, std::move(*vecs)};
}

}  // namespace

// What is refused is refused at once. Of streams: what there is, and what fits; of files, what is not long.
std::optional<Errno> try_fd_read(Call& call) {
  auto target = find_target(call, rights::kFdRead);
  if (!target) return target.error();
  auto& [descriptor, vecs] = *target;
  if (descriptor->kind == Descriptor::Kind::File) {
    return attempt(call, at_own_offset(call, *descriptor, std::move(vecs), false));
  }
  const IoVec* const vec = first_with_room(vecs);
  if (vec == nullptr) return store_count(call.memory, call.u32(3), 0);
  const std::span<uint8_t> buffer = buffer_for(call, *vec);
  const auto count = call.process.system().try_read_stdin(buffer);
  if (!count) return std::nullopt;
  return store_input(call, *vec, buffer.first(*count));
}

coro::Task<Errno> fd_read(Call& call) {
  if (const auto done = try_fd_read(call)) co_return *done;
  auto target = find_target(call, rights::kFdRead);
  if (!target) co_return target.error();
  auto& [descriptor, vecs] = *target;
  if (descriptor->kind == Descriptor::Kind::File) {
    co_return co_await complete(call, at_own_offset(call, *descriptor, std::move(vecs), false));
  }
  // Standard input, and nothing there.
  const IoVec* const first = first_with_room(vecs);
  if (first == nullptr) co_return store_count(call.memory, call.u32(3), 0);
  const IoVec vec = *first;
  const std::span<uint8_t> buffer = buffer_for(call, vec);
  const auto count = co_await call.process.system().read_stdin(buffer);
  if (!count) co_return count.error();
  ASSERT(*count <= buffer.size());
  co_return store_input(call, vec, buffer.first(*count));
}

std::optional<Errno> try_fd_write(Call& call) {
  auto target = find_target(call, rights::kFdWrite);
  if (!target) return target.error();
  auto& [descriptor, vecs] = *target;
  if (descriptor->kind == Descriptor::Kind::File) {
    return attempt(call, at_own_offset(call, *descriptor, std::move(vecs), true));
  }
  return try_write_stream(call, descriptor->stream, vecs);
}

coro::Task<Errno> fd_write(Call& call) {
  if (const auto done = try_fd_write(call)) co_return *done;
  auto target = find_target(call, rights::kFdWrite);
  if (!target) co_return target.error();
  auto& [descriptor, vecs] = *target;
  if (descriptor->kind == Descriptor::Kind::File) {
    co_return co_await complete(call, at_own_offset(call, *descriptor, std::move(vecs), true));
  }
  // A stream without room for all of it.
  co_return co_await write_stream(call, descriptor->stream, std::move(vecs));
}

std::optional<Errno> try_fd_pread(Call& call) {
  return attempt(call, at_given_offset(call, false));
}

coro::Task<Errno> fd_pread(Call& call) {
  co_return co_await complete(call, at_given_offset(call, false));
}

std::optional<Errno> try_fd_pwrite(Call& call) {
  return attempt(call, at_given_offset(call, true));
}

coro::Task<Errno> fd_pwrite(Call& call) {
  co_return co_await complete(call, at_given_offset(call, true));
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
