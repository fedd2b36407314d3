#include "nacre/kernel/wasm/boot_program.hh"

#include <new>
#include <string>

#include "console.hh"
#include "nacre/abi/control.hh"
#include "nacre/base/cpio/cpio.hh"
#include "nacre/base/launch/config.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/machine/devices.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/wasm/boot_mode.hh"
#include "nacre/kernel/wasm/program.hh"
#include "nacre/kernel/wasm/thread.hh"

namespace nacre::kwasm {
namespace {

constinit trace::Logger log_boot("program");

std::span<const std::byte> initial_archive(const abi::BootInfo& info) {
  const auto* start =
      mm::frames().direct_map().pointer<const std::byte>(PhysAddr(info.initrd.begin));
  return {start, info.initrd.size};
}

Result<launch::Config> read_config(std::span<const std::byte> archive) {
  TRY_ASSIGN(const cpio::Entry entry, cpio::find(archive, abi::kConfigEntry));
  return launch::decode(entry.text());
}

class ModeContext final : public BootModeContext {
 public:
  ModeContext(std::span<const std::byte> bytes, Console& console)
      : BootModeContext(bytes), console_(console) {}
  coro::Task<void> print(std::string_view text) override {
    co_await console_.write(wasi::Stream::Out, std::as_bytes(std::span(text)));
  }

 private:
  Console& console_;
};

coro::Task<Result<Ending>> run_mode(const std::string& name, std::span<const std::byte> archive,
                                    Console& console) {
  const BootMode* mode = BootMode::find(name);
  if (mode == nullptr) co_return fail(ErrorCode::Unsupported, "unknown mode " + name);
  ModeContext context(archive, console);
  auto code = co_await mode->run()(context);
  if (!code) co_return std::unexpected(std::move(code).error());
  co_return Ending{.kind = Ending::Kind::Exited, .exit_code = *code, .report = {}};
}

coro::Task<Result<Ending>> run_archive(std::span<const std::byte> archive, Console& console,
                                       const machine::Devices& devices) {
  try {
    const auto config = read_config(archive);
    if (!config) co_return std::unexpected(config.error());
    if (!config->mode.empty()) co_return co_await run_mode(config->mode, archive, console);
    const auto program = cpio::find(archive, abi::kProgramEntry);
    if (!program) co_return std::unexpected(program.error());
    const auto* const bytes =
        static_cast<const uint8_t*>(static_cast<const void*>(program->data.data()));
    const ProgramSetup setup = {.archive = archive,
                                .module = {bytes, program->data.size()},
                                .config = *config,
                                .streams = console,
                                .devices = devices};
    co_return co_await run_program(setup);
  } catch (const std::bad_alloc&) {
    // Everything the attempt held is free again.
    co_return fail(ErrorCode::OutOfMemory, "the machine has too little memory for this program");
  }
}

coro::Task<void> run_and_report(std::span<const std::byte> archive, Console& console,
                                const machine::Devices& devices) {
  const Result<Ending> ending = co_await run_archive(archive, console, devices);
  if (!ending) {
    co_await console.send_final_text(abi::ControlType::Error, ending.error().to_string());
    co_return;
  }
  switch (ending->kind) {
    case Ending::Kind::Exited:
      co_await console.send_exit(ending->exit_code);
      break;
    case Ending::Kind::Trapped:
      co_await console.send_final_text(abi::ControlType::Trap, ending->report);
      break;
    case Ending::Kind::TimedOut:
      co_await console.send_final_text(abi::ControlType::Timeout, ending->report);
      break;
  }
}

coro::Task<void> run_with_drivers(std::span<const std::byte> archive, Console& console,
                                  machine::Devices& devices) {
  coro::Scope drivers;
  devices.serve(drivers);
  co_await run_and_report(archive, console, devices);
  co_await drivers.cancel();
}

Result<void> run(const abi::BootInfo& info, const fdt::Tree& tree) {
  mm::Machine& memory = mm::machine();
  machine::DeviceMapper mapper(memory.frames, memory.mode, memory.kernel_root);
  TRY_ASSIGN(const auto devices, machine::Devices::discover(tree, mapper, memory.frames));
  if (devices->serial() == nullptr) {
    return fail(ErrorCode::NotFound,
                "the machine has no virtio serial device to speak to the host");
  }
  TRY_ASSIGN(const auto console, Console::open(*devices->serial()));
  exec::this_executor().block_on(run_with_drivers(initial_archive(info), *console, *devices));
  return {};
}

}  // namespace

int run_boot_program(const abi::BootInfo& info, const fdt::Tree& tree, const fdt::BootArguments&) {
  if (info.initrd.size == 0) {
    log_boot.info("no boot archive: nothing to run");
    return arch::kExitSuccess;
  }
  if (const auto done = run(info, tree); !done) {
    log_boot.error("{}", done.error().to_string());
    return arch::kExitKernelFailure;
  }
  return arch::kExitSuccess;
}

}  // namespace nacre::kwasm
