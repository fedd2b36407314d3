// fd_readdir: entries are 24 bytes and a name, one after the other without padding. A buffer that
// is filled to the last byte, its last entry perhaps cut off, tells the guest that there is more.
#include <algorithm>

#include "handlers.hh"

namespace nacre::wasi {
namespace {

constexpr uint64_t kDotCookie = 1;
constexpr uint64_t kDotDotCookie = 2;
static_assert(kDotDotCookie < vfs::Directory::kFirstCookie);

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

}  // namespace

Errno fd_readdir(Call& call) {
  WASI_ASSIGN(const Descriptor* descriptor, find_directory(call, call.u32(0), rights::kFdReaddir));
  const uint64_t buffer = call.u32(1);
  const uint32_t size = call.u32(2);
  uint64_t cookie = call.u64(3);
  if (!call.memory.contains(buffer, size)) return Errno::Fault;
  if (!can_store(call.memory, call.u32(4), 4)) return Errno::Fault;
  uint32_t used = 0;
  vfs::Directory::Listed entry;
  while (used < size && next_entry(*descriptor->inode, cookie, entry)) {
    cookie = entry.cookie;
    Layout<24> head;
    head.put<uint64_t>(0, cookie)
        .put<uint64_t>(8, entry.inode->number())
        .put<uint32_t>(16, static_cast<uint32_t>(entry.name.size()))
        .put(20, static_cast<uint8_t>(entry.inode->type()));
    const uint32_t head_part = std::min<uint32_t>(24, size - used);
    if (!call.memory.write(buffer + used, head.bytes().first(head_part))) return Errno::Fault;
    used += head_part;
    const std::string_view name = entry.name.substr(0, size - used);
    if (!call.memory.write_text(buffer + used, name)) return Errno::Fault;
    used += static_cast<uint32_t>(name.size());
  }
  return call.memory.store(call.u32(4), used) ? Errno::Success : Errno::Fault;
}

}  // namespace nacre::wasi
