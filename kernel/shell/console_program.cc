// The boot archive's program with the console as its streams: for machines without the ports that `nacre run` has.
#include <new>

#include "nacre/abi/control.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/base/cpio/cpio.hh"
#include "nacre/base/launch/config.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/shell/shell.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/wasm/program.hh"
#include "nacre/kernel/wasm/thread.hh"
#include "terminal.hh"

namespace nacre::shell {
namespace {

constinit trace::Logger log_shell("shell");

coro::Task<Result<kwasm::Ending>> run_archive(std::span<const std::byte> archive,
                                              TerminalStreams& streams,
                                              const machine::Devices& devices) {
  try {
    const auto entry = cpio::find(archive, abi::kConfigEntry);
    if (!entry) co_return std::unexpected(entry.error());
    const auto config = launch::decode(entry->text());
    if (!config) co_return std::unexpected(config.error());
    if (!config->mode.empty()) {
      co_return fail(ErrorCode::Unsupported, "a boot mode needs the ports of `nacre run`");
    }
    const auto program = cpio::find(archive, abi::kProgramEntry);
    if (!program) co_return std::unexpected(program.error());
    const auto* const bytes =
        static_cast<const uint8_t*>(static_cast<const void*>(program->data.data()));
    const kwasm::ProgramSetup setup = {.archive = archive,
                                       .module = {bytes, program->data.size()},
                                       .config = *config,
                                       .streams = streams,
                                       .devices = devices};
    co_return co_await kwasm::run_program(setup);
  } catch (const std::bad_alloc&) {
    co_return fail(ErrorCode::OutOfMemory, "the machine has too little memory for this program");
  }
}

// Says what the launcher would say, and returns the exit status that it would have.
int report(Terminal& terminal, const Result<kwasm::Ending>& ending) {
  if (!ending) {
    format_to(terminal, "nacre: {}\n", ending.error().to_string());
    return abi::kStatusError;
  }
  if (ending->kind == kwasm::Ending::Kind::Exited) return static_cast<uint8_t>(ending->exit_code);
  terminal.write(ending->report);
  if (!ending->report.ends_with('\n')) terminal.write("\n");
  return abi::kStatusTrap;
}

coro::Task<int> serve(std::span<const std::byte> archive, machine::Devices& devices) {
  coro::Scope drivers;
  devices.serve(drivers);
  Terminal terminal(*devices.uart());
  TerminalStreams streams(terminal, TerminalStreams::Place::Foreground);
  const Result<kwasm::Ending> ending = co_await run_archive(archive, streams, devices);
  const int status = report(terminal, ending);
  co_await drivers.cancel();
  co_return status;
}

Result<int> run_on(const abi::BootInfo& info, const fdt::Tree& tree) {
  if (info.initrd.size == 0) {
    return fail(ErrorCode::NotFound, "no boot archive: there is no program to run");
  }
  mm::Machine& memory = mm::machine();
  machine::DeviceMapper mapper(memory.frames, memory.mode, memory.kernel_root);
  TRY_ASSIGN(const auto devices, machine::Devices::discover(tree, mapper, memory.frames));
  if (devices->uart() == nullptr) {
    return fail(ErrorCode::NotFound, "the machine has no UART for the program's streams");
  }
  const std::span<const std::byte> archive = {
      mm::frames().direct_map().pointer<const std::byte>(PhysAddr(info.initrd.begin)),
      info.initrd.size};
  return exec::this_executor().block_on(serve(archive, *devices));
}

}  // namespace

int run_program(const abi::BootInfo& info, const fdt::Tree& tree) {
  const auto status = run_on(info, tree);
  if (status) return *status;
  log_shell.error("{}", status.error().to_string());
  return arch::kExitKernelFailure;
}

}  // namespace nacre::shell
