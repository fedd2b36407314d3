// Cuts the bytes of the control port into frames.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nacre/abi/control.hh"
#include "nacre/base/core/error.hh"

namespace nacre::launcher {

struct ControlFrame {
  abi::ControlType type;
  std::string payload;

  // ControlType::Exit: the low 8 bits of its code.
  [[nodiscard]] int exit_status() const;
};

class ControlDecoder {
 public:
  void feed(std::string_view bytes) { buffer_ += bytes; }
  // The next whole frame. Malformed if the kernel sent what the protocol does not have.
  [[nodiscard]] Result<std::optional<ControlFrame>> next();

 private:
  std::string buffer_;
};

}  // namespace nacre::launcher
