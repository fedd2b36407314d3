// What the kernel can do with a boot archive besides running its program: a mode that `config` names. The system has none; kernels
// that carry a test suite register theirs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "nacre/base/core/error.hh"
#include "nacre/base/coro/task.hh"

namespace nacre::kwasm {

// What a mode may use. Everything stays alive until its task ends.
class BootModeContext {
 public:
  explicit BootModeContext(std::span<const std::byte> archive) : archive_(archive) {}
  [[nodiscard]] std::span<const std::byte> archive() const { return archive_; }
  // Writes to the host's standard output.
  virtual coro::Task<void> print(std::string_view text) = 0;

 protected:
  ~BootModeContext() = default;

 private:
  std::span<const std::byte> archive_;
};

class BootMode {
 public:
  // The exit code of the run, 0 to 255.
  using Run = coro::Task<Result<uint32_t>> (*)(BootModeContext& context);

  // Registers itself: an object with static storage. `name` is what Config::mode says.
  BootMode(std::string_view name, Run run);
  [[nodiscard]] static const BootMode* find(std::string_view name);
  [[nodiscard]] Run run() const { return run_; }

 private:
  std::string_view name_;
  Run run_;
  const BootMode* next_;
};

}  // namespace nacre::kwasm
