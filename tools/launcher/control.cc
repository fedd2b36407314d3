#include "control.hh"

#include <bit>
#include <cstring>

#include "nacre/base/core/format.hh"

namespace nacre::launcher {

static_assert(std::endian::native == std::endian::little, "frames are copied as they are");

int ControlFrame::exit_status() const {
  abi::ControlExit exit{};
  std::memcpy(&exit, payload.data(), sizeof(exit));
  return static_cast<int>(exit.code & 0xff);
}

Result<std::optional<ControlFrame>> ControlDecoder::next() {
  abi::ControlHeader header{};
  if (buffer_.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, buffer_.data(), sizeof(header));
  const bool known =
      header.type >= abi::ControlType::Exit && header.type <= abi::ControlType::Timeout;
  if (!known || header.length > abi::kMaxControlPayload) {
    return fail(ErrorCode::Malformed,
                format("control frame of type {} with {} bytes", header.type, header.length));
  }
  if (header.type == abi::ControlType::Exit && header.length != sizeof(abi::ControlExit)) {
    return fail(ErrorCode::Malformed, format("exit frame with {} bytes", header.length));
  }
  if (buffer_.size() - sizeof(header) < header.length) return std::nullopt;
  ControlFrame frame{header.type, buffer_.substr(sizeof(header), header.length)};
  buffer_.erase(0, sizeof(header) + header.length);
  return frame;
}

}  // namespace nacre::launcher
