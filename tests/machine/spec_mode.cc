// Boot mode "spec": every *.spec of the archive is a command file (tests/spec), executed in a domain of its own.

#include <span>
#include <string_view>

#include "machine_sandbox.hh"
#include "nacre/base/cpio/cpio.hh"
#include "nacre/kernel/wasm/boot_mode.hh"
#include "nacre/tests/spec/command_file.hh"
#include "nacre/tests/spec/interpreter.hh"

namespace nacre::machine_tests {
namespace {

std::span<const uint8_t> octets(std::span<const std::byte> bytes) {
  return {static_cast<const uint8_t*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

coro::Task<spec::Report> run_file(std::string_view name, std::span<const uint8_t> bytes) {
  spec::Report report;
  report.name = name;
  const auto file = spec::parse_command_file(bytes);
  if (!file) {
    report.fail(0, file.error().to_string());
    co_return report;
  }
  const auto sandbox = MachineSandbox::create();
  if (!sandbox) {
    report.fail(0, sandbox.error().to_string());
    co_return report;
  }
  co_return co_await spec::run_commands(*file, **sandbox);
}

coro::Task<Result<uint32_t>> run_spec(kwasm::BootModeContext& context) {
  spec::Report total;
  cpio::Reader reader(context.archive());
  for (;;) {
    const auto entry = reader.next();
    if (!entry) co_return std::unexpected(entry.error());
    if (!*entry) break;
    if ((*entry)->kind != cpio::EntryKind::File || !(*entry)->name.ends_with(".spec")) continue;
    const spec::Report report = co_await run_file((*entry)->name, octets((*entry)->data));
    total.add(report);
    co_await context.print(spec::format_report(report));
  }
  co_await context.print(spec::format_total(total));
  co_return total.failed == 0 ? 0u : 1u;
}

const kwasm::BootMode spec_mode("spec", &run_spec);

}  // namespace
}  // namespace nacre::machine_tests
