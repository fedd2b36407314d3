#include "jobs.hh"

#include <algorithm>
#include <new>

#include "nacre/base/cpio/cpio.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/trace/panic.hh"

namespace nacre::shell {
namespace {

constexpr uint64_t kQuotaPeriodNs = 100'000'000;

// "root0/bin/a.wasm" with root0 at "/x" → "/x/bin/a.wasm"; empty for what lies in no tree.
std::string guest_path(std::string_view name, std::span<const std::string> preopens) {
  for (size_t i = 0; i < preopens.size(); ++i) {
    const std::string prefix = format("root{}/", i);
    if (!name.starts_with(prefix)) continue;
    name.remove_prefix(prefix.size());
    const bool slash = preopens[i].ends_with('/');
    return preopens[i] + (slash ? "" : "/") + std::string(name);
  }
  return {};
}

// Relative paths count from the root.
std::string absolute(std::string_view path) {
  return path.starts_with('/') ? std::string(path) : "/" + std::string(path);
}

}  // namespace

template <class Visitor>
void Jobs::visit_files(Visitor&& visit) const {
  cpio::Reader reader(archive_);
  for (;;) {
    const auto entry = reader.next();
    if (!entry || !*entry) return;
    if ((*entry)->kind != cpio::EntryKind::File) continue;
    const std::string path = guest_path((*entry)->name, preopens_);
    if (!path.empty() && visit(path, **entry)) return;
  }
}

Result<std::span<const std::byte>> Jobs::read_file(std::string_view path) const {
  const std::string wanted = absolute(path);
  std::optional<std::span<const std::byte>> found;
  visit_files([&](const std::string& name, const cpio::Entry& entry) {
    if (name == wanted) found = entry.data;
    return found.has_value();
  });
  if (!found)
    return fail(ErrorCode::NotFound, format("no file {} (ls shows what there is)", wanted));
  return *found;
}

std::vector<std::string> Jobs::list(std::string_view path) const {
  std::vector<std::string> out;
  const std::string below = path.empty() ? "/" : absolute(path);
  visit_files([&](const std::string& name, const cpio::Entry&) {
    if (name.starts_with(below)) out.push_back(name);
    return false;
  });
  std::ranges::sort(out);
  return out;
}

Result<std::vector<std::string>> Jobs::preopens_for(
    std::span<const RunRequest::Directory> directories) const {
  if (directories.empty()) return preopens_;
  std::vector<std::string> chosen(preopens_.size());
  for (const RunRequest::Directory& directory : directories) {
    const auto found = std::ranges::find(preopens_, absolute(directory.path));
    if (found == preopens_.end()) {
      return fail(ErrorCode::NotFound,
                  format("no directory {} on this machine (nacre shell --dir brings them)",
                         directory.path));
    }
    chosen[static_cast<size_t>(found - preopens_.begin())] = directory.guest;
  }
  return chosen;
}

Result<Job*> Jobs::start(const RunRequest& request) {
  TRY_ASSIGN(const auto module, read_file(request.arguments.front()));
  TRY_ASSIGN(auto preopens, preopens_for(request.directories));
  using Place = TerminalStreams::Place;
  auto job =
      std::make_unique<Job>(terminal_, request.background ? Place::Background : Place::Foreground);
  job->id = next_id_++;
  job->started_ns = arch::now_ns();
  job->config.arguments = request.arguments;
  job->config.environment = request.environment;
  job->config.preopens = std::move(preopens);
  job->config.max_memory_bytes = request.max_memory_bytes;
  job->config.timeout_ns = request.timeout_ns;
  if (request.memory_bytes) job->memory = ByteSize(*request.memory_bytes);
  if (request.weight) job->cpu.weight = *request.weight;
  if (request.cpu_percent) {
    job->cpu.quota = {.budget_ns = kQuotaPeriodNs * *request.cpu_percent / 100,
                      .period_ns = kQuotaPeriodNs};
  }
  Job* const started = job.get();
  // Made before there is a job to be seen, since memory may be short: one without a life would never end.
  coro::Task<void> life = live(this, started, module);
  jobs_.push_back(std::move(job));
  // Its streams are the terminal's, which belongs to this CPU.
  started->scope.spawn(std::move(life), coro::Placement::Pinned);
  return started;
}

// The boundary at which a job's failures end.
coro::Task<void> Jobs::live(Jobs* jobs, Job* job, std::span<const std::byte> module) {
  const auto* const bytes = static_cast<const uint8_t*>(static_cast<const void*>(module.data()));
  const kwasm::ProgramSetup setup = {.archive = jobs->archive_,
                                     .module = {bytes, module.size()},
                                     .config = job->config,
                                     .streams = job->streams,
                                     .devices = jobs->devices_,
                                     .cpu = job->cpu,
                                     .memory = job->memory,
                                     .job = job->id};
  try {
    job->ending = co_await kwasm::run_program(setup);
  } catch (const std::bad_alloc&) {
    job->ending =
        fail(ErrorCode::OutOfMemory, "the machine has too little memory for this program");
  } catch (const trace::PanicException& panic) {
    job->ending =
        fail(ErrorCode::Cancelled, format("the kernel panicked: {}", panic.report.message()));
  }
  job->done.set();
}

Job* Jobs::find(uint32_t id) {
  const auto found = std::ranges::find(jobs_, id, [](const auto& job) { return job->id; });
  return found == jobs_.end() ? nullptr : found->get();
}

coro::Task<void> Jobs::remove(Job& job) {
  co_await job.scope.cancel();
  std::erase_if(jobs_, [&](const auto& other) { return other.get() == &job; });
}

std::string describe(const Result<kwasm::Ending>& ending) {
  if (!ending) return ending.error().to_string();
  switch (ending->kind) {
    case kwasm::Ending::Kind::Exited:
      return format("exit {}", ending->exit_code);
    case kwasm::Ending::Kind::Trapped:
    case kwasm::Ending::Kind::TimedOut:
      break;
  }
  return ending->report;
}

}  // namespace nacre::shell
