#include "nacre/engine/runtime/type_registry.hh"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <utility>

namespace nacre::runtime {
namespace {

using wasm::FuncType;
using wasm::ValType;

TEST(TypeRegistry, StructurallyEqualTypesShareAnId) {
  TypeRegistry registry;
  const uint32_t a = registry.intern({{ValType::I32, ValType::I64}, {ValType::F32}});
  EXPECT_NE(a, 0u);
  EXPECT_EQ(registry.intern({{ValType::I32, ValType::I64}, {ValType::F32}}), a);
  EXPECT_NE(registry.intern({{ValType::I32}, {ValType::I64, ValType::F32}}), a);
  EXPECT_NE(registry.intern({{ValType::I64, ValType::I32}, {ValType::F32}}), a);
  EXPECT_EQ(to_string(registry.type(a)), "(i32, i64) -> (f32)");
}

TEST(TypeRegistry, RandomTypes) {
  TypeRegistry registry;
  std::mt19937 random(3);
  constexpr ValType choices[] = {ValType::I32, ValType::I64, ValType::F32, ValType::FuncRef};
  const auto list = [&] {
    std::vector<ValType> types(random() % 4);
    for (ValType& t : types) t = choices[random() % 4];
    return types;
  };
  std::map<std::pair<std::vector<ValType>, std::vector<ValType>>, uint32_t> expected;
  for (int i = 0; i < 5000; ++i) {
    const FuncType type = {list(), list()};
    const uint32_t id = registry.intern(type);
    const auto [it, is_new] = expected.emplace(std::pair(type.params, type.results), id);
    ASSERT_EQ(it->second, id);
    ASSERT_EQ(registry.type(id), type);
    if (is_new) ASSERT_EQ(id, expected.size());
  }
}

}  // namespace
}  // namespace nacre::runtime
