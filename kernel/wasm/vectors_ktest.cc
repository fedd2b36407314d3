// Vector instructions in a domain: illegal unless it may use them, and then paid for by its budget and its thread's alone.
#include <array>
#include <cstdint>

#include "guest_ktest.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/trap/vectors.hh"

namespace nacre::kwasm {
namespace {

using Kind = runtime::InvokeOutcome::Kind;

// Puts `value` (below 2048) into vector register 8 and looks at it two million times.
std::array<uint32_t, 10> vector_code(uint32_t value) {
  return {
      0x00000e13 | value << 20,  //    li      t3, value
      0x0d8072d7,                //    vsetvli t0, zero, e64, m1, ta, ma
      0x5e0e4457,                //    vmv.v.x v8, t3
      0x002003b7,                //    lui     t2, 0x200
      0x42802357,                // 1: vmv.x.s t1, v8
      0x01c31863,                //    bne     t1, t3, 2f
      0xfff38393,                //    addi    t2, t2, -1
      0xfe039ae3,                //    bnez    t2, 1b
      0x00008067,                //    ret
      0xc0001073,                // 2: unimp
  };
}

DomainLimits limits_with(bool may_use_vectors) {
  DomainLimits limits;
  limits.stack = ByteSize::kib(64);
  limits.may_use_vectors = may_use_vectors;
  return limits;
}

NACRE_KERNEL_TASK_TEST(vectors, are_illegal_in_a_domain_without_permission) {
  GuestProgram program(kEmptyModule);
  const auto guest = Guest::create_within(limits_with(false), program);
  REQUIRE(guest != nullptr);
  guest->set_code(vector_code(1));
  const ByteSize before = guest->domain().budget().used();
  co_await guest->run(Kind::Trapped);
  EXPECT_EQ(guest->domain().budget().used().bytes(), before.bytes());
}

NACRE_KERNEL_TASK_TEST(vectors, of_a_domain_are_charged_to_its_budget) {
  if (!arch::cpu_features().v) SKIP("no vector instructions");
  GuestProgram program(kEmptyModule);
  const auto guest = Guest::create_within(limits_with(true), program);
  REQUIRE(guest != nullptr);
  guest->set_code(vector_code(1));
  const ByteSize before = guest->domain().budget().used();
  co_await guest->run();
  EXPECT_EQ(guest->domain().budget().used().bytes(), before.bytes() + trap::vector_area_bytes());
  // Once for the thread, however often it runs.
  co_await guest->run();
  EXPECT_EQ(guest->domain().budget().used().bytes(), before.bytes() + trap::vector_area_bytes());
}

NACRE_KERNEL_TASK_TEST(vectors, without_budget_are_illegal) {
  if (!arch::cpu_features().v) SKIP("no vector instructions");
  GuestProgram program(kEmptyModule);
  const auto guest = Guest::create_within(limits_with(true), program);
  REQUIRE(guest != nullptr);
  guest->set_code(vector_code(1));
  const mm::Budget& budget = guest->domain().budget();
  mm::Charge rest = guest->domain().new_charge();
  REQUIRE(rest.try_grow(budget.limit() - budget.used() - ByteSize(trap::vector_area_bytes() - 1)));
  co_await guest->run(Kind::Trapped);
  rest.shrink(ByteSize(1));
  co_await guest->run();
}

// Two on one CPU, which take turns in the middle of their loops; a third beside them may not.
NACRE_KERNEL_TASK_TEST(vectors, of_domains_that_take_turns_are_their_own) {
  if (!arch::cpu_features().v) SKIP("no vector instructions");
  GuestProgram program(kEmptyModule);
  const auto one = Guest::create_within(limits_with(true), program);
  const auto two = Guest::create_within(limits_with(true), program);
  const auto other = Guest::create_within(limits_with(false), program);
  REQUIRE(one != nullptr && two != nullptr && other != nullptr);
  one->set_code(vector_code(77));
  two->set_code(vector_code(1234));
  other->set_code(vector_code(5));
  coro::Scope scope;
  scope.spawn(one->run());
  scope.spawn(two->run());
  scope.spawn(other->run(Kind::Trapped));
  co_await scope.join();
}

}  // namespace
}  // namespace nacre::kwasm
