#include "nacre/tests/spec/interpreter.hh"

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "nacre/base/core/format.hh"
#include "nacre/engine/runtime/linker.hh"
#include "nacre/engine/runtime/program.hh"
#include "nacre/engine/runtime/trap.hh"
#include "spectest.hh"
#include "value_match.hh"

namespace nacre::spec {
namespace {

using runtime::InvokeOutcome;
using Program = std::shared_ptr<const runtime::CompiledProgram>;

// How an action or an instantiation ended.
struct Ending {
  enum class Kind : uint8_t { Values, Trap, Error };
  Kind kind = Kind::Values;
  std::vector<TypedBits> values;
  runtime::Trap trap;
  std::optional<Error> error;

  static Ending of(Error error) {
    Ending ending;
    ending.kind = Kind::Error;
    ending.error = std::move(error);
    return ending;
  }
  static Ending of(runtime::Trap trap) {
    Ending ending;
    ending.kind = Kind::Trap;
    ending.trap = std::move(trap);
    return ending;
  }
  static Ending of(abi::TrapKind kind) {
    runtime::Trap trap;
    trap.kind = kind;
    return of(std::move(trap));
  }
};

std::string describe(const Ending& ending) {
  switch (ending.kind) {
    case Ending::Kind::Values:
      return "returned " + to_string(ending.values);
    case Ending::Kind::Trap:
      return ending.trap.is_internal_error
                 ? format("internal error: {}", ending.trap.detail)
                 : format("trapped: {}", runtime::message_of(ending.trap.kind));
    case Ending::Kind::Error:
      return format("error: {}", ending.error->to_string());
  }
  return "";
}

// The suite's texts may say more than ours ("uninitialized element 2"), or less.
bool same_text(std::string_view expected, std::string_view found) {
  return expected.starts_with(found) || found.find(expected) != found.npos;
}

class Interpreter {
 public:
  Interpreter(const CommandFile& file, Sandbox& sandbox)
      : file_(file), sandbox_(sandbox), store_(sandbox.store()), settings_(sandbox.settings()) {
    report_.name = file.name;
  }

  coro::Task<Report> run() {
    if (auto defined = define_spectest(store_, linker_); !defined) {
      report_.fail(0, format("spectest: {}", defined.error().to_string()));
      co_return std::move(report_);
    }
    for (const Command& command : file_.commands) co_await execute(command);
    co_return std::move(report_);
  }

 private:
  coro::Task<void> execute(const Command& command) {
    switch (command.kind) {
      case CommandKind::Skip:
        report_.skip(command.text);
        break;
      case CommandKind::Module: {
        auto program = compile(command);
        co_await make_current(command, program ? std::move(*program) : nullptr,
                              program ? std::nullopt : std::optional(std::move(program.error())));
        break;
      }
      case CommandKind::Definition:
        define(command);
        break;
      case CommandKind::Instance: {
        const auto found = definitions_.find(std::string(command.definition));
        co_await make_current(command, found == definitions_.end() ? nullptr : found->second,
                              Error(ErrorCode::NotFound, "no such definition"));
        break;
      }
      case CommandKind::Register:
        register_exports(command);
        break;
      case CommandKind::Action:
      case CommandKind::Return:
      case CommandKind::Trap:
      case CommandKind::Exhaustion:
        check_action(command, co_await act(command.action));
        break;
      case CommandKind::ModuleTrap:
      case CommandKind::Unlinkable:
        co_await check_instantiation(command);
        break;
      case CommandKind::Invalid:
      case CommandKind::Malformed:
        check_refusal(command);
        break;
    }
  }

  // ---- Modules ----

  Result<Program> compile(const Command& command) {
    return runtime::CompiledProgram::compile_view(command.module, store_.types(), settings_);
  }

  void define(const Command& command) {
    auto program = compile(command);
    if (!program) {
      return report_.fail(command.line, format("module: {}", program.error().to_string()));
    }
    definitions_[std::string(command.name)] = *program;
    definitions_[""] = *program;
    report_.pass();
  }

  // Instantiates and runs the start function. The instance exists even if that traps.
  coro::Task<Ending> instantiate(Program program) {
    const auto code = store_.load(std::move(program));
    if (!code) co_return Ending::of(code.error());
    const auto made = linker_.instantiate(store_, **code);
    if (!made) co_return Ending::of(made.error());
    instance_ = made->instance;
    if (made->trap != abi::TrapKind::None) co_return Ending::of(made->trap);
    const auto start = made->instance->start_function();
    if (!start) co_return Ending();
    co_return co_await invoke(*start, {});
  }

  // `error` says why there is no program.
  coro::Task<void> make_current(const Command& command, Program program,
                                std::optional<Error> error) {
    current_ = nullptr;
    if (!command.name.empty()) instances_.erase(std::string(command.name));
    if (program == nullptr) {
      report_.fail(command.line, format("module: {}", error->to_string()));
      co_return;
    }
    const Ending ending = co_await instantiate(std::move(program));
    if (ending.kind != Ending::Kind::Values) {
      report_.fail(command.line, format("instantiation {}", describe(ending)));
      co_return;
    }
    current_ = instance_;
    if (!command.name.empty()) instances_[std::string(command.name)] = instance_;
    report_.pass();
  }

