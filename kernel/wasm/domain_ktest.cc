#include "nacre/kernel/wasm/domain.hh"

#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::kwasm {
namespace {

std::unique_ptr<Domain> make_domain(runtime::TypeRegistry& types) {
  DomainLimits limits;
  limits.memory = ByteSize::mib(16);
  auto domain = Domain::create(mm::machine(), types, limits);
  REQUIRE(domain.has_value());
  return std::move(*domain);
}

NACRE_KERNEL_TEST(domain, gives_its_memory_back) {
  runtime::TypeRegistry types;
  const auto used = [] {
    const mm::HeapStatistics heap = mm::heap().statistics();
    return mm::frames().counts().used() - ByteSize(heap.slab_bytes + heap.large_bytes).pages_up();
  };
  // The first one makes what all share.
  make_domain(types);
  const uint64_t before = used();
  for (int i = 0; i < 50; ++i) make_domain(types);
  EXPECT_EQ(used(), before);
}

NACRE_KERNEL_BENCHMARK(domain_create_destroy) {
  runtime::TypeRegistry types;
  benchmark.measure(20, [&] { make_domain(types); });
}

}  // namespace
}  // namespace nacre::kwasm
