// libFuzzer target for everything between a module's bytes and a running guest: compile, publish, link, instantiate, and
// read the tables that traps are explained by. The code is not run. Inputs are as those of fuzz-wasm.
//
// What must hold for any input: nothing crashes; code, functions, frames and trap sites of a compiled module fit together;
// a store gives back what it took.

#include <cstdint>
#include <span>

#include "fake_platform.hh"
#include "nacre/engine/runtime/linker.hh"
#include "nacre/engine/runtime/trap.hh"
#include "test_module.hh"

namespace nacre::runtime {
namespace {

HostOutcome do_nothing(void* /*self*/, HostCall& /*call*/) {
  return HostOutcome::returned();
}

void check_code(const CompiledProgram& program) {
  const masm::CompiledModule& code = program.code();
  uint32_t end = 0;
  for (const masm::CompiledFunction& function : code.functions) {
    ASSERT(function.code_offset >= end);
    ASSERT(function.code_size <= code.code.size() - function.code_offset);
    ASSERT(function.frame_size % 16 == 0);
    ASSERT(function.frame_ready == 0xffff || function.frame_size >= 16);
    end = function.code_offset + function.code_size;
  }
  uint32_t last = 0;
  for (const masm::TrapSite& site : code.trap_sites) {
    ASSERT(site.code_offset >= last);
    ASSERT(site.code_offset <= code.code.size());
    ASSERT(site.wasm_offset < program.module().bytes.size());
    last = site.code_offset;
  }
}

// Something of the right type for every import.
Result<std::vector<Extern>> make_imports(Store& store, const wasm::Module& module) {
  std::vector<Extern> externs;
  for (const wasm::Import& import : module.imports) {
    switch (import.kind) {
      case wasm::ExternKind::Function: {
        TRY_ASSIGN(const Function function,
                   store.create_host_function({import.module, import.name,
                                               module.type_of_function(import.index), do_nothing}));
        externs.emplace_back(function);
        break;
      }
      case wasm::ExternKind::Table: {
        TRY_ASSIGN(Table* const table, store.create_table(module.tables[import.index]));
        externs.emplace_back(table);
        break;
      }
      case wasm::ExternKind::Memory: {
        TRY_ASSIGN(Memory* const memory, store.create_memory(module.memories[import.index]));
        externs.emplace_back(memory);
        break;
      }
      case wasm::ExternKind::Global: {
        TRY_ASSIGN(Global* const global, store.create_global(module.globals[import.index].type, 0));
        externs.emplace_back(global);
        break;
      }
    }
  }
  return externs;
}

void check_traps(const Store& store, const ModuleCode& code, UserAddr stack) {
  for (const masm::TrapSite& site : code.program->code().trap_sites) {
    const UserAddr pc = code.address + ByteSize(site.code_offset);
    Trap trap = classify(store, {pc, FaultCause::Breakpoint, {}});
    trap.backtrace = backtrace(store, {pc, stack, pc});
    ASSERT(!format_trap(trap).empty());
  }
}

void check_module(std::vector<uint8_t> bytes) {
  TypeRegistry types;
  const auto program = CompiledProgram::compile(std::move(bytes), types);
  if (!program) return;
  check_code(**program);

  FakePlatform platform;
  platform.commit_limit = uint64_t{8} << 20;
  {
    StoreLimits limits;
    limits.max_memory_bytes = uint64_t{2} << 20;
    limits.max_table_elements = 5000;
    Store store(platform, types, limits);
    const auto code = store.load(*program);
    if (!code) return;
    const auto imports = make_imports(store, (*program)->module());
    if (!imports) return;
    const auto made = store.instantiate(**code, *imports);
    if (!made) return;
    Instance& instance = *made->instance;
    ASSERT(store.find_instance(instance.vm_context()) == &instance);
    for (const wasm::Export& e : (*program)->module().exports) ASSERT(instance.find_export(e.name));
    check_traps(store, **code, instance.vm_context());
  }
  ASSERT(platform.live_ranges() == 0);
}

}  // namespace
}  // namespace nacre::runtime

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using nacre::wasm::testing::Bytes;
  if (size == 0) return 0;
  if (data[0] == 0) {
    nacre::runtime::check_module({data, data + size});
  } else {
    const int type = data[0] % 3;
    const Bytes body = Bytes{1, 3, 0x7f}.raw(data + 1, size - 1);
    nacre::runtime::check_module(nacre::wasm::testing::rich_module(body, type).data());
  }
  return 0;
}
