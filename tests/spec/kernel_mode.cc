// The boot mode "spec" of a kernel that carries the specification's test suite: executes every command file (*.spec) of the
// boot archive, each in a domain of its own, and prints what file_list.hh's programs print. The exit code is 1 if anything
// failed.

#include <memory>

#include "nacre/base/core/format.hh"
#include "nacre/base/cpio/cpio.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/wasm/boot_mode.hh"
#include "nacre/kernel/wasm/domain.hh"
#include "nacre/kernel/wasm/thread.hh"
#include "nacre/tests/spec/interpreter.hh"

namespace nacre::spec {
namespace {

class DomainSandbox final : public Sandbox {
 public:
  explicit DomainSandbox(std::unique_ptr<kwasm::Domain> domain)
      : domain_(std::move(domain)), thread_(*domain_) {}

  [[nodiscard]] runtime::Store& store() override { return domain_->store(); }
  [[nodiscard]] runtime::CompileSettings settings() const override {
    const arch::CpuFeatures& features = arch::cpu_features();
    runtime::CompileSettings settings;
    settings.has_zba = features.zba;
    settings.has_zbb = features.zbb;
    settings.has_zbs = features.zbs;
    return settings;
  }
  [[nodiscard]] coro::Task<Result<runtime::InvokeOutcome>> invoke(
      runtime::Function function, std::span<const uint64_t> arguments) override {
    co_return co_await thread_.invoke(function, arguments);
  }

 private:
  std::unique_ptr<kwasm::Domain> domain_;
  kwasm::Thread thread_;
};

coro::Task<Report> run_file(const CommandFile& file) {
  runtime::TypeRegistry types;
  auto domain = kwasm::Domain::create(mm::machine(), types, kwasm::DomainLimits{});
  if (!domain) {
    Report report;
    report.name = file.name;
    report.fail(0, format("no domain: {}", domain.error().to_string()));
    co_return report;
  }
  DomainSandbox sandbox(std::move(*domain));
  co_return co_await run_commands(file, sandbox);
}

std::span<const uint8_t> octets(std::span<const std::byte> bytes) {
  return {static_cast<const uint8_t*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

coro::Task<Result<uint32_t>> run_archive(kwasm::BootModeContext& context) {
  Report total;
  cpio::Reader reader(context.archive());
  for (;;) {
    const auto entry = reader.next();
    if (!entry) co_return std::unexpected(entry.error());
    if (!*entry) break;
    if (!(*entry)->name.ends_with(".spec")) continue;
    const auto file = parse_command_file(octets((*entry)->data));
    if (!file) co_return std::unexpected(file.error());
    const Report report = co_await run_file(*file);
    const std::string lines = format_report(report);
    co_await context.print(lines);
    total.add(report);
  }
  const std::string line = format_total(total) + "\n";
  co_await context.print(line);
  co_return total.failed == 0 ? 0 : 1;
}

const kwasm::BootMode kMode("spec", run_archive);

}  // namespace
}  // namespace nacre::spec
