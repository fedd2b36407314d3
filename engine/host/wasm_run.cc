// wasm-run: runs a WebAssembly module in this process, compiled by the engine. For testing and measuring code generation
// without a machine; `nacre run` is the real thing.

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/core/format.hh"
#include "nacre/engine/host/guest_thread.hh"
#include "nacre/engine/host/posix_platform.hh"
#include "nacre/engine/runtime/linker.hh"
#include "nacre/engine/runtime/value_text.hh"
#include "nacre/engine/wasi/binding/imports.hh"
#include "posix_wasi_system.hh"

namespace nacre {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
constexpr int kExitTrap = 134;  // as if aborted by SIGABRT

constexpr std::string_view kUsage =
    "usage: wasm-run [options] file.wasm [arguments…]\n"
    "  --dir HOST::GUEST           a copy of this directory, under that name\n"
    "  --env NAME[=VALUE]          set a variable of the guest, or pass ours on\n"
    "  --argv0 NAME                the guest's argv[0]; else the file's name\n"
    "  --invoke NAME               call this export and print its results\n"
    "  -W max-memory-size=BYTES    limit of each linear memory\n"
    "  -W timeout=DURATION         stop the guest after that much time (1s, 500ms)\n"
    "  --mark, --mark-compile      enclose the call, or the compilation, in counter marks\n"
    "  --stats                     say on standard error how much machine code was made\n"
    "  --compile-only              do not run it\n";

struct Options {
  std::string file;
  std::vector<std::string_view> arguments;
  std::optional<std::string> invoke;
  std::optional<std::string> argv0;
  bool mark = false;
  bool mark_compile = false;
  bool stats = false;
  bool compile_only = false;
  uint64_t timeout_ms = 0;  // none
  runtime::StoreLimits limits;
  host::WasiOptions wasi;
};

void print_error(std::string_view text) {
  std::fprintf(stderr, "Error: %.*s\n", static_cast<int>(text.size()), text.data());
}

// ---- Options ----------------------------------------------------------------------------------------------------

// Digits, and then one of the units; its factor counts.
struct Unit {
  std::string_view name;
  uint64_t factor;
};

Result<uint64_t> parse_quantity(std::string_view text, std::span<const Unit> units) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view rest = text.substr(static_cast<size_t>(end - text.data()));
  for (const Unit& unit : units) {
    uint64_t product = 0;
    if (error != std::errc() || rest != unit.name) continue;
    if (!__builtin_mul_overflow(value, unit.factor, &product)) return product;
  }
  return fail(ErrorCode::InvalidArgument, format("`{}` is not a quantity", text));
}

constexpr Unit kSizes[] = {{"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}};
constexpr Unit kDurations[] = {{"", 1000}, {"s", 1000}, {"ms", 1}};

// KEY=VALUE,…
Result<void> apply_wasm_options(Options& options, std::string_view list) {
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    const size_t separator = std::min(item.find('='), item.size());
    const std::string_view key = item.substr(0, separator);
    const std::string_view value = item.substr(std::min(item.size(), separator + 1));
    if (key == "max-memory-size") {
      TRY_ASSIGN(options.limits.max_memory_bytes, parse_quantity(value, kSizes));
    } else if (key == "timeout") {
      TRY_ASSIGN(options.timeout_ms, parse_quantity(value, kDurations));
    } else {
      return fail(ErrorCode::InvalidArgument, format("unknown option -W {}", item));
    }
  }
  return {};
}

void add_directory(Options& options, std::string_view word) {
  const size_t separator = word.find("::");
  const std::string host(word.substr(0, separator));
  const std::string guest(separator == std::string_view::npos ? word : word.substr(separator + 2));
  options.wasi.directories.push_back({.host = host, .guest = guest});
}

Result<void> add_variable(Options& options, std::string_view word) {
  std::string variable(word);
  if (word.find('=') == std::string_view::npos) {
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr)
      return fail(ErrorCode::InvalidArgument, format("--env: {} is not set", word));
    variable += std::string("=") + value;
  }
  options.wasi.environment.push_back(std::move(variable));
  return {};
}

