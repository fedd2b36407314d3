#include "nacre/kernel/wasm/program.hh"

#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "nacre/base/core/format.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/engine/runtime/linker.hh"
#include "nacre/engine/runtime/program.hh"
#include "nacre/engine/runtime/value_text.hh"
#include "nacre/engine/wasi/binding/imports.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/exec/fiber.hh"
#include "nacre/kernel/mm/heap_account.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/span.hh"
#include "nacre/kernel/wasm/domain.hh"
#include "nacre/kernel/wasm/thread.hh"
#include "program_files.hh"
#include "wasi_system.hh"
#include "work_for_domain.hh"

namespace nacre::kwasm {
namespace {

constinit trace::Logger log_program("program");

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

// What the kernel keeps for itself when a program may have the rest of the machine.
constexpr ByteSize kKernelReserve = ByteSize::mib(16);
// A guest may fill its file system up to this share of the free memory.
constexpr uint64_t kFileSystemShare = 4;

// Tells the host how far the compilation is, once a second, so that nobody takes a big module for a hang.
class ProgressReport {
 public:
  ProgressReport(ProgramStreams& streams, uint64_t total_bytes)
      : streams_(streams),
        total_bytes_(total_bytes),
        next_ns_(arch::now_ns() + kNanosecondsPerSecond) {}

  void operator()(uint64_t done_bytes) {
    if (arch::now_ns() < next_ns_) [[likely]]
      return;
    next_ns_ += kNanosecondsPerSecond;
    const uint64_t percent = total_bytes_ == 0 ? 0 : done_bytes * 100 / total_bytes_;
    streams_.show_progress(format("compiling: {} % of {} KiB", percent, total_bytes_ >> 10));
  }

 private:
  ProgramStreams& streams_;
  uint64_t total_bytes_;
  uint64_t next_ns_;
};

Result<std::shared_ptr<const runtime::CompiledProgram>> compile(std::span<const uint8_t> bytes,
                                                                runtime::TypeRegistry& types,
                                                                ProgramStreams& streams) {
  const trace::Span span("compile");
  const arch::CpuFeatures& features = arch::cpu_features();
  const uint64_t begin_ns = arch::now_ns();
  ProgressReport progress(streams, bytes.size());
  runtime::CompileSettings settings;
  settings.has_zba = features.zba;
  settings.has_zbb = features.zbb;
  settings.has_zbs = features.zbs;
  settings.on_progress = [&progress](uint64_t done_bytes) { progress(done_bytes); };
  settings.pauses = exec::fiber_pauses();
  TRY_ASSIGN(auto program, runtime::CompiledProgram::compile_view(bytes, types, settings));
  log_program.info("compiled {} bytes to {} in {} us", bytes.size(), program->code().code.size(),
                   (arch::now_ns() - begin_ns) / 1000);
  return program;
}

// What spans call a program.
std::string_view name_of(const ProgramSetup& setup) {
  const auto& arguments = setup.config.arguments;
  return arguments.empty() ? std::string_view() : std::string_view(arguments.front());
}

ByteSize free_memory() {
  const mm::FrameCounts counts = mm::frames().counts();
  const ByteSize free = ByteSize::pages(counts.free + counts.cached);
  return free > kKernelReserve ? free - kKernelReserve : ByteSize(0);
}

struct SetAtEnd {
  coro::Event& event;
  ~SetAtEnd() { event.set(); }
};

// Everything a running program holds. Members are destroyed last to first: the domain before what its host functions point to.
class Session {
 public:
  explicit Session(const ProgramSetup& setup)
      : setup_(setup),
        system_(setup.streams, setup.devices),
        file_budget_(free_memory().bytes() / kFileSystemShare),
        files_(file_budget_),
        process_(system_, files_, setup.config.arguments, setup.config.environment),
        imports_(process_) {}

  // Everything up to the first instruction of the guest, in the guest's own time.
  [[nodiscard]] coro::Task<Result<void>> prepare();
  // The guest's life, stopped when its time is over.
  [[nodiscard]] coro::Task<Result<Ending>> run();

