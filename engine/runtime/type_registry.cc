#include "nacre/engine/runtime/type_registry.hh"

#include "nacre/base/core/panic.hh"

namespace nacre::runtime {
namespace {

constexpr uint32_t kInternWork = 5;  // for a PausePoint

// FNV-1a over the value types, with a separator between parameters and results.
uint64_t hash_of(const wasm::FuncType& type) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (wasm::ValType t : type.params) add(static_cast<uint8_t>(t));
  add(0);
  for (wasm::ValType t : type.results) add(static_cast<uint8_t>(t));
  return hash;
}

void append_list(std::string& out, std::span<const wasm::ValType> types) {
  out += '(';
  for (size_t i = 0; i < types.size(); ++i) {
    if (i != 0) out += ", ";
    out += wasm::name_of(types[i]);
  }
  out += ')';
}

}  // namespace

uint32_t TypeRegistry::intern(const wasm::FuncType& type) {
  const uint64_t hash = hash_of(type);
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (types_[it->second - 1] == type) return it->second;
  }
  types_.push_back(type);
  const auto id = static_cast<uint32_t>(types_.size());
  by_hash_.emplace(hash, id);
  return id;
}

std::vector<uint32_t> TypeRegistry::intern_all(std::span<const wasm::FuncType> types,
                                               PausePoint pauses) {
  std::vector<uint32_t> ids;
  ids.reserve(types.size());
  for (const wasm::FuncType& type : types) {
    ids.push_back(intern(type));
    pauses.did(kInternWork);
  }
  return ids;
}

const wasm::FuncType& TypeRegistry::type(uint32_t id) const {
  ASSERT(id >= 1);
  ASSERT(id <= types_.size());
  return types_[id - 1];
}

std::string to_string(const wasm::FuncType& type) {
  std::string out;
  append_list(out, type.params);
  out += " -> ";
  append_list(out, type.results);
  return out;
}

}  // namespace nacre::runtime
