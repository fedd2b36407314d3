#include "commands.hh"

#include <exception>
#include <new>

#include "nacre/kernel/shell/words.hh"
#include "nacre/kernel/trace/panic.hh"
#include "nacre/kernel/trace/span.hh"

namespace nacre::shell {
namespace {

coro::Task<Result<void>> run_words(Shell& shell, Words words) {
  const Command* command = find_command(words.front());
  if (command == nullptr) {
    co_return fail(ErrorCode::NotFound,
                   format("{}: no such command (help lists them)", words.front()));
  }
  if (words.size() - 1 < command->least_words || words.size() - 1 > command->most_words) {
    co_return fail(ErrorCode::InvalidArgument,
                   format("usage: {} {}", command->name, command->usage));
  }
  const trace::Span span("command", command->name);
  co_return co_await command->run(shell, words);
}

}  // namespace

const Command* find_command(std::string_view name) {
  const Command* found = nullptr;
  visit_commands([&](const Command& command) {
    if (command.name == name) found = &command;
  });
  return found;
}

// The shell's boundary.
coro::Task<void> run_line(Shell& shell, std::string line) {
  std::string problem;
  try {
    const auto words = split_words(line);
    if (!words) {
      problem = words.error().to_string();
    } else if (!words->empty()) {
      const auto done = co_await run_words(shell, *words);
      if (!done) problem = done.error().to_string();
    }
  } catch (const trace::PanicException& panic) {
    problem = format("the command panicked: {}", panic.report.message());
  } catch (const std::bad_alloc&) {
    problem = "out of memory";
  } catch (const std::exception& exception) {
    problem = exception.what();
  }
  if (!problem.empty()) shell.print("error: {}\n", problem);
}

}  // namespace nacre::shell
