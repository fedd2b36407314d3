// panic and fault: what a bug of the kernel looks like, on purpose.
#include "commands.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/kernel/fault/fault.hh"

namespace nacre::shell {
namespace {

coro::Task<Result<void>> fault_command(Shell& shell, Words words) {
  if (words.size() == 1) {
    for (const fault::Kind& kind : fault::kinds())
      shell.print("  {:<9} {}\n", kind.name, kind.help);
    co_return {};
  }
  const fault::Kind* const kind = fault::find(words[1]);
  if (kind == nullptr) {
    co_return fail(ErrorCode::InvalidArgument,
                   format("no fault '{}' (fault alone lists them)", words[1]));
  }
  kind->make();
  co_return {};
}

coro::Task<Result<void>> panic_command(Shell&, Words words) {
  std::string message = "on request";
  if (words.size() > 1) message = words[1];
  panic(message);
  co_return {};
}

constexpr Command kCommands[] = {
    {"panic", "[MESSAGE]", "panic in this command", 0, 1, panic_command},
    {"fault", "[KIND]", "make a fault in the kernel; alone: lists the kinds", 0, 1, fault_command},
};

}  // namespace

std::span<const Command> fault_commands() {
  return kCommands;
}

}  // namespace nacre::shell