 private:
  [[nodiscard]] coro::Task<Result<Ending>> run_guest();
  // A strand of its own: what it does is part of the program's span, too.
  [[nodiscard]] coro::Task<void> run_guest_into(std::optional<Result<Ending>>& ending,
                                                coro::Event& done) {
    // Also by a panic, which the scope hands to the one who joins it.
    const SetAtEnd setting{done};
    const trace::Span span("program", name_of(setup_));
    try {
      ending = co_await run_guest();
    } catch (const std::bad_alloc&) {
      ending = fail(ErrorCode::OutOfMemory, "out of memory");
    }
  }
  [[nodiscard]] Result<void> load();
  [[nodiscard]] coro::Task<Result<Ending>> finish(runtime::InvokeOutcome outcome,
                                                  const wasm::FuncType& type);
  [[nodiscard]] Result<std::vector<uint64_t>> call_arguments(const wasm::FuncType& type) const;

  const ProgramSetup& setup_;
  KernelWasiSystem system_;
  vfs::FixedBudget file_budget_;
  vfs::FileSystem files_;
  wasi::Process process_;
  wasi::Imports imports_;
  // Before all that it pays for.
  std::optional<mm::HeapAccount> heap_account_;
  runtime::TypeRegistry types_;
  runtime::Linker linker_;
  Ref<mm::Budget> memory_;
  Ref<sched::CpuAccount> cpu_account_ = make_ref<sched::CpuAccount>(setup_.cpu);
  std::unique_ptr<Domain> domain_;
  runtime::Instantiation made_;
  std::unique_ptr<Thread> thread_;
};

coro::Task<Result<void>> Session::prepare() {
  if (auto mounted = mount_archive(setup_.archive, setup_.config, process_); !mounted) {
    co_return std::unexpected(std::move(mounted).error());
  }
  memory_ = make_ref<mm::Budget>(setup_.memory.value_or(free_memory()));
  heap_account_.emplace(mm::heap(), memory_);
  Result<void> loaded;
  auto worked = co_await work_for(*cpu_account_, &*heap_account_, [&] { loaded = load(); });
  co_return worked ? std::move(loaded) : std::move(worked);
}

// On a strand of its own.
Result<void> Session::load() {
  const trace::Span program_span("program", name_of(setup_));
  TRY_ASSIGN(auto program, compile(setup_.module, types_, setup_.streams));

  const trace::Span span("link");
  DomainLimits limits;
  if (setup_.config.max_memory_bytes)
    limits.store.max_memory_bytes = *setup_.config.max_memory_bytes;
  DomainAccounts accounts = {.cpu = cpu_account_, .memory = memory_};
  TRY_ASSIGN(domain_, Domain::create(mm::machine(), types_, limits, std::move(accounts),
                                     {.name = std::string(name_of(setup_)), .job = setup_.job}));

  runtime::Store& store = domain_->store();
  linker_.define_host_functions(store, imports_.functions());
  TRY_ASSIGN(const runtime::ModuleCode* code,
             store.load(std::move(program), runtime::module_name_of_file(name_of(setup_))));
  const trace::Span instantiating("instantiate");
  TRY_ASSIGN(made_, linker_.instantiate(store, *code));
  return {};
}

Result<std::vector<uint64_t>> Session::call_arguments(const wasm::FuncType& type) const {
  if (!setup_.config.invoke) return std::vector<uint64_t>();
  std::vector<std::string_view> words;
  for (size_t i = 1; i < setup_.config.arguments.size(); ++i) {
    words.emplace_back(setup_.config.arguments[i]);
  }
  return runtime::parse_arguments(type, words);
}

coro::Task<Result<Ending>> Session::run() {
  const auto timeout_ns = setup_.config.timeout_ns;
  const uint64_t now_ns = arch::now_ns();
  const uint64_t deadline_ns =
      timeout_ns && *timeout_ns < coro::kNever - now_ns ? now_ns + *timeout_ns : coro::kNever;

  std::optional<Result<Ending>> ending;
  coro::Event done;
  coro::Scope scope;
  coro::Task<void> guest = run_guest_into(ending, done);
  // Without a frame it would never set the event.
  if (guest.done()) co_return fail(ErrorCode::OutOfMemory, "out of memory");
  scope.spawn(std::move(guest));
  if (!co_await done.wait_until(deadline_ns)) {
    Ending stopped{.kind = Ending::Kind::TimedOut, .exit_code = 0, .report = {}};
    if (thread_) stopped.report = runtime::format_trap(thread_->interruption());
    co_await scope.cancel();
    co_return stopped;
  }
  co_await scope.join();
  co_return std::move(*ending);
}

coro::Task<Result<Ending>> Session::run_guest() {
  const runtime::Instance& instance = *made_.instance;
  if (made_.trap != abi::TrapKind::None) {
    runtime::InvokeOutcome outcome;
    outcome.kind = runtime::InvokeOutcome::Kind::Trapped;
    outcome.trap.kind = made_.trap;
    co_return co_await finish(std::move(outcome), {});
  }

  thread_ = std::make_unique<Thread>(*domain_);
  if (const auto start = instance.start_function()) {
    const trace::Span span("invoke", "start", thread_.get());
    auto outcome = co_await thread_->invoke(*start, {});
    if (!outcome) co_return std::unexpected(std::move(outcome).error());
    if (outcome->kind != runtime::InvokeOutcome::Kind::Returned) {
      co_return co_await finish(std::move(*outcome), {});
    }
  }

  // A command has _start; a reactor has _initialize, which comes before any other of its functions.
  std::vector<std::string_view> calls;
  if (!setup_.config.invoke && instance.exported_function("_start")) {
    calls.emplace_back("_start");
  } else {
    if (instance.exported_function("_initialize")) calls.emplace_back("_initialize");
    if (setup_.config.invoke) calls.emplace_back(*setup_.config.invoke);
  }
  for (const std::string_view name : calls) {
    const auto function = instance.exported_function(name);
    if (!function) {
      co_return fail(ErrorCode::NotFound, format("the module exports no function `{}`", name));
    }
    const wasm::FuncType& type = types_.type(function->type_id);
    const bool is_last = name == calls.back();
    std::vector<uint64_t> arguments;
    if (is_last) {
      auto parsed = call_arguments(type);
      if (!parsed) co_return std::unexpected(std::move(parsed).error());
      arguments = std::move(*parsed);
    }
    const trace::Span span("invoke", name, thread_.get());
    auto outcome = co_await thread_->invoke(*function, arguments);
    if (!outcome) co_return std::unexpected(std::move(outcome).error());
    if (is_last || outcome->kind != runtime::InvokeOutcome::Kind::Returned) {
      co_return co_await finish(std::move(*outcome), type);
    }
  }
  co_return Ending{};
}

coro::Task<Result<Ending>> Session::finish(runtime::InvokeOutcome outcome,
                                           const wasm::FuncType& type) {
  using Kind = runtime::InvokeOutcome::Kind;
  switch (outcome.kind) {
    case Kind::Returned:
      for (size_t i = 0; i < outcome.results.size(); ++i) {
        const std::string line =
            runtime::value_to_string(type.results[i], outcome.results[i]) + "\n";
        co_await setup_.streams.write(wasi::Stream::Out, std::as_bytes(std::span(line)));
      }
      co_return Ending{};
    case Kind::Exited:
      co_return Ending{.kind = Ending::Kind::Exited, .exit_code = outcome.exit_code, .report = {}};
    case Kind::Trapped:
      break;
  }
  co_return Ending{
      .kind = Ending::Kind::Trapped, .exit_code = 0, .report = runtime::format_trap(outcome.trap)};
}

}  // namespace

coro::Task<Result<Ending>> run_program(const ProgramSetup& setup) {
  const trace::Span span("program", name_of(setup));
  Session session(setup);
  if (auto prepared = co_await session.prepare(); !prepared) {
    co_return std::unexpected(std::move(prepared).error());
  }
  co_return co_await session.run();
}

}  // namespace nacre::kwasm
