// What the domains are at, as a table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/kernel/sched/cpu_scheduler.hh"

namespace nacre::shell {

struct DomainRow {
  uint64_t id = 0;
  uint32_t job = 0;
  std::string name;
  uint64_t age_ns = 0;
  uint64_t used_ns = 0;  // of the processors
  sched::CpuLimits limits;
  uint64_t throttled = 0;
  uint64_t memory_bytes = 0;
  uint64_t memory_limit_bytes = 0;
  std::vector<std::string> threads;  // "running on CPU 1", "in fd_read", …
};

// As they are at this moment, oldest first.
[[nodiscard]] std::vector<DomainRow> list_domains();

// "812K", "1.2M", "489M": at most five characters.
[[nodiscard]] std::string size_text(uint64_t bytes);
// "12.345": seconds.
[[nodiscard]] std::string seconds_text(uint64_t ns);
// What a row says of a domain's processor time and memory. `share_ns` of `interval_ns` is what it used in some time.
[[nodiscard]] std::string accounts_heading();
[[nodiscard]] std::string accounts_text(const DomainRow& row, uint64_t share_ns,
                                        uint64_t interval_ns);

}  // namespace nacre::shell
