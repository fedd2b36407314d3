// What can be typed. A command is a coroutine that gets its words; an error, an exception or a panic in it ends the command, never
// the shell.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "jobs.hh"
#include "nacre/abi/boot_info.hh"
#include "nacre/base/core/format.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/base/fdt/boot_arguments.hh"
#include "nacre/kernel/machine/devices.hh"
#include "nacre/kernel/shell/line_editor.hh"
#include "nacre/kernel/shell/run_request.hh"
#include "terminal.hh"

namespace nacre::shell {

// What commands work on. All of it outlives them.
struct Shell {
  const abi::BootInfo& info;
  const fdt::BootArguments& arguments;
  machine::Devices& devices;
  Terminal& terminal;
  const LineEditor& editor;
  Jobs& jobs;

  template <class... Args>
  void print(std::string_view text, const Args&... args) const {
    terminal.write(format(text, args...));
  }
};

// The first word is the command's name.
using Words = std::span<const std::string>;

struct Command {
  std::string_view name;
  std::string_view usage;  // of the words behind the name
  std::string_view help;
  size_t least_words;  // behind the name
  size_t most_words;
  coro::Task<Result<void>> (*run)(Shell& shell, Words words);
};

// The parts of the table.
[[nodiscard]] std::span<const Command> system_commands();
[[nodiscard]] std::span<const Command> job_commands();
[[nodiscard]] std::span<const Command> kernel_commands();
[[nodiscard]] std::span<const Command> fault_commands();

// nullptr if there is none of that name.
[[nodiscard]] const Command* find_command(std::string_view name);
// Calls visit(const Command&) for each, in the order of help.
template <class Visitor>
void visit_commands(Visitor&& visit) {
  for (const auto part : {system_commands(), job_commands(), kernel_commands(), fault_commands()}) {
    for (const Command& command : part) visit(command);
  }
}

// Runs a line to its end and says what went wrong.
[[nodiscard]] coro::Task<void> run_line(Shell& shell, std::string line);

}  // namespace nacre::shell
