// Programs: run, ps, top, jobs, wait, kill, and the files that they come from.
#include <algorithm>
#include <utility>

#include "commands.hh"
#include "nacre/base/coro/scheduler.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "processes.hh"

namespace nacre::shell {
namespace {

constexpr size_t kManyWords = 64;

std::string command_line(const Job& job) {
  std::string line;
  for (const std::string& word : job.config.arguments) line += (line.empty() ? "" : " ") + word;
  return line;
}

// Sets `event` when ^C is typed.
coro::Task<void> watch_keyboard(Terminal* terminal, bool* interrupted, coro::Event* event) {
  co_await terminal->wait_for_interrupt_key();
  *interrupted = true;
  event->set();
}

// Until the job has ended; false if ^C was typed first.
coro::Task<bool> wait_for(Shell& shell, Job& job) {
  bool interrupted = false;
  coro::Scope watch;
  watch.spawn(watch_keyboard(&shell.terminal, &interrupted, &job.done), coro::Placement::Pinned);
  co_await job.done.wait();
  co_await watch.cancel();
  if (interrupted && !job.ending) job.done.reset();
  co_return job.ending.has_value();
}

coro::Task<Result<void>> run(Shell& shell, Words words) {
  const auto request = parse_run_request(words.subspan(1));
  if (!request) co_return std::unexpected(request.error());
  auto started = shell.jobs.start(*request);
  if (!started) co_return std::unexpected(std::move(started).error());
  Job& job = **started;
  if (request->background) {
    shell.print("[{}] {}\n", job.id, job.config.arguments.front());
    co_return {};
  }
  const bool ended = co_await wait_for(shell, job);
  const std::string ending = ended ? describe(*job.ending) : "stopped by ^C";
  const bool good = ended && *job.ending && (*job.ending)->kind == kwasm::Ending::Kind::Exited &&
                    (*job.ending)->exit_code == 0;
  co_await shell.jobs.remove(job);
  if (!good) shell.print("{}\n", ending);
  co_return {};
}

coro::Task<Result<void>> ps(Shell& shell, Words) {
  const std::vector<DomainRow> rows = list_domains();
  shell.print(" job domain{}  program\n", accounts_heading());
  for (const DomainRow& row : rows) {
    shell.print("{:>4} {:>6} {}  {}\n", row.job, row.id,
                accounts_text(row, row.used_ns, row.age_ns), row.name);
    for (size_t i = 0; i < row.threads.size(); ++i)
      shell.print("            thread {}: {}\n", i, row.threads[i]);
  }
  co_return {};
}

coro::Task<Result<void>> jobs(Shell& shell, Words) {
  std::vector<Job*> ended;
  for (const auto& job : shell.jobs.all()) {
    shell.print("[{}] {:<7} {:>9} s  {}", job->id, job->ending ? "ended" : "running",
                seconds_text(arch::now_ns() - job->started_ns), command_line(*job));
    shell.print("{}{}\n", job->ending ? ": " : "", job->ending ? describe(*job->ending) : "");
    if (job->ending) ended.push_back(job.get());
  }
  // Shown once.
  for (Job* job : ended) co_await shell.jobs.remove(*job);
  co_return {};
}

Result<Job*> find_job(Shell& shell, std::string_view word) {
  TRY_ASSIGN(const uint64_t id, parse_number(word));
  Job* const job = id > UINT32_MAX ? nullptr : shell.jobs.find(static_cast<uint32_t>(id));
  if (job == nullptr) return fail(ErrorCode::NotFound, format("no job {} (jobs lists them)", id));
  return job;
}

coro::Task<Result<void>> wait(Shell& shell, Words words) {
  std::vector<uint32_t> ids;
  if (words.size() > 1) {
    const auto job = find_job(shell, words[1]);
    if (!job) co_return std::unexpected(job.error());
    ids.push_back((*job)->id);
  } else {
    for (const auto& job : shell.jobs.all()) ids.push_back(job->id);
  }
  for (const uint32_t id : ids) {
    Job* const job = shell.jobs.find(id);
    if (!co_await wait_for(shell, *job)) co_return fail(ErrorCode::Cancelled, "stopped by ^C");
    shell.print("[{}] {}: {}\n", id, command_line(*job), describe(*job->ending));
    co_await shell.jobs.remove(*job);
  }
  co_return {};
}

coro::Task<Result<void>> kill(Shell& shell, Words words) {
  const auto job = find_job(shell, words[1]);
  if (!job) co_return std::unexpected(job.error());
  co_await shell.jobs.remove(**job);
  co_return {};
}

// ---- top ----

// What an interval is measured against.
struct Sample {
  uint64_t at_ns = 0;
  std::vector<DomainRow> domains;
  std::vector<exec::Executor::Statistics> cpus;
};

Sample take_sample() {
  Sample sample{.at_ns = arch::now_ns(), .domains = list_domains(), .cpus = {}};
  const exec::Group& group = exec::executors();
  sample.cpus.resize(group.size());
  for (uint32_t cpu = 0; cpu < sample.cpus.size(); ++cpu) {
    if (const exec::Executor* executor = group.find(CpuId{cpu}))
      sample.cpus[cpu] = executor->statistics();
  }
  return sample;
}

void show_interval(const Shell& shell, const Sample& before, const Sample& now) {
  const uint64_t interval_ns = now.at_ns - before.at_ns;
  shell.print("up {} s, {} domains, the last {} s:\n", seconds_text(now.at_ns), now.domains.size(),
              seconds_text(interval_ns));
  shell.print(" cpu    resumed     remote     stolen      waits\n");
  for (size_t cpu = 0; cpu < std::min(before.cpus.size(), now.cpus.size()); ++cpu) {
    const exec::Executor::Statistics& old = before.cpus[cpu];
    const exec::Executor::Statistics& current = now.cpus[cpu];
    shell.print("{:>4} {:>10} {:>10} {:>10} {:>10}\n", cpu, current.resumed - old.resumed,
                current.remote - old.remote, current.stolen - old.stolen,
                current.waits - old.waits);
  }
  std::vector<std::pair<uint64_t, const DomainRow*>> used;
  for (const DomainRow& row : now.domains) {
    const auto old = std::ranges::find(before.domains, row.id, &DomainRow::id);
    used.emplace_back(row.used_ns - (old == before.domains.end() ? 0 : old->used_ns), &row);
  }
  std::ranges::sort(used, std::ranges::greater(), [](const auto& entry) { return entry.first; });
  shell.print(" job domain{}  program\n", accounts_heading());
  for (const auto& [ns, row] : used)
    shell.print("{:>4} {:>6} {}  {}\n", row->job, row->id, accounts_text(*row, ns, interval_ns),
                row->name);
}

coro::Task<Result<void>> top(Shell& shell, Words words) {
  uint64_t seconds = 1;
  if (words.size() > 1) {
    const auto number = parse_number(words[1]);
    if (!number) co_return std::unexpected(number.error());
    if (*number == 0 || *number > 3600)
      co_return fail(ErrorCode::InvalidArgument, format("top {}: 1 to 3600 seconds", *number));
    seconds = *number;
  }
  Sample before = take_sample();
  while (!co_await shell.terminal.wait_for_key(arch::now_ns() + seconds * 1'000'000'000)) {
    Sample now = take_sample();
    shell.print("\x1b[H\x1b[2J");
    show_interval(shell, before, now);
    shell.print("any key ends this\n");
    before = std::move(now);
  }
  (void)co_await shell.terminal.read_key();
  co_return {};
}

// ---- Files ----

coro::Task<Result<void>> ls(Shell& shell, Words words) {
  for (const std::string& path : shell.jobs.list(words.size() > 1 ? words[1] : ""))
    shell.print("{}\n", path);
  co_return {};
}

coro::Task<Result<void>> cat(Shell& shell, Words words) {
  const auto bytes = shell.jobs.read_file(words[1]);
  if (!bytes) co_return std::unexpected(bytes.error());
  shell.terminal.write(
      {static_cast<const char*>(static_cast<const void*>(bytes->data())), bytes->size()});
  co_return {};
}

constexpr Command kCommands[] = {
    {"run", "[OPTIONS] PROGRAM [ARGUMENTS...] [&]",
     "run a WebAssembly program; ^C stops it, & leaves it in the background.\n"
     "    --env NAME=VALUE, --dir PATH[::GUEST], -W max-memory-size=N, --timeout SECONDS,\n"
     "    --weight N (100: as others), --cpu PERCENT (of one processor), --memory N (all that it "
     "costs)",
     1, kManyWords, run},
    {"ps", "", "the domains: processor time, quota, memory, threads", 0, 0, ps},
    {"top", "[SECONDS]", "the same and the CPUs, again and again until a key", 0, 1, top},
    {"jobs", "", "the programs that were started; those that have ended are then forgotten", 0, 0,
     jobs},
    {"wait", "[JOB]", "until it has ended, or all have", 0, 1, wait},
    {"kill", "JOB", "stop a program", 1, 1, kill},
    {"ls", "[PREFIX]", "files that came with the machine (--dir)", 0, 1, ls},
    {"cat", "FILE", "print a file", 1, 1, cat},
};

}  // namespace

std::span<const Command> job_commands() {
  return kCommands;
}

}  // namespace nacre::shell
