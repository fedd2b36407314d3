#include "options.hh"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>

#include "nacre/base/core/format.hh"

namespace nacre::launcher {
namespace {

constexpr uint32_t kMaxHarts = 8;  // what QEMU's virt machine and the kernel both take

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Splits "123.5ms" after the number.
std::pair<std::string_view, std::string_view> split_unit(std::string_view text) {
  const size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  return {text.substr(0, end), text.substr(end)};
}

Result<void> parse_wasm_option(Options& options, std::string_view item) {
  const size_t equals = std::min(item.find('='), item.size());
  const std::string_view key = item.substr(0, equals);
  const std::string_view value = item.substr(std::min(equals + 1, item.size()));
  if (key == "max-memory-size") {
    options.max_memory_bytes = parse_size(value);
    if (!options.max_memory_bytes) {
      return fail(ErrorCode::InvalidArgument,
                  format("-W max-memory-size: '{}' is not a size", value));
    }
  } else if (key == "timeout") {
    options.timeout_ns = parse_duration(value);
    if (!options.timeout_ns) {
      return fail(ErrorCode::InvalidArgument,
                  format("-W timeout: '{}' is not a duration (1s, 500ms, 2m)", value));
    }
  } else {
    return fail(ErrorCode::InvalidArgument,
                format("-W: unknown option '{}' (known: max-memory-size, timeout)", key));
  }
  return {};
}

Result<void> parse_wasm_options(Options& options, std::string_view list) {
  while (true) {
    const size_t comma = list.find(',');
    TRY(parse_wasm_option(options, list.substr(0, comma)));
    if (comma == std::string_view::npos) return {};
    list.remove_prefix(comma + 1);
  }
}

DirectoryMapping parse_directory(const std::string& text) {
  const size_t separator = text.find("::");
  if (separator == std::string::npos) return {text, text};
  return {text.substr(0, separator), text.substr(separator + 2)};
}

// What CLI11 fills in before we look at it.
struct Raw {
  std::vector<std::string> directories;
  std::vector<std::string> environment;
  std::vector<std::string> wasm_options;
  std::string memory;
};

void declare(CLI::App& app, Options& options, Raw& raw) {
  app.prefix_command();
  app.add_option("--dir", raw.directories, "Give the guest a directory: HOST or HOST::GUEST")
      ->type_name("DIR")
      ->allow_extra_args(false);
  app.add_option("--env", raw.environment, "Set a variable of the guest, or pass ours on")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false);
  app.add_option("--invoke", options.invoke, "Call this export; ARGS are its arguments")
      ->type_name("NAME");
  app.add_option("-W", raw.wasm_options, "max-memory-size=BYTES, timeout=DURATION (1s, 500ms)")
      ->type_name("KEY=VALUE,...")
      ->allow_extra_args(false);
  app.add_option("--smp", options.harts, "Harts of the machine, 1 to 8")->type_name("N");
  app.add_option("--memory", raw.memory, "Memory of the machine (default: by the program's size)")
      ->type_name("SIZE");
  app.add_option("--log", options.log, "Show the kernel's log, filtered, on standard error")
      ->type_name("FILTER");
  app.add_option("--argv0", options.argv0, "The guest's argv[0] (default: the file's name)")
      ->type_name("NAME");
  app.add_option("--kernel", options.kernel, "Boot this image instead of the built one")
      ->type_name("FILE");
  app.add_option("--archive", options.archive,
                 "Write the boot archive to this file and do not boot")
      ->type_name("FILE");
  app.add_option("--mode", options.mode, "")->group("");
  app.add_option("--qemu", options.qemu_arguments, "Hand one more argument to the emulator")
      ->type_name("ARG")
      ->allow_extra_args(false);
}

Result<void> interpret(Options& options, const Raw& raw,
                       std::optional<std::string> (*inherited)(const std::string&)) {
  for (const std::string& directory : raw.directories) {
    options.directories.push_back(parse_directory(directory));
    const DirectoryMapping& mapping = options.directories.back();
    if (mapping.host.empty() || mapping.guest.empty()) {
      return fail(ErrorCode::InvalidArgument, format("--dir: '{}' has an empty path", directory));
    }
  }
  for (const std::string& variable : raw.environment) {
    if (variable.find('=') != std::string::npos) {
      options.environment.push_back(variable);
    } else if (const auto value = inherited(variable)) {
      options.environment.push_back(variable + "=" + *value);
    } else {
      return fail(ErrorCode::InvalidArgument,
                  format("--env: '{}' is not set in the environment", variable));
    }
  }
  for (const std::string& list : raw.wasm_options) TRY(parse_wasm_options(options, list));
  if (!raw.memory.empty()) {
    options.machine_memory_bytes = parse_size(raw.memory);
    if (!options.machine_memory_bytes) {
      return fail(ErrorCode::InvalidArgument, format("--memory: '{}' is not a size", raw.memory));
    }
  }
  if (options.harts < 1 || options.harts > kMaxHarts) {
    return fail(ErrorCode::InvalidArgument,
                format("--smp: {} harts, must be 1 to {}", options.harts, kMaxHarts));
  }
  const bool has_machine = options.harts != 1 || options.machine_memory_bytes || options.log ||
                           !options.kernel.empty() || !options.qemu_arguments.empty();
  if (!options.archive.empty() && has_machine) {
    return fail(ErrorCode::InvalidArgument,
                "--smp, --memory, --log, --kernel and --qemu are about a machine; none is booted");
  }
  const bool log_is_word = !options.log || std::all_of(options.log->begin(), options.log->end(),
                                                       [](char c) { return c > ' ' && c < 127; });
  if (!log_is_word) return fail(ErrorCode::InvalidArgument, "--log: the filter must be one word");
  return {};
}

}  // namespace

