#include "nacre/engine/wasi/descriptor.hh"

#include "handlers.hh"

namespace nacre::wasi {

Outcome<uint32_t> DescriptorTable::insert(Descriptor descriptor) {
  if (is_full()) return refuse(Errno::TooManyFiles);
  uint32_t fd = 0;
  while (fd < slots_.size() && slots_[fd] != nullptr) ++fd;
  if (fd == slots_.size()) slots_.emplace_back();
  slots_[fd] = std::make_unique<Descriptor>(std::move(descriptor));
  ++open_;
  return fd;
}

Outcome<void> DescriptorTable::close(uint32_t fd) {
  if (find(fd) == nullptr) return refuse(Errno::BadFd);
  slots_[fd].reset();
  --open_;
  return {};
}

Outcome<void> DescriptorTable::renumber(uint32_t from, uint32_t to) {
  if (find(from) == nullptr || find(to) == nullptr) return refuse(Errno::BadFd);
  if (from == to) return {};
  slots_[to] = std::move(slots_[from]);
  --open_;
  return {};
}

Outcome<Descriptor*> find_descriptor(Call& call, uint32_t fd, uint64_t required) {
  Descriptor* const descriptor = call.process.descriptors().find(fd);
  if (descriptor == nullptr) return refuse(Errno::BadFd);
  if ((descriptor->rights_base & required) != required) return refuse(Errno::NotCapable);
  return descriptor;
}

Outcome<Descriptor*> find_file(Call& call, uint32_t fd, uint64_t required) {
  TRY_ASSIGN(Descriptor * descriptor, find_descriptor(call, fd, 0));
  if (descriptor->kind == Descriptor::Kind::Directory) return refuse(Errno::BadFd);
  if (descriptor->kind == Descriptor::Kind::Stream) return refuse(Errno::SeekPipe);
  return find_descriptor(call, fd, required);
}

Outcome<Descriptor*> find_directory(Call& call, uint32_t fd, uint64_t required) {
  TRY_ASSIGN(Descriptor * descriptor, find_descriptor(call, fd, 0));
  if (descriptor->kind != Descriptor::Kind::Directory) return refuse(Errno::NotDirectory);
  return find_descriptor(call, fd, required);
}

}  // namespace nacre::wasi
