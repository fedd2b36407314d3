// What a module takes of the kernel's heap its domain's budget pays, and one that takes more is refused.
#include <cstdint>
#include <utility>
#include <vector>

#include "guest_ktest.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/engine/runtime/program.hh"
#include "nacre/kernel/exec/fiber.hh"
#include "nacre/kernel/mm/heap_account.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/test.hh"
#include "work_for_domain.hh"

namespace nacre::kwasm {
namespace {

void append_leb(std::vector<uint8_t>& out, uint32_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<uint8_t>(value | 0x80));
  out.push_back(static_cast<uint8_t>(value));
}

std::vector<uint8_t> module_of(
    std::initializer_list<std::pair<uint8_t, std::vector<uint8_t>>> sections) {
  std::vector<uint8_t> module = {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00};
  for (const auto& [id, bytes] : sections) {
    module.push_back(id);
    append_leb(module, static_cast<uint32_t>(bytes.size()));
    module.insert(module.end(), bytes.begin(), bytes.end());
  }
  return module;
}

std::vector<uint8_t> repeat(uint32_t times, std::initializer_list<uint8_t> bytes) {
  std::vector<uint8_t> out;
  append_leb(out, times);
  for (uint32_t i = 0; i < times; ++i) out.insert(out.end(), bytes);
  return out;
}

constexpr std::initializer_list<uint8_t> kEmptyType = {0x60, 0, 0};

std::vector<uint8_t> module_with_types(uint32_t count) {
  return module_of({{1, repeat(count, kEmptyType)}});
}
std::vector<uint8_t> module_with_functions(uint32_t count) {
  return module_of(
      {{1, repeat(1, kEmptyType)}, {3, repeat(count, {0})}, {10, repeat(count, {2, 0, 0x0b})}});
}
std::vector<uint8_t> module_with_exports(uint32_t count) {
  std::vector<uint8_t> exports;
  append_leb(exports, count);
  for (uint32_t i = 0; i < count; ++i) {
    exports.push_back(6);
    for (int digit = 0; digit < 6; ++digit)
      exports.push_back(static_cast<uint8_t>('a' + (i >> 4 * digit) % 16));
    exports.insert(exports.end(), {0, 0});
  }
  return module_of({{1, repeat(1, kEmptyType)},
                    {3, repeat(1, {0})},
                    {7, exports},
                    {10, repeat(1, {2, 0, 0x0b})}});
}
// An element segment that names function 0 `count` times, for a table that has room.
std::vector<uint8_t> module_with_elements(uint32_t count) {
  std::vector<uint8_t> table = {1, 0x70, 0};
  append_leb(table, count);
  std::vector<uint8_t> elements = {1, 0, 0x41, 0, 0x0b};
  const std::vector<uint8_t> indices = repeat(count, {0});
  elements.insert(elements.end(), indices.begin(), indices.end());
  return module_of({{1, repeat(1, kEmptyType)},
                    {3, repeat(1, {0})},
                    {4, table},
                    {9, elements},
                    {10, repeat(1, {2, 0, 0x0b})}});
}

uint64_t large_bytes() {
  return mm::heap().statistics().large_bytes;
}

// A domain's beginning, from the module's bytes to the instance. Members are destroyed last to first.
struct Beginning {
  explicit Beginning(ByteSize limit, Ref<sched::CpuAccount> account =
                                         make_ref<sched::CpuAccount>(sched::CpuLimits{}))
      : budget(make_ref<mm::Budget>(limit)), memory(mm::heap(), budget), cpu(std::move(account)) {}

  coro::Task<Result<void>> load(const std::vector<uint8_t>& module) {
    Result<void> loaded;
    auto worked = co_await work_for(*cpu, &memory, [&] { loaded = load_here(module); });
    co_return worked ? std::move(loaded) : std::move(worked);
  }
  Result<void> load_here(const std::vector<uint8_t>& module) {
    runtime::CompileSettings settings;
    settings.pauses = exec::fiber_pauses();
    TRY_ASSIGN(auto program, runtime::CompiledProgram::compile_view(module, types, settings));
    DomainLimits limits;
    limits.stack = ByteSize::kib(64);
    DomainAccounts accounts = {.cpu = cpu, .memory = budget};
    TRY_ASSIGN(domain, Domain::create(mm::machine(), types, limits, std::move(accounts)));
    TRY_ASSIGN(const runtime::ModuleCode* code, domain->store().load(std::move(program)));
    TRY_ASSIGN(const auto made, runtime::Linker().instantiate(domain->store(), *code));
    (void)made;
    return {};
  }