// An option that takes a value. False if there is no such option.
Result<bool> apply_option(Options& options, std::string_view name, std::string_view value) {
  if (name == "--invoke") {
    options.invoke = std::string(value);
  } else if (name == "--argv0") {
    options.argv0 = std::string(value);
  } else if (name == "--dir") {
    add_directory(options, value);
  } else if (name == "--env") {
    TRY(add_variable(options, value));
  } else if (name == "-W") {
    TRY(apply_wasm_options(options, value));
  } else {
    return false;
  }
  return true;
}

// Options without a value. Returns whether it is one.
bool apply_flag(Options& options, std::string_view word) {
  if (word == "--mark") {
    options.mark = true;
  } else if (word == "--mark-compile") {
    options.mark_compile = true;
  } else if (word == "--stats") {
    options.stats = true;
  } else if (word == "--compile-only") {
    options.compile_only = true;
  } else {
    return false;
  }
  return true;
}

Result<Options> parse_options(std::span<char*> words) {
  Options options;
  size_t i = 0;
  for (; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!word.starts_with("-") || word.size() == 1) break;
    if (apply_flag(options, word)) continue;
    // --name=value and --name value.
    const size_t equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
    const std::string_view name = word.substr(0, equals);
    if (equals == std::string_view::npos && i + 1 == words.size()) {
      return fail(ErrorCode::InvalidArgument, format("{} needs a value", word));
    }
    const std::string_view value =
        equals == std::string_view::npos ? words[++i] : word.substr(equals + 1);
    TRY_ASSIGN(const bool is_known, apply_option(options, name, value));
    if (!is_known) return fail(ErrorCode::InvalidArgument, format("unknown option {}", name));
  }
  if (i == words.size()) return fail(ErrorCode::InvalidArgument, "no file given");
  options.file = words[i++];
  if (i < words.size() && std::string_view(words[i]) == "--") ++i;
  for (; i < words.size(); ++i) options.arguments.emplace_back(words[i]);
  options.wasi.arguments.push_back(
      options.argv0.value_or(options.file.substr(options.file.find_last_of('/') + 1)));
  for (const std::string_view argument : options.arguments)
    options.wasi.arguments.emplace_back(argument);
  return options;
}

// ---- Running ----------------------------------------------------------------------------------------------------

Result<std::vector<uint8_t>> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fail(ErrorCode::NotFound, format("cannot open {}", path));
  std::vector<char> text(static_cast<size_t>(file.tellg()));
  file.seekg(0);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file) return fail(ErrorCode::Io, format("cannot read {}", path));
  return std::vector<uint8_t>(text.begin(), text.end());
}

int report(const runtime::InvokeOutcome& outcome, const wasm::FuncType& type) {
  switch (outcome.kind) {
    case runtime::InvokeOutcome::Kind::Returned:
      for (size_t i = 0; i < outcome.results.size(); ++i) {
        std::puts(runtime::value_to_string(type.results[i], outcome.results[i]).c_str());
      }
      return 0;
    case runtime::InvokeOutcome::Kind::Trapped:
      std::fflush(stdout);
      std::fputs(("Error: " + format_trap(outcome.trap)).c_str(), stderr);
      return kExitTrap;
    case runtime::InvokeOutcome::Kind::Exited:
      return static_cast<int>(outcome.exit_code);
  }
  return kExitFailure;
}

void print_stats(const masm::CompiledModule& code) {
  std::fprintf(stderr, "machine code: %zu bytes, %zu functions, %zu trap sites\n", code.code.size(),
               code.functions.size(), code.trap_sites.size());
}

// Everything that lives as long as the guest.
class Session {
 public:
  explicit Session(Options options)
      : options_(std::move(options)), store_(platform_, types_, options_.limits) {}

