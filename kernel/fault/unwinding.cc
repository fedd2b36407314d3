#include "nacre/kernel/fault/unwinding.hh"

#include <new>

#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/opaque.hh"

namespace nacre::fault {

[[gnu::noinline]] void panic_at_depth(unsigned depth, unsigned& destroyed) {
  const CountsDestruction guard{destroyed};
  if (depth == 0) panic("on request");
  panic_at_depth(depth - 1, destroyed);
  (void)arch::opaque(depth);
}

Hoard::~Hoard() {
  while (first_ != nullptr) ::operator delete(std::exchange(first_, first_->next));
}

void Hoard::take(size_t size) {
  first_ = new (::operator new(size)) Piece{first_};
}

void Hoard::take_all() noexcept {
  for (size_t size = size_t{16} << 20; size >= sizeof(Piece); size /= 2) {
    while (void* memory = ::operator new(size, std::nothrow)) first_ = new (memory) Piece{first_};
  }
}

}  // namespace nacre::fault
