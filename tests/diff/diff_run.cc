// Runs every exported function of the modules given and prints what each did, in exactly the words of oracle.mjs: the two
// outputs are compared line by line.
//
//   module NAME
//   call EXPORT ARGUMENT… => RESULT… | trap CLASS
//   log TYPE:VALUE            (a call of the module's logging imports)

#include <bit>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "nacre/base/core/format.hh"
#include "nacre/engine/host/guest_thread.hh"
#include "nacre/engine/host/posix_platform.hh"
#include "nacre/engine/runtime/linker.hh"

namespace nacre {
namespace {

using wasm::ValType;

// A NaN's bits are not determined.
std::string text_of(ValType type, uint64_t bits) {
  switch (type) {
    case ValType::I32:
      return format("i32:{:08x}", static_cast<uint32_t>(bits));
    case ValType::I64:
      return format("i64:{:016x}", bits);
    case ValType::F32: {
      const bool is_nan = (bits & 0x7fff'ffff) > 0x7f80'0000;
      return is_nan ? "f32:nan" : format("f32:{:08x}", static_cast<uint32_t>(bits));
    }
    case ValType::F64: {
      const bool is_nan = (bits & 0x7fff'ffff'ffff'ffff) > 0x7ff0'0000'0000'0000;
      return is_nan ? "f64:nan" : format("f64:{:016x}", bits);
    }
    default:
      return bits == 0 ? "ref:null" : "ref";
  }
}

// What engines agree on.
std::string_view class_of(const runtime::Trap& trap) {
  if (trap.is_internal_error) return "internal error";
  switch (trap.kind) {
    case abi::TrapKind::Unreachable:
      return "unreachable";
    case abi::TrapKind::MemoryOutOfBounds:
      return "memory";
    case abi::TrapKind::TableOutOfBounds:
    case abi::TrapKind::IndirectCallOutOfBounds:
      return "table";
    case abi::TrapKind::IndirectCallNull:
    case abi::TrapKind::IndirectCallTypeMismatch:
      return "signature";
    case abi::TrapKind::IntegerDivideByZero:
      return "divide";
    case abi::TrapKind::IntegerOverflow:
      return "overflow";
    case abi::TrapKind::InvalidConversion:
      return "overflow";
    case abi::TrapKind::StackOverflow:
      return "stack";
    default:
      return "other";
  }
}

// The same numbers as in oracle.mjs: of the n-th argument of the n-th call.
class Numbers {
 public:
  uint64_t next() {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return state_;
  }
  // Small numbers, numbers near the limits, any bits.
  uint64_t argument(ValType type) {
    const uint64_t value = next();
    const uint64_t choice = next() >> 60;
    if (type == ValType::F32)
      return std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(value >> 32)));
    if (type == ValType::F64)
      return std::bit_cast<uint64_t>(static_cast<double>(static_cast<int32_t>(value >> 32)));
    const uint64_t bits = choice < 6    ? value >> 60
                          : choice < 10 ? uint64_t{0} - (value >> 60)
                                        : value;
    return type == ValType::I32 ? static_cast<uint32_t>(bits) : bits;
  }

 private:
  uint64_t state_ = 1;
};

template <ValType kType>
runtime::HostOutcome log_value(void*, runtime::HostCall& call) {
  std::printf("log %s\n", text_of(kType, call.u64(0)).c_str());
  return runtime::HostOutcome::returned();
}

Result<void> define_imports(runtime::Store& store, runtime::Linker& linker) {
  constexpr std::string_view kModule = "fuzzing-support";
  TRY(linker.define_host_function(
      store, {kModule, "log-i32", {{ValType::I32}, {}}, log_value<ValType::I32>}));
  TRY(linker.define_host_function(
      store, {kModule, "log-i64", {{ValType::I64}, {}}, log_value<ValType::I64>}));
  TRY(linker.define_host_function(
      store, {kModule, "log-f32", {{ValType::F32}, {}}, log_value<ValType::F32>}));
  return linker.define_host_function(
      store, {kModule, "log-f64", {{ValType::F64}, {}}, log_value<ValType::F64>});
}

bool has_references(const wasm::FuncType& type) {
  for (ValType t : type.params) {
    if (wasm::is_reference(t)) return true;
  }
  return false;
}

void call_export(host::GuestThread& thread, const runtime::Instance& instance,
                 std::string_view name, Numbers& numbers) {
  const runtime::Function function = *instance.exported_function(name);
  const wasm::FuncType& type = instance.program().types().type(function.type_id);
  if (has_references(type)) return;
  std::string line = format("call {}", name);
  std::vector<uint64_t> arguments;
  for (ValType t : type.params) {
    arguments.push_back(numbers.argument(t));
    line += " " + text_of(t, arguments.back());
  }
  const Result<runtime::InvokeOutcome> outcome = thread.invoke(function, arguments);
  line += " =>";
  if (!outcome) {
    line += " error " + outcome.error().to_string();
  } else if (outcome->kind == runtime::InvokeOutcome::Kind::Trapped) {
    line += format(" trap {}", class_of(outcome->trap));
    if (outcome->trap.is_internal_error) line += "\n" + format_trap(outcome->trap);
  } else {
    for (size_t i = 0; i < outcome->results.size(); ++i)
      line += " " + text_of(type.results[i], outcome->results[i]);
  }
  std::printf("%s\n", line.c_str());
}

Result<void> run_module(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
  host::PosixPlatform platform;
  runtime::TypeRegistry types;
  runtime::Store store(platform, types);
  TRY_ASSIGN(const auto thread, host::GuestThread::create(store));
  runtime::Linker linker;
  TRY(define_imports(store, linker));
  TRY_ASSIGN(const auto program, runtime::CompiledProgram::compile(std::move(bytes), types));
  TRY_ASSIGN(const auto* code, store.load(program));
  TRY_ASSIGN(const runtime::Instantiation made, linker.instantiate(store, *code));
  if (made.trap != abi::TrapKind::None) {
    std::printf("no instance\n");
    return {};
  }
  Numbers numbers;
  // Twice: the first round leaves traces in memory and globals.
  for (int round = 0; round < 2; ++round) {
    for (const wasm::Export& e : program->module().exports) {
      if (e.kind == wasm::ExternKind::Function)
        call_export(*thread, *made.instance, e.name, numbers);
    }
  }
  return {};
}

}  // namespace
}  // namespace nacre

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i];
    std::printf("module %s\n", path.substr(path.find_last_of('/') + 1).c_str());
    if (const auto done = nacre::run_module(path); !done) {
      std::printf("no instance: %s\n", done.error().to_string().c_str());
    }
    std::fflush(stdout);
  }
  return 0;
}
