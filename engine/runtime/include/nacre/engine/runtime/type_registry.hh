// Canonical ids of function types. Two types get the same id exactly if they are structurally
// equal, so that compiled code can compare signatures across modules with one instruction. Ids are
// embedded in code as immediates: one registry serves everything that may ever be linked, and ids
// are never reused. The caller serialises access.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "nacre/base/core/pause_point.hh"
#include "nacre/engine/wasm/types.hh"

namespace nacre::runtime {

class TypeRegistry {
 public:
  TypeRegistry() = default;
  TypeRegistry(const TypeRegistry&) = delete;
  TypeRegistry& operator=(const TypeRegistry&) = delete;

  // Never 0, so that zeroed memory matches no type.
  [[nodiscard]] uint32_t intern(const wasm::FuncType& type);
  [[nodiscard]] std::vector<uint32_t> intern_all(std::span<const wasm::FuncType> types,
                                                 PausePoint pauses = {});
  // `id` came from intern(); the reference stays valid as long as the registry.
  [[nodiscard]] const wasm::FuncType& type(uint32_t id) const;

 private:
  std::deque<wasm::FuncType> types_;                     // id - 1
  std::unordered_multimap<uint64_t, uint32_t> by_hash_;  // hash of the structure → id
};

// "(i32, f64) -> (i64)", for error texts.
[[nodiscard]] std::string to_string(const wasm::FuncType& type);

}  // namespace nacre::runtime
