// The machine's log: shown on request, and its end kept for when the machine fails. What the firmware prints counts only as
// long as the kernel has not begun.
#pragma once

#include <string>
#include <string_view>

namespace nacre::launcher {

class LogView {
 public:
  void feed(std::string_view bytes);
  // What came since the last call, without the firmware's.
  [[nodiscard]] std::string take_shown();

  // The last lines, for a failure report.
  [[nodiscard]] std::string tail() const;

 private:
  static constexpr size_t kKeptBytes = 16 * 1024;
  static constexpr size_t kTailLines = 60;

  std::string kept_;
  std::string shown_;
  std::string firmware_line_;  // the line being read while the firmware still prints
  bool firmware_done_ = false;
};

}  // namespace nacre::launcher