  void register_exports(const Command& command) {
    runtime::Instance* const instance = find_instance(command.name);
    if (instance == nullptr) return report_.fail(command.line, "no instance to register");
    linker_.define_instance(command.as, *instance);
    report_.pass();
  }

  coro::Task<void> check_instantiation(const Command& command) {
    auto program = compile(command);
    if (!program) {
      report_.fail(command.line, format("module: {}", program.error().to_string()));
      co_return;
    }
    const Ending ending = co_await instantiate(std::move(*program));
    const bool is_right = command.kind == CommandKind::ModuleTrap
                              ? ending.kind == Ending::Kind::Trap &&
                                    same_text(command.text, runtime::message_of(ending.trap.kind))
                              : ending.kind == Ending::Kind::Error &&
                                    ending.error->code() == ErrorCode::Unlinkable &&
                                    same_text(command.text, ending.error->message());
    if (is_right) {
      report_.pass();
    } else {
      report_.fail(command.line, format("expected \"{}\", {}", command.text, describe(ending)));
    }
  }

  void check_refusal(const Command& command) {
    const auto program = compile(command);
    if (!program && refusal_matches(command, program.error())) return report_.pass();
    report_.fail(command.line, format("expected \"{}\", {}", command.text,
                                      program ? "accepted" : program.error().to_string()));
  }

  // ---- Actions ----

  runtime::Instance* find_instance(std::string_view name) {
    if (name.empty()) return current_;
    const auto found = instances_.find(std::string(name));
    return found == instances_.end() ? nullptr : found->second;
  }

  coro::Task<Ending> invoke(runtime::Function function, std::vector<uint64_t> arguments) {
    auto outcome = co_await sandbox_.invoke(function, arguments);
    if (!outcome) co_return Ending::of(std::move(outcome.error()));
    if (outcome->kind == InvokeOutcome::Kind::Exited) {
      co_return Ending::of(Error(ErrorCode::Invalid, "the guest exited"));
    }
    if (outcome->kind == InvokeOutcome::Kind::Trapped)
      co_return Ending::of(std::move(outcome->trap));
    const wasm::FuncType& type = store_.types().type(function.type_id);
    Ending ending;
    for (size_t i = 0; i < outcome->results.size(); ++i) {
      ending.values.push_back({type.results[i], outcome->results[i]});
    }
    co_return ending;
  }

  coro::Task<Ending> act(const Action& action) {
    runtime::Instance* const instance = find_instance(action.instance);
    if (instance == nullptr) co_return Ending::of(Error(ErrorCode::NotFound, "no such instance"));
    if (action.kind == Action::Kind::Get) co_return get(*instance, action.field);
    const auto function = instance->exported_function(action.field);
    if (!function) co_return Ending::of(Error(ErrorCode::NotFound, "no such exported function"));
    std::vector<uint64_t> arguments;
    for (const Value& value : action.arguments) arguments.push_back(value.bits);
    co_return co_await invoke(*function, std::move(arguments));
  }

  Ending get(const runtime::Instance& instance, std::string_view field) {
    const runtime::Global* const global = instance.exported_global(field);
    if (global == nullptr) return Ending::of(Error(ErrorCode::NotFound, "no such exported global"));
    const auto bits = global->get();
    if (!bits) return Ending::of(bits.error());
    Ending ending;
    ending.values.push_back({global->type().type, *bits});
    return ending;
  }

  void check_action(const Command& command, const Ending& ending) {
    bool is_right = false;
    std::string expectation;
    switch (command.kind) {
      case CommandKind::Return:
        is_right = ending.kind == Ending::Kind::Values && matches(command.expected, ending.values);
        expectation = to_string(command.expected);
        break;
      case CommandKind::Trap:
        is_right = ending.kind == Ending::Kind::Trap && !ending.trap.is_internal_error &&
                   same_text(command.text, runtime::message_of(ending.trap.kind));
        expectation = format("\"{}\"", command.text);
        break;
      case CommandKind::Exhaustion:
        is_right =
            ending.kind == Ending::Kind::Trap && ending.trap.kind == abi::TrapKind::StackOverflow;
        expectation = "stack exhaustion";
        break;
      default:
        is_right = ending.kind == Ending::Kind::Values;
        expectation = "no trap";
        break;
    }
    if (is_right) return report_.pass();
    report_.fail(command.line, format("{}: expected {}, {}", command.action.field, expectation,
                                      describe(ending)));
  }

  const CommandFile& file_;
  Sandbox& sandbox_;
  runtime::Store& store_;
  runtime::CompileSettings settings_;
  runtime::Linker linker_;
  runtime::Instance* instance_ = nullptr;  // the one instantiated last
  runtime::Instance* current_ = nullptr;   // what actions without a name mean
  std::map<std::string, runtime::Instance*> instances_;
  std::map<std::string, Program> definitions_;
  Report report_;
};

}  // namespace

coro::Task<Report> run_commands(const CommandFile& file, Sandbox& sandbox) {
  Interpreter interpreter(file, sandbox);
  co_return co_await interpreter.run();
}

}  // namespace nacre::spec
