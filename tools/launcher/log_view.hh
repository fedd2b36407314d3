// The machine's log: shown line by line on request, and its end kept for when the machine fails.
#pragma once

#include <string>
#include <string_view>

namespace nacre::launcher {

class LogView {
 public:
  // `shown` receives the log as it comes, without what the firmware prints before the kernel.
  void feed(std::string_view bytes);
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
