// spec-validate FILE…: checks what needs no execution: every module of the command files must decode and validate, and
// those of assert_malformed and assert_invalid must be refused, for the right kind of reason. Everything else is counted
// as skipped.

#include "file_list.hh"
#include "nacre/base/core/format.hh"
#include "nacre/engine/wasm/module.hh"
#include "value_match.hh"

namespace nacre::spec {
namespace {

Result<void> check_module(std::span<const uint8_t> bytes) {
  TRY_ASSIGN(const wasm::Module module, wasm::decode_module(bytes));
  return wasm::validate_bodies(module);
}

void check(const Command& command, Report& report) {
  switch (command.kind) {
    case CommandKind::Module:
    case CommandKind::Definition:
    case CommandKind::ModuleTrap:
    case CommandKind::Unlinkable: {
      const Result<void> checked = check_module(command.module);
      if (checked) return report.pass();
      return report.fail(command.line, format("module: {}", checked.error().to_string()));
    }
    case CommandKind::Invalid:
    case CommandKind::Malformed: {
      const Result<void> checked = check_module(command.module);
      if (!checked && refusal_matches(command, checked.error())) return report.pass();
      return report.fail(command.line, format("expected \"{}\", {}", command.text,
                                              checked ? "accepted" : checked.error().to_string()));
    }
    case CommandKind::Skip:
      return report.skip(command.text);
    default:
      return report.skip("needs execution");
  }
}

Report validate(const CommandFile& file) {
  Report report;
  report.name = file.name;
  for (const Command& command : file.commands) check(command, report);
  return report;
}

}  // namespace
}  // namespace nacre::spec

int main(int argc, char** argv) {
  return nacre::spec::run_files(std::span(argv + 1, static_cast<size_t>(argc - 1)),
                                nacre::spec::validate);
}
