// Keeps all other CPUs between two strands for as long as it lives, so that what strands wait for and what they hold can be looked
// at. Short: they spin.
#pragma once

#include <optional>

#include "nacre/base/core/address.hh"

namespace nacre::shell {

class OthersStopped {
 public:
  OthersStopped();
  ~OthersStopped();
  OthersStopped(const OthersStopped&) = delete;
  OthersStopped& operator=(const OthersStopped&) = delete;

  // A CPU that did not come within a second: it does not look at its queues any more.
  [[nodiscard]] std::optional<CpuId> missing() const { return missing_; }

 private:
  std::optional<CpuId> missing_;
};

}  // namespace nacre::shell
