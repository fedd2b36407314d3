// fd_readdir: entries are 24 bytes and a name, one after the other without padding. A buffer that
// is filled to the last byte, its last entry perhaps cut off, tells the guest that there is more.
#include <algorithm>

#include "handlers.hh"

namespace nacre::wasi {
namespace {

constexpr uint64_t kDotCookie = 1;
constexpr uint64_t kDotDotCookie = 2;
static_assert(kDotDotCookie < vfs::Directory::kFirstCookie);

// Bytes of the buffer between two looks at who else wants to run.
constexpr uint32_t kMostAtOnce = 16 << 10;

// The entry that follows `cookie` in a directory.
bool next_entry(vfs::Inode& inode, uint64_t cookie, vfs::Directory::Listed& out) {
  const vfs::Directory& directory = *inode.directory();
  if (cookie < kDotCookie) {
    out = {".", &inode, kDotCookie};
    return true;
  }
  if (cookie < kDotDotCookie) {
    out = {"..", directory.parent() != nullptr ? directory.parent() : &inode, kDotDotCookie};
    return true;
  }
  return directory.next_after(cookie, out);
}

// Where a listing stands.
struct Listing {
  uint64_t cookie = 0;
  uint32_t used = 0;  // bytes of the buffer
};

// What the arguments allow; nothing is done yet.
Outcome<Listing> begin_listing(Call& call) {
  if (const auto found = find_directory(call, call.u32(0), rights::kFdReaddir); !found)
    return refuse(found.error());
  if (!call.memory.contains(call.u32(1), call.u32(2))) return refuse(Errno::Fault);
  if (!can_store(call.memory, call.u32(4), 4)) return refuse(Errno::Fault);
  return Listing{.cookie = call.u64(3)};
}

// Lists on until the buffer is full, about kMostAtOnce more bytes of it are, or there is no further entry: whether it is over.
Outcome<bool> list_piece(Call& call, Listing& listing) {
  const auto directory = find_directory(call, call.u32(0), rights::kFdReaddir);
  if (!directory) return refuse(directory.error());
  const uint64_t buffer = call.u32(1);
  const uint32_t size = call.u32(2);
  const uint32_t begin = listing.used;
  vfs::Directory::Listed entry;
  while (listing.used < size && listing.used - begin < kMostAtOnce) {
    if (!next_entry(*(*directory)->inode, listing.cookie, entry)) return true;
    listing.cookie = entry.cookie;
    Layout<24> head;
    head.put<uint64_t>(0, entry.cookie)
        .put<uint64_t>(8, entry.inode->number())
        .put<uint32_t>(16, static_cast<uint32_t>(entry.name.size()))
        .put(20, static_cast<uint8_t>(entry.inode->type()));
    const uint32_t head_part = std::min<uint32_t>(24, size - listing.used);
    if (!call.memory.write(buffer + listing.used, head.bytes().first(head_part)))
      return refuse(Errno::Fault);
    listing.used += head_part;
    const std::string_view name = entry.name.substr(0, size - listing.used);
    if (!call.memory.write_text(buffer + listing.used, name)) return refuse(Errno::Fault);
    listing.used += static_cast<uint32_t>(name.size());
  }
  return listing.used == size;
}

Errno store_used(Call& call, const Listing& listing) {
  return call.memory.store(call.u32(4), listing.used) ? Errno::Success : Errno::Fault;
}

}  // namespace

// Long listings are not begun here.
std::optional<Errno> try_fd_readdir(Call& call) {
  auto listing = begin_listing(call);
  if (!listing) return listing.error();
  if (call.u32(2) > kMostAtOnce) return std::nullopt;
  const auto over = list_piece(call, *listing);
  return over ? store_used(call, *listing) : over.error();
}

coro::Task<Errno> fd_readdir(Call& call) {
  auto listing = begin_listing(call);
  if (!listing) co_return listing.error();
  for (;;) {
    const auto over = list_piece(call, *listing);
    if (!over) co_return over.error();
    if (*over) break;
    co_await call.process.system().yield();
  }
  co_return store_used(call, *listing);
}

}  // namespace nacre::wasi
