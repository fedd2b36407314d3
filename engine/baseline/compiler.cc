#include "nacre/engine/baseline/compiler.hh"

#include <algorithm>

#include "function_compiler.hh"
#include "nacre/base/core/format.hh"

namespace nacre::baseline {
namespace {

// A funcref enters an instance by an import or from its caller, or is made by ref.func. If none of these can give one of
// another instance's functions, every table holds functions of this one.
bool has_closed_tables(const wasm::Module& module) {
  const auto is_funcref = [](wasm::ValType type) { return type == wasm::ValType::FuncRef; };
  if (module.imported_tables != 0) return false;
  for (const wasm::Export& item : module.exports) {
    if (item.kind == wasm::ExternKind::Table) return false;
  }
  for (const wasm::Global& global : module.globals) {
    if (is_funcref(global.type.type)) return false;
  }
  for (const wasm::FuncType& type : module.types) {
    if (std::ranges::any_of(type.params, is_funcref) ||
        std::ranges::any_of(type.results, is_funcref))
      return false;
  }
  for (const wasm::ElementSegment& segment : module.elements) {
    for (const wasm::ConstExpr& element : segment.elements) {
      if (element.kind == wasm::ConstExpr::Kind::GlobalGet) return false;
      if (element.kind == wasm::ConstExpr::Kind::RefFunc &&
          element.bits < module.imported_functions)
        return false;
    }
  }
  // Functions that ref.func may name.
  for (uint32_t function = 0; function < module.imported_functions; ++function) {
    if (function < module.declared_functions.size() && module.declared_functions[function])
      return false;
  }
  return true;
}

constexpr uint32_t kValuesPerUnit = 8;  // of a type's parameters and results, for a PausePoint

}  // namespace

FunctionCompiler::FunctionCompiler(const wasm::Module& module, const CompileOptions& options,
                                   MacroAssembler& masm, PausePoint& pauses)
    : OperandStack(module, masm, pauses),
      module_(module),
      options_(options),
      pauses_(pauses),
      layout_(module),
      has_zba_(options.has_zba),
      has_zbb_(options.has_zbb),
      has_zbs_(options.has_zbs),
      tables_are_closed_(has_closed_tables(module)) {
  for (const wasm::FuncType& type : module.types) {
    const size_t values = type.params.size() + type.results.size();
    pauses_.did(1 + static_cast<uint32_t>(values) / kValuesPerUnit);
    if (type.results.size() > 1) has_many_results_ = true;
    if (values > abi::kIntegerResultRegisters) {
      outgoing_slots_ = std::max(outgoing_slots_, wasm::CallLayout(type).stack_slots);
    }
  }
}

Result<masm::CompiledFunction> FunctionCompiler::compile(uint32_t function) {
  TRY(decoder_.decode(function, *this));
  if (frame_too_large_) {
    return fail(ErrorCode::LimitExceeded,
                format("function {} needs too large a stack frame", function),
                module_.functions[function].body_offset);
  }
  return product_;
}

Result<masm::CompiledModule> compile_module(const wasm::Module& module,
                                            const CompileOptions& options) {
  const auto count = static_cast<uint32_t>(module.functions.size());
  const uint32_t defined = count - module.imported_functions;
  const riscv64::Features features{
      .zba = options.has_zba, .zbb = options.has_zbb, .zbs = options.has_zbs, .zicond = false};
  // Code is about 2.5 times as large as its source.
  const uint64_t expected = uint64_t{module.code_section_size} * 5 / 2 + 256;
  MacroAssembler masm(features, defined,
                      static_cast<uint32_t>(std::min<uint64_t>(expected, 64 << 20)));
  PausePoint pauses = options.pauses;
  FunctionCompiler compiler(module, options, masm, pauses);
  masm::CompiledModule product;
  product.functions.reserve(defined);
  uint64_t done = 0;
  for (uint32_t function = module.imported_functions; function < count; ++function) {
    TRY_ASSIGN(const masm::CompiledFunction compiled, compiler.compile(function));
    product.functions.push_back(compiled);
    done += module.functions[function].body_size;
    if (options.on_progress) options.on_progress(done);
    if (masm.failed()) break;
  }
  if (!masm.failed()) masm.finish();
  if (masm.failed())
    return fail(ErrorCode::OutOfMemory, "the module's code is too large, or memory ran out");
  product.code = masm.take_code();
  product.trap_sites = masm.take_trap_sites();
  return product;
}

}  // namespace nacre::baseline
