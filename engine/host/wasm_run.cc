// wasm-run: runs a WebAssembly module in this process, compiled by the engine. For testing and measuring code generation
// without a machine; `nacre run` is the real thing.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/core/format.hh"
#include "nacre/engine/host/guest_thread.hh"
#include "nacre/engine/host/posix_platform.hh"
#include "nacre/engine/runtime/linker.hh"
#include "nacre/engine/runtime/value_text.hh"

namespace nacre {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
constexpr int kExitTrap = 134;  // as if aborted by SIGABRT

constexpr std::string_view kUsage =
    "usage: wasm-run [options] file.wasm [arguments…]\n"
    "  --invoke NAME               call this export instead of _start and print its results\n"
    "  --mark, --mark-compile      enclose the call, or the compilation, in counter marks\n"
    "  -W max-memory-size=BYTES    limit of each linear memory\n";

struct Options {
  std::string file;
  std::vector<std::string_view> arguments;
  std::optional<std::string> invoke;
  bool mark = false;
  bool mark_compile = false;
  runtime::StoreLimits limits;
};

void print_error(std::string_view text) {
  std::fprintf(stderr, "Error: %.*s\n", static_cast<int>(text.size()), text.data());
}

Result<uint64_t> parse_size(std::string_view text) {
  const std::string digits(text);
  char* end = nullptr;
  const uint64_t value = std::strtoull(digits.c_str(), &end, 0);
  if (digits.empty() || *end != '\0')
    return fail(ErrorCode::InvalidArgument, format("`{}` is not a size", text));
  return value;
}

Result<void> apply_wasm_option(Options& options, std::string_view word) {
  constexpr std::string_view kMaxMemory = "max-memory-size=";
  if (!word.starts_with(kMaxMemory)) {
    return fail(ErrorCode::InvalidArgument, format("unknown option -W {}", word));
  }
  TRY_ASSIGN(options.limits.max_memory_bytes, parse_size(word.substr(kMaxMemory.size())));
  return {};
}

Result<Options> parse_options(std::span<char*> words) {
  Options options;
  size_t i = 0;
  const auto next = [&]() -> Result<std::string_view> {
    if (i + 1 >= words.size())
      return fail(ErrorCode::InvalidArgument, format("{} needs a value", words[i]));
    return std::string_view(words[++i]);
  };
  for (; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--invoke") {
      TRY_ASSIGN(const std::string_view name, next());
      options.invoke = std::string(name);
    } else if (word == "-W") {
      TRY_ASSIGN(const std::string_view option, next());
      TRY(apply_wasm_option(options, option));
    } else if (word == "--mark") {
      options.mark = true;
    } else if (word == "--mark-compile") {
      options.mark_compile = true;
    } else if (word.starts_with("-") && word.size() > 1) {
      return fail(ErrorCode::InvalidArgument, format("unknown option {}", word));
    } else {
      break;
    }
  }
  if (i == words.size()) return fail(ErrorCode::InvalidArgument, "no file given");
  options.file = words[i++];
  if (i < words.size() && std::string_view(words[i]) == "--") ++i;
  for (; i < words.size(); ++i) options.arguments.emplace_back(words[i]);
  return options;
}

Result<std::vector<uint8_t>> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::NotFound, format("cannot open {}", path));
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
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

// The start function, then the export that was asked for, then what it says.
Result<int> run(const Options& options) {
  TRY_ASSIGN(std::vector<uint8_t> bytes, read_file(options.file));
  host::PosixPlatform platform;
  runtime::TypeRegistry types;
  runtime::Store store(platform, types, options.limits);
  TRY_ASSIGN(const auto thread, host::GuestThread::create(store));

  if (options.mark_compile) host::mark_begin();
  auto compiled = runtime::CompiledProgram::compile(std::move(bytes), types);
  if (options.mark_compile) host::mark_end();
  if (!compiled) return std::unexpected(std::move(compiled).error());

  TRY_ASSIGN(const runtime::ModuleCode* code, store.load(*compiled));
  const runtime::Linker linker;
  TRY_ASSIGN(const runtime::Instantiation made, linker.instantiate(store, *code));
  const runtime::Instance& instance = *made.instance;
  if (made.trap != abi::TrapKind::None) {
    runtime::InvokeOutcome outcome;
    outcome.kind = runtime::InvokeOutcome::Kind::Trapped;
    outcome.trap.kind = made.trap;
    return report(outcome, {});
  }
  if (const auto start = instance.start_function()) {
    TRY_ASSIGN(const auto outcome, thread->invoke(*start, {}));
    if (outcome.kind != runtime::InvokeOutcome::Kind::Returned) return report(outcome, {});
  }
  const std::string name = options.invoke.value_or("_start");
  const auto function = instance.exported_function(name);
  if (!function) {
    if (!options.invoke) return 0;
    return fail(ErrorCode::NotFound, format("the module exports no function `{}`", name));
  }
  const wasm::FuncType& type = types.type(function->type_id);
  std::vector<uint64_t> values;
  if (options.invoke) {
    TRY_ASSIGN(values, runtime::parse_arguments(type, options.arguments));
  }
  const auto marking =
      options.mark ? host::GuestThread::Marking::Mark : host::GuestThread::Marking::None;
  TRY_ASSIGN(const auto outcome, thread->invoke(*function, values, marking));
  return report(outcome, type);
}

int main_of(std::span<char*> words) {
  const Result<Options> options = parse_options(words);
  if (!options) {
    print_error(options.error().to_string());
    std::fputs(kUsage.data(), stderr);
    return kExitUsage;
  }
  const Result<int> status = run(*options);
  if (status) return *status;
  print_error(status.error().to_string());
  return kExitFailure;
}

}  // namespace
}  // namespace nacre

int main(int argc, char** argv) {
  return nacre::main_of(std::span(argv + 1, static_cast<size_t>(argc - 1)));
}