std::optional<uint64_t> parse_size(std::string_view text) {
  const auto [digits, unit] = split_unit(text);
  uint64_t value = 0;
  const auto [stopped, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || stopped != digits.data() + digits.size()) {
    return std::nullopt;
  }
  const std::string name = lowered(unit);
  static constexpr std::string_view kUnits = "kmgt";
  uint64_t shift = 0;
  if (!name.empty() && name != "b") {
    const size_t index = kUnits.find(name[0]);
    const std::string_view rest = std::string_view(name).substr(1);
    if (index == std::string_view::npos || (rest != "" && rest != "b" && rest != "ib")) {
      return std::nullopt;
    }
    shift = 10 * (index + 1);
  }
  if (value > UINT64_MAX >> shift) return std::nullopt;
  return value << shift;
}

std::optional<uint64_t> parse_duration(std::string_view text) {
  const auto [digits, unit] = split_unit(text);
  double value = 0;
  const auto [stopped, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || stopped != digits.data() + digits.size()) {
    return std::nullopt;
  }
  double scale = 0;
  if (unit == "ns") scale = 1;
  if (unit == "us") scale = 1e3;
  if (unit == "ms") scale = 1e6;
  if (unit == "s" || unit.empty()) scale = 1e9;
  if (unit == "m" || unit == "min") scale = 60e9;
  if (unit == "h") scale = 3600e9;
  const double ns = std::round(value * scale);
  // 2^63 ns is 292 years; the kernel's deadlines are 64 bits wide.
  if (scale == 0 || ns > 9.2e18) return std::nullopt;
  return static_cast<uint64_t>(ns);
}

Result<Options> parse_options(std::span<const std::string> arguments,
                              std::optional<std::string> (*inherited)(const std::string&)) {
  Options options;
  Raw raw;
  CLI::App app("Runs a WebAssembly program on a machine of its own.", "nacre run");
  app.footer("Then FILE.wasm and the guest's arguments.");
  declare(app, options, raw);
  // CLI11 takes the arguments from the back.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    options.help = app.help();
    return options;
  } catch (const CLI::ParseError& error) {
    return fail(ErrorCode::InvalidArgument, error.what());
  }
  std::vector<std::string> rest = app.remaining();
  if (rest.empty() && options.mode.empty()) {
    return fail(ErrorCode::InvalidArgument, "no program: nacre run [options] FILE.wasm [args...]");
  }
  if (!rest.empty()) {
    if (rest[0].size() > 1 && rest[0][0] == '-' && rest[0] != "--") {
      return fail(ErrorCode::InvalidArgument, format("unknown option '{}'", rest[0]));
    }
    options.program = rest[0];
    const bool dashes = rest.size() > 1 && rest[1] == "--";
    options.arguments.assign(rest.begin() + (dashes ? 2 : 1), rest.end());
  }
  TRY(interpret(options, raw, inherited));
  return options;
}

}  // namespace nacre::launcher
