#include "spectest.hh"

#include <bit>

namespace nacre::spec {
namespace {

using wasm::ValType;

runtime::HostOutcome print_nothing(void* /*self*/, runtime::HostCall& /*call*/) {
  return runtime::HostOutcome::returned();
}

}  // namespace

Result<void> define_spectest(runtime::Store& store, runtime::Linker& linker) {
  constexpr std::string_view kModule = "spectest";
  const std::pair<std::string_view, std::vector<ValType>> functions[] = {
      {"print", {}},
      {"print_i32", {ValType::I32}},
      {"print_i64", {ValType::I64}},
      {"print_f32", {ValType::F32}},
      {"print_f64", {ValType::F64}},
      {"print_i32_f32", {ValType::I32, ValType::F32}},
      {"print_f64_f64", {ValType::F64, ValType::F64}},
  };
  for (const auto& [name, params] : functions) {
    TRY(linker.define_host_function(store, {.module = kModule,
                                            .name = name,
                                            .type = {.params = params, .results = {}},
                                            .handler = &print_nothing}));
  }
  const struct {
    std::string_view name;
    ValType type;
    uint64_t bits;
  } globals[] = {
      {"global_i32", ValType::I32, 666},
      {"global_i64", ValType::I64, 666},
      {"global_f32", ValType::F32, std::bit_cast<uint32_t>(666.6F)},
      {"global_f64", ValType::F64, std::bit_cast<uint64_t>(666.6)},
  };
  for (const auto& global : globals) {
    TRY_ASSIGN(runtime::Global* const value,
               store.create_global({.type = global.type, .is_mutable = false}, global.bits));
    linker.define(kModule, global.name, value);
  }
  TRY_ASSIGN(runtime::Table* const table,
             store.create_table({.element = ValType::FuncRef, .limits = {10, 20}}));
  linker.define(kModule, "table", table);
  TRY_ASSIGN(runtime::Memory* const memory, store.create_memory({.limits = {1, 2}}));
  linker.define(kModule, "memory", memory);
  return {};
}

}  // namespace nacre::spec
