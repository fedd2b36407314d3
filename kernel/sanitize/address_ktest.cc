// That accesses are checked, and end in a panic that says what was wrong.
#include <memory>

#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre {
namespace {

[[gnu::noinline]] uint8_t load(const volatile uint8_t* address) {
  return *address;
}
[[gnu::noinline]] void store(volatile uint32_t* address) {
  *address = 1;
}

NACRE_KERNEL_TEST(sanitize, bad_accesses_are_panics) {
  auto bytes = std::make_unique<uint8_t[]>(100);
  EXPECT_EQ(load(bytes.get() + 99), 0);
  EXPECT_PANIC((void)load(bytes.get() + 100), "bad load of 1 bytes");
  const uint8_t* freed = bytes.get();
  bytes.reset();
  EXPECT_PANIC((void)load(freed), "bad load of 1 bytes");
}

NACRE_KERNEL_TEST(sanitize, freed_frames_are_not_touched) {
  const auto frame = mm::frames().allocate();
  REQUIRE(frame.has_value());
  auto* words = mm::frames().direct_map().pointer<uint32_t>(*frame);
  store(words);
  mm::frames().free(*frame);
  EXPECT_PANIC(store(words), "bad store of 4 bytes");
}

}  // namespace
}  // namespace nacre