  Result<int> run() {
    TRY_ASSIGN(std::vector<uint8_t> bytes, read_file(options_.file));
    TRY_ASSIGN(thread_, host::GuestThread::create(store_));
    TRY_ASSIGN(const auto program, compile(std::move(bytes)));
    if (options_.stats) print_stats(program->code());
    if (options_.compile_only) return 0;
    TRY(link_wasi());
    TRY_ASSIGN(const runtime::ModuleCode* code,
               store_.load(program, runtime::module_name_of_file(options_.file)));
    TRY_ASSIGN(const runtime::Instantiation made, linker_.instantiate(store_, *code));
    if (made.trap != abi::TrapKind::None) {
      InvokeOutcome outcome;
      outcome.kind = InvokeOutcome::Kind::Trapped;
      outcome.trap.kind = made.trap;
      return report(outcome, {});
    }
    if (options_.timeout_ms != 0) host::interrupt_after(options_.timeout_ms);
    return run_instance(*made.instance);
  }

 private:
  using InvokeOutcome = runtime::InvokeOutcome;

  Result<std::shared_ptr<const runtime::CompiledProgram>> compile(std::vector<uint8_t> bytes) {
    if (options_.mark_compile) host::mark_begin();
    auto program = runtime::CompiledProgram::compile(std::move(bytes), types_);
    if (options_.mark_compile) host::mark_end();
    return program;
  }

  Result<void> link_wasi() {
    TRY_ASSIGN(wasi_, host::PosixWasi::create(options_.wasi));
    imports_ = std::make_unique<wasi::Imports>(wasi_->process());
    linker_.define_host_functions(store_, imports_->functions());
    return {};
  }

  // The start function, then the export that was asked for.
  Result<int> run_instance(const runtime::Instance& instance) {
    if (const auto start = instance.start_function()) {
      TRY_ASSIGN(const InvokeOutcome outcome, thread_->invoke(*start, {}));
      if (outcome.kind != InvokeOutcome::Kind::Returned) return report(outcome, {});
    }
    const std::string name = options_.invoke.value_or("_start");
    // A command has _start; a reactor has _initialize, which comes before any other of its functions.
    const auto initialize = instance.exported_function("_initialize");
    if (initialize && name != "_start") {
      TRY_ASSIGN(const InvokeOutcome outcome, thread_->invoke(*initialize, {}));
      if (outcome.kind != InvokeOutcome::Kind::Returned) return report(outcome, {});
    }
    const auto function = instance.exported_function(name);
    if (!function) {
      if (!options_.invoke) return 0;
      return fail(ErrorCode::NotFound, format("the module exports no function `{}`", name));
    }
    const wasm::FuncType& type = types_.type(function->type_id);
    std::vector<uint64_t> values;
    if (options_.invoke) {
      TRY_ASSIGN(values, runtime::parse_arguments(type, options_.arguments));
    }
    const auto marking =
        options_.mark ? host::GuestThread::Marking::Mark : host::GuestThread::Marking::None;
    TRY_ASSIGN(const InvokeOutcome outcome, thread_->invoke(*function, values, marking));
    return report(outcome, type);
  }

  Options options_;
  std::unique_ptr<host::PosixWasi> wasi_;
  std::unique_ptr<wasi::Imports> imports_;
  host::PosixPlatform platform_;
  runtime::TypeRegistry types_;
  runtime::Store store_;
  runtime::Linker linker_;
  std::unique_ptr<host::GuestThread> thread_;
};

int main_of(std::span<char*> words) {
  Result<Options> options = parse_options(words);
  if (!options) {
    print_error(options.error().to_string());
    std::fputs(kUsage.data(), stderr);
    return kExitUsage;
  }
  const Result<int> status = Session(std::move(*options)).run();
  if (status) return *status;
  print_error(status.error().to_string());
  return kExitFailure;
}

}  // namespace
}  // namespace nacre

int main(int argc, char** argv) {
  return nacre::main_of(std::span(argv + 1, static_cast<size_t>(argc - 1)));
}
