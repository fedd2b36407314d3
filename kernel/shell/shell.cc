#include "nacre/kernel/shell/shell.hh"

#include "commands.hh"
#include "nacre/abi/control.hh"
#include "nacre/base/cpio/cpio.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/wasm/thread.hh"

namespace nacre::shell {
namespace {

constinit trace::Logger log_shell("shell");

constexpr char kPrompt[] = "nacre> ";

std::span<const std::byte> boot_archive(const abi::BootInfo& info) {
  if (info.initrd.size == 0) return {};
  return {mm::frames().direct_map().pointer<const std::byte>(PhysAddr(info.initrd.begin)),
          info.initrd.size};
}

Result<std::vector<std::string>> read_preopens(std::span<const std::byte> archive) {
  if (archive.empty()) return std::vector<std::string>();
  TRY_ASSIGN(const cpio::Entry entry, cpio::find(archive, abi::kConfigEntry));
  TRY_ASSIGN(launch::Config config, launch::decode(entry.text()));
  return std::move(config.preopens);
}

std::vector<std::string> complete(const Jobs& jobs, std::string_view word, bool first) {
  std::vector<std::string> out;
  if (first) {
    visit_commands([&](const Command& command) {
      if (command.name.starts_with(word)) out.emplace_back(command.name);
    });
    return out;
  }
  for (const std::string& path : jobs.list("")) {
    if (path.starts_with(word)) out.push_back(path);
  }
  return out;
}

coro::Task<void> converse(Shell& shell, LineEditor& editor) {
  for (;;) {
    editor.begin();
    auto outcome = LineEditor::Outcome::Editing;
    while (outcome == LineEditor::Outcome::Editing) {
      outcome = editor.feed(co_await shell.terminal.read_key());
    }
    if (outcome == LineEditor::Outcome::EndOfInput) co_return;
    if (outcome == LineEditor::Outcome::Line) co_await run_line(shell, editor.line());
  }
}

// The conversation, with the devices' drivers beside it.
coro::Task<void> serve(Shell& shell, LineEditor& editor) {
  coro::Scope drivers;
  shell.devices.serve(drivers);
  co_await converse(shell, editor);
  co_await drivers.cancel();
}

Result<void> run_on(const abi::BootInfo& info, const fdt::Tree& tree,
                    const fdt::BootArguments& arguments) {
  mm::Machine& memory = mm::machine();
  machine::DeviceMapper mapper(memory.frames, memory.mode, memory.kernel_root);
  TRY_ASSIGN(const auto devices, machine::Devices::discover(tree, mapper, memory.frames));
  if (devices->uart() == nullptr) {
    return fail(ErrorCode::NotFound, "the machine has no UART with an interrupt to type on");
  }
  const std::span<const std::byte> archive = boot_archive(info);
  TRY_ASSIGN(auto preopens, read_preopens(archive));

  Terminal terminal(*devices->uart());
  Jobs jobs(terminal, *devices, archive, std::move(preopens));
  LineEditor editor(terminal, kPrompt);
  editor.set_completer(
      [&](std::string_view word, bool first) { return complete(jobs, word, first); });
  Shell shell{.info = info,
              .arguments = arguments,
              .devices = *devices,
              .terminal = terminal,
              .editor = editor,
              .jobs = jobs};
  exec::this_executor().block_on(serve(shell, editor));
  return {};
}

}  // namespace

int run(const abi::BootInfo& info, const fdt::Tree& tree, const fdt::BootArguments& arguments) {
  if (const auto done = run_on(info, tree, arguments); !done) {
    log_shell.error("{}", done.error().to_string());
    return arch::kExitKernelFailure;
  }
  return arch::kExitSuccess;
}

}  // namespace nacre::shell
