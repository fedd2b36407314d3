#include "processes.hh"

#include <algorithm>

#include "nacre/base/core/format.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/wasm/domain_list.hh"

namespace nacre::shell {
namespace {

std::string describe(const kwasm::Thread& thread) {
  if (const auto call = thread.current()) return format("in {}", call->detail);
  switch (thread.state()) {
    case kwasm::Thread::State::Idle:
      return "idle";
    case kwasm::Thread::State::Queued:
      return "waiting for a CPU";
    case kwasm::Thread::State::Running:
      return format("running on CPU {}", thread.cpu().value);
  }
  return "?";
}

DomainRow describe(kwasm::Domain& domain) {
  const sched::CpuAccount& account = domain.cpu_account();
  DomainRow row{.id = domain.id(),
                .job = domain.label().job,
                .name = domain.label().name,
                .age_ns = arch::now_ns() - domain.created_ns(),
                .used_ns = account.used_ns(),
                .limits = account.limits(),
                .throttled = account.throttled(),
                .memory_bytes = domain.budget().used().bytes(),
                .memory_limit_bytes = domain.budget().limit().bytes(),
                .threads = {}};
  kwasm::DomainList::visit_threads(
      domain, [&](const kwasm::Thread& thread) { row.threads.push_back(describe(thread)); });
  return row;
}

std::string quota_text(const sched::CpuLimits& limits) {
  if (!limits.quota) return "-";
  return format("{}%", limits.quota->budget_ns * 100 / limits.quota->period_ns);
}

}  // namespace

std::vector<DomainRow> list_domains() {
  std::vector<DomainRow> rows;
  kwasm::DomainList::visit([&](kwasm::Domain& domain) { rows.push_back(describe(domain)); });
  return rows;
}

std::string size_text(uint64_t bytes) {
  uint64_t tenths = bytes * 10 / 1024;
  for (const char unit : {'K', 'M', 'G'}) {
    if (tenths < 100) return format("{}.{}{}", tenths / 10, tenths % 10, unit);
    if (tenths < 10240) return format("{}{}", tenths / 10, unit);
    tenths /= 1024;
  }
  return format("{}T", tenths / 10);
}

std::string seconds_text(uint64_t ns) {
  const uint64_t ms = ns / 1'000'000;
  return format("{}.{:03}", ms / 1000, ms % 1000);
}

std::string accounts_heading() {
  return "    cpu s  share weight quota throttled memory limit";
}

std::string accounts_text(const DomainRow& row, uint64_t share_ns, uint64_t interval_ns) {
  const uint64_t permille = interval_ns == 0 ? 0 : share_ns * 1000 / interval_ns;
  return format("{:>9} {:>3}.{}% {:>6} {:>5} {:>9} {:>6} {:>5}", seconds_text(row.used_ns),
                permille / 10, permille % 10, row.limits.weight, quota_text(row.limits),
                row.throttled, size_text(row.memory_bytes), size_text(row.memory_limit_bytes));
}

}  // namespace nacre::shell