  Ref<mm::Budget> budget;
  mm::HeapAccount memory;
  Ref<sched::CpuAccount> cpu;
  runtime::TypeRegistry types;
  std::unique_ptr<Domain> domain;
};

coro::Task<void> expect_refused(const std::vector<uint8_t>& module, ByteSize limit) {
  const uint64_t before = large_bytes();
  Ref<mm::Budget> budget;
  {
    Beginning beginning(limit);
    budget = beginning.budget;
    const auto loaded = co_await beginning.load(module);
    REQUIRE(!loaded.has_value());
    EXPECT(loaded.error().code() == ErrorCode::LimitExceeded);
    EXPECT(loaded.error().message().starts_with("memory budget used up: the module needs "));
    // All that the attempt held is free again, but for what nobody needs to unwind.
    EXPECT(beginning.memory.used() < ByteSize::kib(16));
  }
  EXPECT_EQ(budget->used().bytes(), 0u);
  EXPECT_EQ(large_bytes(), before);
}

NACRE_KERNEL_TASK_TEST(work_memory, a_module_beyond_the_budget_is_refused) {
  co_await expect_refused(module_with_types(60'000), ByteSize::mib(1));
  co_await expect_refused(module_with_functions(60'000), ByteSize::mib(2));
  co_await expect_refused(module_with_exports(20'000), ByteSize::kib(512));
  co_await expect_refused(module_with_elements(100'000), ByteSize::mib(1));
}

// With every budget from too little to enough: refused cleanly, or whole.
NACRE_KERNEL_TASK_TEST(work_memory, any_budget_ends_in_an_error_or_a_domain) {
  const std::vector<uint8_t> module = module_with_functions(300);
  const uint64_t before = large_bytes();
  unsigned refused = 0;
  unsigned made = 0;
  for (uint64_t limit = 0; limit < 512 << 10; limit += 3000) {
    Beginning beginning{ByteSize(limit)};
    const auto loaded = co_await beginning.load(module);
    EXPECT(loaded || loaded.error().code() == ErrorCode::LimitExceeded ||
           loaded.error().code() == ErrorCode::OutOfMemory);
    ++(loaded ? made : refused);
    EXPECT(beginning.budget->used().bytes() <= limit);
  }
  EXPECT_GT(refused, 20u);
  EXPECT_GT(made, 20u);
  EXPECT_EQ(large_bytes(), before);
}

// What stays of a module is charged as long as the domain lives, next to its pages.
NACRE_KERNEL_TASK_TEST(work_memory, what_stays_is_charged_until_the_end) {
  const std::vector<uint8_t> module = module_with_functions(20'000);
  const uint64_t before = large_bytes();
  Ref<mm::Budget> budget;
  {
    Beginning beginning(ByteSize::mib(64));
    budget = beginning.budget;
    const auto loaded = co_await beginning.load(module);
    REQUIRE(loaded.has_value());
    const uint64_t held = large_bytes() - before;
    EXPECT_GT(held, 500'000u);
    EXPECT(beginning.memory.used().bytes() >= held);
    EXPECT(beginning.memory.used().bytes() <= held + held / 4 + (64 << 10));
    // And the domain's own pages beside it.
    EXPECT(budget->used() > beginning.memory.used() + ByteSize::kib(64));
  }
  EXPECT_EQ(budget->used().bytes(), 0u);
  EXPECT_EQ(large_bytes(), before);
}

// The budget is one: what the module took its memory cannot have.
NACRE_KERNEL_TASK_TEST(work_memory, compiled_code_and_pages_share_the_budget) {
  const std::vector<uint8_t> module = module_with_functions(5'000);
  ByteSize needed;
  {
    Beginning beginning(ByteSize::mib(64));
    const auto loaded = co_await beginning.load(module);
    REQUIRE(loaded.has_value());
    needed = beginning.budget->used();
  }
  EXPECT(needed > ByteSize::kib(200));
  Beginning beginning(needed + ByteSize::mib(8));
  const auto loaded = co_await beginning.load(module);
  REQUIRE(loaded.has_value());
  const ByteSize left = beginning.budget->limit() - beginning.budget->used();
  EXPECT(left <= ByteSize::mib(8) + ByteSize::kib(64));
  EXPECT(beginning.domain->new_charge().try_grow(left));
  EXPECT(!beginning.domain->new_charge().try_grow(left + ByteSize(1)));
}

// Others compile and run as if nobody had asked for too much.
NACRE_KERNEL_TASK_TEST(work_memory, others_do_not_notice) {
  GuestProgram program(kEmptyModule);
  const auto other = Guest::create(program);
  REQUIRE(other != nullptr);
  const ByteSize before = other->domain().budget().used();
  const auto hostile = [](const bool* stop, unsigned* refused) -> coro::Task<void> {
    const std::vector<uint8_t> module = module_with_types(60'000);
    const auto account = make_ref<sched::CpuAccount>(sched::CpuLimits{});
    while (!*stop) {
      Beginning beginning(ByteSize::mib(1), account);
      const auto loaded = co_await beginning.load(module);
      EXPECT(!loaded.has_value());
      ++*refused;
    }
  };
  bool stop = false;
  unsigned refused = 0;
  unsigned runs = 0;
  coro::Scope scope;
  scope.spawn(hostile(&stop, &refused));
  while (refused < 3 || runs < 3) {
    co_await other->run();
    Beginning beside(ByteSize::mib(2));
    const auto loaded = co_await beside.load(module_with_functions(100));
    EXPECT(loaded.has_value());
    ++runs;
  }
  stop = true;
  co_await scope.join();
  EXPECT_EQ(other->domain().budget().used().bytes(), before.bytes());
}

}  // namespace
}  // namespace nacre::kwasm
