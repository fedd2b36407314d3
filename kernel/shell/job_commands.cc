// Programs: run, ps, kill, and the files that they come from.
#include "commands.hh"
#include "nacre/kernel/arch/clock.hh"

namespace nacre::shell {
namespace {

constexpr size_t kManyWords = 64;

// Sets `event` when ^C is typed.
coro::Task<void> watch_keyboard(Terminal* terminal, bool* interrupted, coro::Event* event) {
  co_await terminal->wait_for_interrupt_key();
  *interrupted = true;
  event->set();
}

coro::Task<Result<void>> run(Shell& shell, Words words) {
  std::vector<std::string> arguments(words.begin() + 1, words.end());
  const bool background = arguments.back() == "&";
  if (background) arguments.pop_back();
  if (arguments.empty()) co_return fail(ErrorCode::InvalidArgument, "no program");
  using Place = TerminalStreams::Place;
  auto started = shell.jobs.start(arguments, background ? Place::Background : Place::Foreground);
  if (!started) co_return std::unexpected(std::move(started).error());
  Job& job = **started;
  if (background) {
    shell.print("[{}] {}\n", job.id, job.config.arguments.front());
    co_return {};
  }
  bool interrupted = false;
  {
    coro::Scope watch;
    watch.spawn(watch_keyboard(&shell.terminal, &interrupted, &job.done), coro::Placement::Pinned);
    co_await job.done.wait();
    co_await watch.cancel();
  }
  const std::string ending = job.ending ? describe(*job.ending) : "stopped by ^C";
  const bool good = job.ending && *job.ending &&
                    (*job.ending)->kind == kwasm::Ending::Kind::Exited &&
                    (*job.ending)->exit_code == 0;
  co_await shell.jobs.remove(job);
  if (!good) shell.print("{}\n", ending);
  co_return {};
}

coro::Task<Result<void>> ps(Shell& shell, Words) {
  shell.print("  id  state    seconds  program\n");
  std::vector<Job*> ended;
  for (const auto& job : shell.jobs.all()) {
    const uint64_t ms = (arch::now_ns() - job->started_ns) / 1'000'000;
    std::string line;
    for (const std::string& word : job->config.arguments) line += " " + word;
    shell.print("{:>4}  {:<7} {:>5}.{:03} {}", job->id, job->ending ? "ended" : "running",
                ms / 1000, ms % 1000, line);
    shell.print("{}{}\n", job->ending ? ": " : "", job->ending ? describe(*job->ending) : "");
    if (job->ending) ended.push_back(job.get());
  }
  // Shown once.
  for (Job* job : ended) co_await shell.jobs.remove(*job);
  co_return {};
}

coro::Task<Result<void>> kill(Shell& shell, Words words) {
  const auto id = parse_number(words[1]);
  if (!id) co_return std::unexpected(id.error());
  Job* const job = *id > UINT32_MAX ? nullptr : shell.jobs.find(static_cast<uint32_t>(*id));
  if (job == nullptr)
    co_return fail(ErrorCode::NotFound, format("no program {} (ps lists them)", *id));
  co_await shell.jobs.remove(*job);
  co_return {};
}

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
    {"run", "PROGRAM [ARGUMENTS...] [&]",
     "run a WebAssembly program; ^C stops it, & leaves it in the background", 1, kManyWords, run},
    {"ps", "", "the programs that were started and are not forgotten yet", 0, 0, ps},
    {"kill", "ID", "stop a program", 1, 1, kill},
    {"ls", "[PREFIX]", "files that came with the machine (--dir)", 0, 1, ls},
    {"cat", "FILE", "print a file", 1, 1, cat},
};

}  // namespace

std::span<const Command> job_commands() {
  return kCommands;
}

}  // namespace nacre::shell
