// That the checks are there, and end in a panic that names them.
#include <array>
#include <limits>

#include "nacre/kernel/testing/test.hh"

namespace nacre {
namespace {

// Out of the optimiser's sight.
template <class T>
[[gnu::noinline]] T same(T value) {
  volatile T hidden = value;
  return hidden;
}

[[gnu::noinline]] int add(int a, int b) {
  return a + b;
}
[[gnu::noinline]] int shift(int value, int count) {
  return value << count;
}
[[gnu::noinline]] int element(int index) {
  static constexpr int kValues[4] = {1, 2, 3, 4};
  return kValues[index];
}

NACRE_KERNEL_TEST(sanitize, undefined_behaviour_is_a_panic) {
  EXPECT_PANIC((void)add(std::numeric_limits<int>::max(), same(1)), "signed addition overflows");
  EXPECT_PANIC((void)shift(1, same(40)), "shift by too much");
  EXPECT_PANIC((void)element(same(4)), "array index out of bounds");
}

}  // namespace
}  // namespace nacre
