// For tests of what happens on the way from a panic to its boundary.
#pragma once

#include <cstddef>
#include <utility>

namespace nacre::fault {

struct CountsDestruction {
  unsigned& count;
  ~CountsDestruction() { ++count; }
};

// Panics with "on request" below `depth` more calls, each with a CountsDestruction: depth + 1 of them.
void panic_at_depth(unsigned depth, unsigned& destroyed);

// Memory that is held until this is gone; needs none beside it.
class Hoard {
 public:
  Hoard() = default;
  ~Hoard();
  Hoard(const Hoard&) = delete;
  Hoard& operator=(const Hoard&) = delete;

  // Throws std::bad_alloc. `size` has room for a pointer.
  void take(size_t size);
  // Until not even the smallest piece is left.
  void take_all() noexcept;

 private:
  struct Piece {
    Piece* next;
  };
  Piece* first_ = nullptr;
};

}  // namespace nacre::fault
