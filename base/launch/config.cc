#include "nacre/base/launch/config.hh"

#include <charconv>
#include <utility>

#include "nacre/base/core/format.hh"

namespace nacre::launch {
namespace {

// A whole decimal number and nothing else.
std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end || text.empty()) return std::nullopt;
  return value;
}

class Encoder {
 public:
  void add(std::string_view key, std::string_view value) {
    if (value.find('\0') != std::string_view::npos && !bad_key_) bad_key_ = key;
    out_ += key;
    out_ += '=';
    out_ += value;
    out_ += '\0';
  }

  Result<std::string> finish() {
    if (bad_key_) {
      return fail(ErrorCode::InvalidArgument,
                  format("a value of '{}' holds a NUL byte", *bad_key_));
    }
    return std::move(out_);
  }

 private:
  std::string out_;
  std::optional<std::string_view> bad_key_;
};

Result<void> decode_preopen(Config& config, std::string_view value, uint64_t offset) {
  const size_t colon = value.find(':');
  const auto index = parse_number(value.substr(0, colon == std::string_view::npos ? 0 : colon));
  if (!index || *index != config.preopens.size()) {
    return fail(
        ErrorCode::Malformed,
        format("preopen record '{}' where number {} was expected", value, config.preopens.size()),
        offset);
  }
  config.preopens.emplace_back(value.substr(colon + 1));
  return {};
}

Result<void> decode_limit(std::optional<uint64_t>& limit, std::string_view key,
                          std::string_view value, uint64_t offset) {
  limit = parse_number(value);
  if (!limit) {
    return fail(ErrorCode::Malformed, format("{}='{}' is not a number", key, value), offset);
  }
  return {};
}

Result<void> decode_record(Config& config, std::string_view record, uint64_t offset) {
  const size_t equals = record.find('=');
  if (equals == std::string_view::npos) {
    return fail(ErrorCode::Malformed, format("record '{}' has no '='", record), offset);
  }
  const std::string_view key = record.substr(0, equals);
  const std::string_view value = record.substr(equals + 1);
  if (key == "argv") {
    config.arguments.emplace_back(value);
  } else if (key == "env") {
    config.environment.emplace_back(value);
  } else if (key == "preopen") {
    return decode_preopen(config, value, offset);
  } else if (key == "invoke") {
    config.invoke = std::string(value);
  } else if (key == "max-memory-size") {
    return decode_limit(config.max_memory_bytes, key, value, offset);
  } else if (key == "timeout-ns") {
    return decode_limit(config.timeout_ns, key, value, offset);
  } else if (key == "mode") {
    config.mode = std::string(value);
  } else {
    return fail(ErrorCode::Malformed, format("unknown key '{}'", key), offset);
  }
  return {};
}

}  // namespace

Result<std::string> encode(const Config& config) {
  Encoder encoder;
  for (const std::string& argument : config.arguments) encoder.add("argv", argument);
  for (const std::string& variable : config.environment) encoder.add("env", variable);
  for (size_t i = 0; i < config.preopens.size(); ++i) {
    encoder.add("preopen", format("{}:{}", i, config.preopens[i]));
  }
  if (config.invoke) encoder.add("invoke", *config.invoke);
  if (config.max_memory_bytes) {
    encoder.add("max-memory-size", format("{}", *config.max_memory_bytes));
  }
  if (config.timeout_ns) encoder.add("timeout-ns", format("{}", *config.timeout_ns));
  if (!config.mode.empty()) encoder.add("mode", config.mode);
  return encoder.finish();
}

Result<Config> decode(std::string_view bytes) {
  Config config;
  uint64_t offset = 0;
  while (offset < bytes.size()) {
    const size_t end = bytes.find('\0', offset);
    if (end == std::string_view::npos) {
      return fail(ErrorCode::Malformed, "the last record is not ended", offset);
    }
    TRY(decode_record(config, bytes.substr(offset, end - offset), offset));
    offset = end + 1;
  }
  return config;
}

}  // namespace nacre::launch
