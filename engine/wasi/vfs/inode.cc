#include "nacre/engine/wasi/vfs/inode.hh"

namespace nacre::vfs {

Inode::~Inode() {
  budget_.refund(charged_bytes_);
}

FileType Inode::type() const {
  if (is_directory()) return FileType::Directory;
  return is_link() ? FileType::SymbolicLink : FileType::RegularFile;
}

FileData* Inode::file() const {
  const auto* data = std::get_if<std::unique_ptr<FileData>>(&content_);
  return data == nullptr ? nullptr : data->get();
}

Directory* Inode::directory() const {
  const auto* entries = std::get_if<std::unique_ptr<Directory>>(&content_);
  return entries == nullptr ? nullptr : entries->get();
}

const std::string* Inode::link_target() const {
  const auto* link = std::get_if<SymbolicLink>(&content_);
  return link == nullptr ? nullptr : &link->target;
}

uint64_t Inode::size() const {
  if (const FileData* data = file()) return data->size();
  if (const Directory* entries = directory()) return entries->count();
  return link_target()->size();
}

void InodeRef::acquire() {
  if (inode_ != nullptr) ++inode_->references_;
}

void InodeRef::release() {
  if (inode_ != nullptr && --inode_->references_ == 0) delete inode_;
}

bool InodeRef::is_last() const {
  return inode_ != nullptr && inode_->references_ == 1;
}

}  // namespace nacre::vfs
