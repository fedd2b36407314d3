#include "nacre/tests/spec/command_file.hh"

#include <algorithm>

#include "nacre/base/core/format.hh"

namespace nacre::spec {
namespace {

constexpr std::string_view kMagic = "nacrespc";
constexpr uint32_t kVersion = 1;

// After a failure everything reads as zero.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : rest_(bytes) {}

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] size_t remaining() const { return rest_.size(); }

  std::span<const uint8_t> bytes(size_t count) {
    if (count > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const auto result = rest_.first(count);
    rest_ = rest_.subspan(count);
    return result;
  }
  uint64_t fixed(size_t size) {
    uint64_t value = 0;
    unsigned shift = 0;
    for (const uint8_t byte : bytes(size)) {
      value |= uint64_t{byte} << shift;
      shift += 8;
    }
    return value;
  }
  uint8_t u8() { return static_cast<uint8_t>(fixed(1)); }
  uint32_t u32() { return static_cast<uint32_t>(fixed(4)); }
  std::span<const uint8_t> blob() { return bytes(u32()); }
  std::string_view text() {
    const auto content = blob();
    return {static_cast<const char*>(static_cast<const void*>(content.data())), content.size()};
  }
  // A count of entries that take at least a byte each.
  size_t count() {
    const uint32_t number = u32();
    if (number > rest_.size()) failed_ = true;
    return failed_ ? 0 : number;
  }

 private:
  std::span<const uint8_t> rest_;
  bool failed_ = false;
};

std::vector<Value> read_values(Reader& reader) {
  std::vector<Value> values(reader.count());
  for (Value& value : values) {
    value.type = static_cast<wasm::ValType>(reader.u8());
    value.match = static_cast<Value::Match>(reader.u8());
    value.bits = reader.fixed(8);
  }
  return values;
}

Action read_action(Reader& reader) {
  Action action;
  action.kind = static_cast<Action::Kind>(reader.u8());
  action.instance = reader.text();
  action.field = reader.text();
  action.arguments = read_values(reader);
  return action;
}

Command read_command(Reader& reader) {
  Command command;
  command.kind = static_cast<CommandKind>(reader.u8());
  command.line = reader.u32();
  switch (command.kind) {
    case CommandKind::Skip:
      command.text = reader.text();
      break;
    case CommandKind::Module:
    case CommandKind::Definition:
      command.name = reader.text();
      command.module = reader.blob();
      break;
    case CommandKind::Instance:
      command.name = reader.text();
      command.definition = reader.text();
      break;
    case CommandKind::Register:
      command.as = reader.text();
      command.name = reader.text();
      break;
    case CommandKind::Action:
      command.action = read_action(reader);
      break;
    case CommandKind::Return:
      command.action = read_action(reader);
      command.expected = read_values(reader);
      break;
    case CommandKind::Trap:
    case CommandKind::Exhaustion:
      command.action = read_action(reader);
      command.text = reader.text();
      break;
    case CommandKind::ModuleTrap:
    case CommandKind::Unlinkable:
    case CommandKind::Invalid:
    case CommandKind::Malformed:
      command.module = reader.blob();
      command.text = reader.text();
      break;
  }
  return command;
}

}  // namespace

Result<CommandFile> parse_command_file(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  if (!std::ranges::equal(reader.bytes(kMagic.size()), kMagic)) {
    return fail(ErrorCode::Malformed, "not a command file");
  }
  if (const uint32_t version = reader.u32(); version != kVersion) {
    return fail(ErrorCode::Malformed,
                format("command file of version {}, expected {}", version, kVersion));
  }
  CommandFile file;
  file.name = reader.text();
  file.commands.resize(reader.count());
  for (Command& command : file.commands) {
    command = read_command(reader);
    if (reader.failed() || command.kind > CommandKind::Malformed) {
      return fail(ErrorCode::Malformed, format("broken command in {}", file.name));
    }
  }
  if (reader.failed()) return fail(ErrorCode::Malformed, "command file ends early");
  if (reader.remaining() != 0) return fail(ErrorCode::Malformed, "bytes behind the last command");
  return file;
}

}  // namespace nacre::spec
