#include "nacre/engine/wasi/vfs/directory.hh"

#include <vector>

#include "nacre/engine/wasi/vfs/inode.hh"

namespace nacre::vfs {

Directory::~Directory() {
  std::vector<InodeRef> doomed;
  const auto strip = [&doomed](Directory& directory) {
    for (auto& [name, entry] : directory.entries_) {
      directory.budget_.refund(cost_of(name));
      entry.inode->drop_link();
      if (Directory* child = entry.inode->directory()) child->set_parent(nullptr);
      if (entry.inode->is_directory() && entry.inode.is_last()) {
        doomed.push_back(std::move(entry.inode));
      }
    }
    directory.by_cookie_.clear();
    directory.entries_.clear();
  };
  strip(*this);
  while (!doomed.empty()) {
    const InodeRef next = std::move(doomed.back());
    doomed.pop_back();
    strip(*next->directory());
  }
}

InodeRef Directory::find(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? InodeRef() : found->second.inode;
}

Outcome<void> Directory::insert(std::string_view name, InodeRef inode) {
  ASSERT(!name.empty());
  if (!budget_.try_charge(cost_of(name))) return refuse(Errno::NoSpace);
  inode->add_link();
  const uint64_t cookie = next_cookie_++;
  const auto [entry, inserted] =
      entries_.try_emplace(std::string(name), Entry{std::move(inode), cookie});
  ASSERT(inserted);
  by_cookie_.emplace(cookie, entry);
  return {};
}

void Directory::replace(std::string_view name, InodeRef inode) {
  const auto found = entries_.find(name);
  ASSERT(found != entries_.end());
  inode->add_link();
  found->second.inode->drop_link();
  if (Directory* old = found->second.inode->directory()) old->set_parent(nullptr);
  found->second.inode = std::move(inode);
}

void Directory::erase(std::string_view name) {
  const auto found = entries_.find(name);
  ASSERT(found != entries_.end());
  budget_.refund(cost_of(name));
  by_cookie_.erase(found->second.cookie);
  found->second.inode->drop_link();
  if (Directory* old = found->second.inode->directory()) old->set_parent(nullptr);
  entries_.erase(found);
}

bool Directory::next_after(uint64_t after, Listed& out) const {
  const auto next = by_cookie_.upper_bound(after);
  if (next == by_cookie_.end()) return false;
  out = {next->second->first, next->second->second.inode.get(), next->first};
  return true;
}

}  // namespace nacre::vfs
