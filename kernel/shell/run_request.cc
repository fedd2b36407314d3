#include "nacre/kernel/shell/run_request.hh"

#include <charconv>

#include "nacre/base/core/format.hh"

namespace nacre::shell {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr uint32_t kMaxWeight = 10'000;
constexpr uint32_t kMaxPercent = 6400;  // of 64 processors

std::unexpected<Error> bad(std::string text) {
  return fail(ErrorCode::InvalidArgument, std::move(text));
}

Result<uint64_t> parse_size(std::string_view word) {
  unsigned shift = 0;
  std::string_view digits = word;
  if (!digits.empty()) {
    const size_t unit = std::string_view("KMG").find(digits.back());
    if (unit != std::string_view::npos) {
      shift = 10 * static_cast<unsigned>(unit + 1);
      digits.remove_suffix(1);
    }
  }
  const auto number = parse_number(digits);
  if (!number || *number > UINT64_MAX >> shift)
    return bad(format("'{}' is not a size (bytes, or with K, M or G)", word));
  return *number << shift;
}

Result<uint32_t> parse_in_range(std::string_view option, std::string_view word, uint32_t most) {
  const auto number = parse_number(word);
  if (!number || *number == 0 || *number > most)
    return bad(format("{} {}: 1 to {} is expected", option, word, most));
  return static_cast<uint32_t>(*number);
}

// Options that have a value; false if there is none of that name.
Result<bool> take_option(RunRequest& request, std::string_view option, const std::string& value) {
  if (option == "--env") {
    if (value.find('=') == std::string::npos || value.starts_with('='))
      return bad(format("--env {}: NAME=VALUE is expected", value));
    request.environment.push_back(value);
  } else if (option == "--dir") {
    const size_t colons = value.find("::");
    const std::string path = value.substr(0, colons);
    const std::string guest = colons == std::string::npos ? path : value.substr(colons + 2);
    if (path.empty() || guest.empty())
      return bad(format("--dir {}: PATH or PATH::GUEST is expected", value));
    request.directories.push_back({path, guest});
  } else if (option == "-W") {
    constexpr std::string_view kLimit = "max-memory-size=";
    if (!value.starts_with(kLimit))
      return bad(format("-W {}: max-memory-size=N is expected", value));
    TRY_ASSIGN(request.max_memory_bytes, parse_size(std::string_view(value).substr(kLimit.size())));
  } else if (option == "--memory") {
    TRY_ASSIGN(request.memory_bytes, parse_size(value));
  } else if (option == "--timeout") {
    TRY_ASSIGN(const uint32_t seconds, parse_in_range(option, value, 1'000'000));
    request.timeout_ns = seconds * kNanosecondsPerSecond;
  } else if (option == "--weight") {
    TRY_ASSIGN(request.weight, parse_in_range(option, value, kMaxWeight));
  } else if (option == "--cpu") {
    TRY_ASSIGN(request.cpu_percent, parse_in_range(option, value, kMaxPercent));
  } else {
    return false;
  }
  return true;
}

}  // namespace

Result<uint64_t> parse_number(std::string_view word) {
  const bool is_hex = word.starts_with("0x");
  const std::string_view digits = word.substr(is_hex ? 2 : 0);
  uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, is_hex ? 16 : 10);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return bad(format("'{}' is not a number", word));
  return number;
}

Result<RunRequest> parse_run_request(std::span<const std::string> words) {
  RunRequest request;
  if (!words.empty() && words.back() == "&") {
    request.background = true;
    words = words.first(words.size() - 1);
  }
  while (!words.empty() && words.front().starts_with('-')) {
    const std::string& option = words.front();
    words = words.subspan(1);
    if (option == "--") break;
    // --name=value is one word, --name value are two.
    const size_t equals = option.starts_with("--") ? option.find('=') : std::string::npos;
    const std::string name = option.substr(0, equals);
    std::string value;
    if (equals != std::string::npos) {
      value = option.substr(equals + 1);
    } else if (!words.empty()) {
      value = words.front();
      words = words.subspan(1);
    } else {
      return bad(format("{} needs a value (help run)", name));
    }
    TRY_ASSIGN(const bool known, take_option(request, name, value));
    if (!known) return bad(format("no option {} (help run)", name));
  }
  if (words.empty()) return bad("no program");
  request.arguments.assign(words.begin(), words.end());
  return request;
}

}  // namespace nacre::shell
