// Boot mode "mutants": each *.wasm of the archive is damaged in many ways (cut short, bits flipped), and whatever is left of it is
// compiled, instantiated and run in a domain of its own, for a few milliseconds. What matters is that the machine goes on, which
// the last line says; the others say how each module's mutants ended, and how many frames of memory are free.

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/core/format.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/base/cpio/cpio.hh"
#include "nacre/base/random/chacha_random.hh"
#include "nacre/engine/runtime/linker.hh"
#include "nacre/engine/runtime/program.hh"
#include "nacre/engine/wasi/binding/imports.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/wasm/boot_mode.hh"
#include "nacre/kernel/wasm/domain.hh"
#include "nacre/kernel/wasm/thread.hh"

namespace nacre::mutants {
namespace {

constexpr uint32_t kMutantsPerModule = 500;
constexpr uint64_t kRunLimitNs = 5'000'000;

enum class Ending : uint8_t {
  Rejected,         // not a module, or not valid
  NotInstantiated,  // valid, but could not be linked, or there was no memory
  Trapped,
  Finished,
  Interrupted,  // at the time limit
};
using Tally = std::array<uint32_t, 5>;

// A system in which nothing can be read or seen; only time passes.
class SilentSystem final : public wasi::System {
 public:
  [[nodiscard]] uint64_t now(wasi::Clock) override { return arch::now_ns(); }
  [[nodiscard]] uint64_t resolution(wasi::Clock) override { return 1; }
  void random(std::span<uint8_t> out) override { std::ranges::fill(out, uint8_t{4}); }
  [[nodiscard]] bool is_terminal(wasi::Stream) override { return false; }
  [[nodiscard]] coro::Task<wasi::Outcome<size_t>> read_stdin(std::span<uint8_t>) override {
    co_return size_t{0};
  }
  [[nodiscard]] coro::Task<wasi::Outcome<void>> write(wasi::Stream,
                                                      std::span<const uint8_t>) override {
    co_return wasi::Outcome<void>{};
  }
  [[nodiscard]] InputState stdin_state() override { return {.ready = true, .end = true}; }
  [[nodiscard]] coro::Task<void> sleep_until(uint64_t deadline_ns) override {
    co_await coro::sleep_until(deadline_ns);
  }
  [[nodiscard]] coro::Task<void> wait_for_stdin(uint64_t) override { co_return; }
  [[nodiscard]] coro::Task<void> yield() override { co_await coro::yield(); }
};

// The first mutants are cut short; the others have one to four flipped bits.
std::vector<uint8_t> mutate(std::span<const std::byte> module, uint32_t index,
                            random::ChaChaRandom& random) {
  std::vector<uint8_t> bytes(module.size());
  std::ranges::transform(module, bytes.begin(), [](std::byte b) { return uint8_t(b); });
  if (index < kMutantsPerModule / 8) {
    bytes.resize(random.next() % bytes.size());
    return bytes;
  }
  const uint64_t flips = 1 + random.next() % 4;
  for (uint64_t i = 0; i < flips; ++i) {
    const uint64_t where = random.next();
    bytes[(where >> 3) % bytes.size()] ^= uint8_t(1u << (where & 7));
  }
  return bytes;
}

coro::Task<void> invoke_into(kwasm::Thread& thread, runtime::Function function,
                             std::optional<Result<runtime::InvokeOutcome>>& outcome,
                             coro::Event& done) {
  outcome = co_await thread.invoke(function, {});
  done.set();
}

coro::Task<Ending> run_function(kwasm::Thread& thread, runtime::Function function) {
  std::optional<Result<runtime::InvokeOutcome>> outcome;
  coro::Event done;
  coro::Scope scope;
  scope.spawn(invoke_into(thread, function, outcome, done));
  if (!co_await done.wait_until(arch::now_ns() + kRunLimitNs)) {
    co_await scope.cancel();
    co_return Ending::Interrupted;
  }
  co_await scope.join();
  const bool trapped =
      outcome->has_value() && (*outcome)->kind == runtime::InvokeOutcome::Kind::Trapped;
  co_return trapped ? Ending::Trapped : Ending::Finished;
}

coro::Task<Ending> run_mutant(std::vector<uint8_t> bytes) {
  SilentSystem system;
  vfs::FixedBudget budget(1 << 20);
  vfs::FileSystem files(budget);
  wasi::Process process(system, files, {"mutant"}, {});
  const wasi::Imports imports(process);
  runtime::TypeRegistry types;
  const auto domain = kwasm::Domain::create(mm::machine(), types, {});
  if (!domain) co_return Ending::NotInstantiated;
  runtime::Store& store = (*domain)->store();
  auto program = runtime::CompiledProgram::compile(std::move(bytes), types);
  if (!program) co_return Ending::Rejected;
  runtime::Linker linker;
  linker.define_host_functions(store, imports.functions());
  const auto code = store.load(*program);
  if (!code) co_return Ending::NotInstantiated;
  const auto made = linker.instantiate(store, **code);
  if (!made || made->trap != abi::TrapKind::None) co_return Ending::NotInstantiated;

  kwasm::Thread thread(**domain);
  const auto start = made->instance->start_function();
  const auto main = made->instance->exported_function("_start");
  Ending ending = Ending::Finished;
  if (start) ending = co_await run_function(thread, *start);
  if (main && ending == Ending::Finished) ending = co_await run_function(thread, *main);
  co_return ending;
}

coro::Task<Tally> run_mutants_of(std::span<const std::byte> module) {
  Tally tally{};
  random::ChaChaRandom random(std::array<uint8_t, 4>{'m', 'u', 't', 'e'});
  for (uint32_t i = 0; i < kMutantsPerModule; ++i) {
    Ending ending = Ending::NotInstantiated;
    try {
      ending = co_await run_mutant(mutate(module, i, random));
    } catch (const std::bad_alloc&) {  // counts as not instantiated
    }
    ++tally[static_cast<size_t>(ending)];
  }
  co_return tally;
}

uint64_t free_frames() {
  const mm::FrameCounts counts = mm::frames().counts();
  // A slab that some size takes for the first time is not lost: only the objects in it are in use.
  uint64_t spare_bytes = 0;
  for (unsigned i = 0; i < mm::heap_detail::kClasses; ++i) {
    const mm::HeapClassStatistics size_class = mm::heap().class_statistics(i);
    spare_bytes += size_class.slab_bytes - size_class.objects * size_class.size;
  }
  return counts.free + counts.cached + spare_bytes / kPageSize;
}

coro::Task<Result<uint32_t>> run_mutants(kwasm::BootModeContext& context) {
  uint32_t mutants = 0;
  cpio::Reader reader(context.archive());
  for (;;) {
    const auto entry = reader.next();
    if (!entry) co_return std::unexpected(entry.error());
    if (!*entry) break;
    const std::string_view name = (*entry)->name;
    const bool is_module = (*entry)->kind == cpio::EntryKind::File && name.ends_with(".wasm");
    if (!is_module || !name.starts_with("root")) continue;
    const Tally tally = co_await run_mutants_of((*entry)->data);
    mutants += kMutantsPerModule;
    co_await context.print(format(
        "{}: {} rejected, {} not instantiated, {} trapped, {} finished, {} interrupted; {} frames "
        "free\n",
        name, tally[0], tally[1], tally[2], tally[3], tally[4], free_frames()));
  }
  co_await context.print(format("survived {} mutants\n", mutants));
  co_return 0u;
}

const kwasm::BootMode mutants_mode("mutants", &run_mutants);

}  // namespace
}  // namespace nacre::mutants
