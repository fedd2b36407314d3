#include "nacre/engine/wasi/vfs/file_system.hh"

#include "nacre/base/core/error.hh"

namespace nacre::vfs {
namespace {

// Why a new name that is not a directory cannot be entered at `where`; Success if it can.
Errno refusal_of_new_name(const Resolved& where) {
  if (where.inode) {
    if (where.wants_directory && !where.inode->is_directory()) return Errno::NotDirectory;
    return Errno::Exist;
  }
  if (where.wants_directory) return Errno::NoEntry;
  return where.parent->directory()->is_removed() ? Errno::NoEntry : Errno::Success;
}

// Why the entry at `where` cannot be removed or renamed; Success if it can.
Errno refusal_of_old_name(const Resolved& where, Errno for_dot) {
  if (!where.inode) return Errno::NoEntry;
  if (where.name.empty()) return for_dot;
  if (where.wants_directory && !where.inode->is_directory()) return Errno::NotDirectory;
  return Errno::Success;
}

bool is_inside(const Inode* directory, const Inode* ancestor) {
  for (; directory != nullptr; directory = directory->directory()->parent()) {
    if (directory == ancestor) return true;
  }
  return false;
}

Errno refusal_of_rename(const Resolved& from, const Resolved& to) {
  if (const Errno why = refusal_of_old_name(from, Errno::Busy); why != Errno::Success) return why;
  if (to.inode && to.name.empty()) return Errno::Busy;
  const bool moves_directory = from.inode->is_directory();
  if (to.wants_directory && !moves_directory) {
    return to.inode && to.inode->is_directory() ? Errno::IsDirectory : Errno::NotDirectory;
  }
  if (to.parent->directory()->is_removed()) return Errno::NoEntry;
  if (moves_directory && is_inside(to.parent.get(), from.inode.get())) return Errno::Invalid;
  if (!to.inode || to.inode == from.inode) return Errno::Success;
  if (!moves_directory) return to.inode->is_directory() ? Errno::IsDirectory : Errno::Success;
  if (!to.inode->is_directory()) return Errno::NotDirectory;
  return to.inode->directory()->is_empty() ? Errno::Success : Errno::NotEmpty;
}

}  // namespace

Outcome<InodeRef> FileSystem::make_inode(Inode::Content content, uint64_t extra_bytes,
                                         uint64_t now) {
  const uint64_t cost = kInodeCost + extra_bytes;
  if (!budget_.try_charge(cost)) return refuse(Errno::NoSpace);
  return InodeRef(new Inode(budget_, cost, next_number_++, now, std::move(content)));
}

Outcome<InodeRef> FileSystem::enter(const Resolved& where, Inode::Content content,
                                    uint64_t extra_bytes, uint64_t now) {
  TRY_ASSIGN(InodeRef inode, make_inode(std::move(content), extra_bytes, now));
  TRY(where.parent->directory()->insert(where.name, inode));
  where.parent->touch(now);
  return inode;
}

Outcome<InodeRef> FileSystem::create_root(uint64_t now) {
  return make_inode(std::make_unique<Directory>(budget_), 0, now);
}

Outcome<InodeRef> FileSystem::make_directory_at(const Resolved& where, uint64_t now) {
  if (where.inode) return refuse(Errno::Exist);
  if (where.parent->directory()->is_removed()) return refuse(Errno::NoEntry);
  TRY_ASSIGN(InodeRef made, enter(where, std::make_unique<Directory>(budget_), 0, now));
  made->directory()->set_parent(where.parent.get());
  return made;
}

Outcome<InodeRef> FileSystem::make_directories(const InodeRef& root, std::string_view path,
                                               uint64_t now) {
  InodeRef current = root;
  while (!path.empty()) {
    const size_t end = path.find('/');
    const std::string_view component = path.substr(0, end);
    path = end == std::string_view::npos ? std::string_view() : path.substr(end + 1);
    if (component.empty()) continue;
    TRY_ASSIGN(const Resolved where, resolve(current, component, LastLink::Follow));
    if (where.inode) {
      if (!where.inode->is_directory()) return refuse(Errno::NotDirectory);
      current = where.inode;
      continue;
    }
    TRY_ASSIGN(current, make_directory_at(where, now));
  }
  return current;
}

Outcome<InodeRef> FileSystem::add_image_file(const InodeRef& root, std::string_view path,
                                             std::span<const uint8_t> image, uint64_t now) {
  const size_t slash = path.rfind('/');
  InodeRef parent = root;
  if (slash != std::string_view::npos) {
    TRY_ASSIGN(parent, make_directories(root, path.substr(0, slash), now));
    path = path.substr(slash + 1);
  }
  TRY_ASSIGN(const Resolved where, resolve(parent, path, LastLink::Keep));
  if (const Errno why = refusal_of_new_name(where); why != Errno::Success) return refuse(why);
  return enter(where, std::make_unique<FileData>(budget_, image), 0, now);
}

Outcome<InodeRef> FileSystem::lookup(const InodeRef& base, std::string_view path, LastLink last) {
  TRY_ASSIGN(Resolved found, resolve(base, path, last));
  if (!found.inode) return refuse(Errno::NoEntry);
  if (found.wants_directory && !found.inode->is_directory()) return refuse(Errno::NotDirectory);
  return std::move(found.inode);
}

Outcome<InodeRef> FileSystem::open(const InodeRef& base, std::string_view path,
                                   const OpenOptions& options, uint64_t now) {
  if (options.directory && (options.create || options.exclusive || options.truncate)) {
    return refuse(Errno::Invalid);
  }
  const bool must_be_new = options.create && options.exclusive;
  TRY_ASSIGN(const Resolved found,
             resolve(base, path, must_be_new ? LastLink::Keep : options.last));
  if (!found.inode) {
    if (!options.create) return refuse(Errno::NoEntry);
    if (found.wants_directory) return refuse(Errno::IsDirectory);
    if (found.parent->directory()->is_removed()) return refuse(Errno::NoEntry);
    return enter(found, std::make_unique<FileData>(budget_), 0, now);
  }
  if (must_be_new) return refuse(Errno::Exist);
  if (found.inode->is_link()) return refuse(Errno::Loop);
  if (found.inode->is_directory()) {
    const bool as_file = options.truncate || options.create || options.write;
    if (as_file && !options.directory) return refuse(Errno::IsDirectory);
    return found.inode;
  }
  if (options.directory || found.wants_directory) return refuse(Errno::NotDirectory);
  if (options.truncate) {
    TRY(found.inode->file()->resize(0));
    found.inode->touch(now);
  }
  return found.inode;
}

Outcome<void> FileSystem::make_directory(const InodeRef& base, std::string_view path,
                                         uint64_t now) {
  TRY_ASSIGN(const Resolved where, resolve(base, path, LastLink::KeepWithSlash));
  TRY(make_directory_at(where, now));
  return {};
}

Outcome<void> FileSystem::remove_directory(const InodeRef& base, std::string_view path,
                                           uint64_t now) {
  TRY_ASSIGN(const Resolved where, resolve(base, path, LastLink::KeepWithSlash));
  if (const Errno why = refusal_of_old_name(where, Errno::Invalid); why != Errno::Success) {
    return refuse(why);
  }
  Directory* const directory = where.inode->directory();
  if (directory == nullptr) return refuse(Errno::NotDirectory);
  if (!directory->is_empty()) return refuse(Errno::NotEmpty);
  directory->set_removed();
  where.parent->directory()->erase(where.name);
  where.parent->touch(now);
  return {};
}

Outcome<void> FileSystem::unlink(const InodeRef& base, std::string_view path, uint64_t now) {
  TRY_ASSIGN(const Resolved where, resolve(base, path, LastLink::KeepWithSlash));
  if (const Errno why = refusal_of_old_name(where, Errno::IsDirectory); why != Errno::Success) {
    return refuse(why);
  }
  if (where.inode->is_directory()) return refuse(Errno::IsDirectory);
  where.parent->directory()->erase(where.name);
  where.parent->touch(now);
  where.inode->touch_inode(now);
  return {};
}

Outcome<void> FileSystem::rename(const InodeRef& old_base, std::string_view old_path,
                                 const InodeRef& new_base, std::string_view new_path,
                                 uint64_t now) {
  TRY_ASSIGN(const Resolved from, resolve(old_base, old_path, LastLink::KeepWithSlash));
  TRY_ASSIGN(const Resolved to, resolve(new_base, new_path, LastLink::KeepWithSlash));
  if (const Errno why = refusal_of_rename(from, to); why != Errno::Success) return refuse(why);
  if (to.inode == from.inode) return {};  // two names of one file, or the same name: POSIX rename
  Directory& target = *to.parent->directory();
  if (to.inode) {
    if (Directory* replaced = to.inode->directory()) replaced->set_removed();
    target.replace(to.name, from.inode);
  } else {
    TRY(target.insert(to.name, from.inode));
  }
  from.parent->directory()->erase(from.name);
  if (Directory* moved = from.inode->directory()) moved->set_parent(to.parent.get());
  from.parent->touch(now);
  to.parent->touch(now);
  from.inode->touch_inode(now);
  return {};
}

Outcome<void> FileSystem::link(const InodeRef& old_base, std::string_view old_path,
                               const InodeRef& new_base, std::string_view new_path, uint64_t now) {
  TRY_ASSIGN(const InodeRef inode, lookup(old_base, old_path, LastLink::Keep));
  if (inode->is_directory()) return refuse(Errno::Permission);
  TRY_ASSIGN(const Resolved where, resolve(new_base, new_path, LastLink::KeepWithSlash));
  if (const Errno why = refusal_of_new_name(where); why != Errno::Success) return refuse(why);
  TRY(where.parent->directory()->insert(where.name, inode));
  where.parent->touch(now);
  inode->touch_inode(now);
  return {};
}

Outcome<void> FileSystem::symlink(std::string_view target, const InodeRef& base,
                                  std::string_view path, uint64_t now) {
  if (target.empty()) return refuse(Errno::NoEntry);
  if (target.size() > kMaxPath) return refuse(Errno::NameTooLong);
  if (target.find('\0') != std::string_view::npos) return refuse(Errno::Invalid);
  if (!is_utf8(target)) return refuse(Errno::IllegalSequence);
  TRY_ASSIGN(const Resolved where, resolve(base, path, LastLink::KeepWithSlash));
  if (const Errno why = refusal_of_new_name(where); why != Errno::Success) return refuse(why);
  TRY(enter(where, SymbolicLink{std::string(target)}, target.size(), now));
  return {};
}

Outcome<std::string_view> FileSystem::read_link(const InodeRef& base, std::string_view path) {
  TRY_ASSIGN(const InodeRef inode, lookup(base, path, LastLink::Keep));
  const std::string* target = inode->link_target();
  if (target == nullptr) return refuse(Errno::Invalid);
  return std::string_view(*target);
}

}  // namespace nacre::vfs
