#include "nacre/engine/masm/compiled_code.hh"

#include <gtest/gtest.h>

namespace nacre::masm {
namespace {

CompiledModule sample() {
  CompiledModule module;
  module.code.resize(100);
  module.functions = {{.code_offset = 8, .code_size = 20, .frame_size = 16, .frame_ready = 4},
                      {.code_offset = 28, .code_size = 12, .frame_size = 0, .frame_ready = 0xffff},
                      {.code_offset = 48, .code_size = 52, .frame_size = 32, .frame_ready = 8}};
  module.trap_sites = {{12, 100, 1}, {16, 104, 0}, {52, 300, 2}};
  return module;
}

TEST(CompiledModule, FindsExactTrapSites) {
  const CompiledModule module = sample();
  ASSERT_NE(module.find_trap_site(16), nullptr);
  EXPECT_EQ(module.find_trap_site(16)->wasm_offset, 104u);
  ASSERT_NE(module.find_trap_site(52), nullptr);
  EXPECT_EQ(module.find_trap_site(52)->kind, 2u);
  for (uint32_t offset : {0u, 11u, 13u, 17u, 51u, 53u, 1000u}) {
    EXPECT_EQ(module.find_trap_site(offset), nullptr) << offset;
  }
  EXPECT_EQ(CompiledModule{}.find_trap_site(0), nullptr);
}

TEST(CompiledModule, TellsACallFromATrapAtItsReturnAddress) {
  CompiledModule module = sample();
  module.trap_sites = {{12, 100, 0}, {16, 104, 0}, {16, 108, 2}, {20, 112, 2}};
  EXPECT_EQ(module.find_trap_site(16)->wasm_offset, 108u);
  EXPECT_EQ(module.find_call_site(16)->wasm_offset, 104u);
  EXPECT_EQ(module.find_trap_site(12)->wasm_offset, 100u);
  EXPECT_EQ(module.find_call_site(12)->wasm_offset, 100u);
  EXPECT_EQ(module.find_call_site(20), nullptr);
  EXPECT_EQ(module.find_call_site(21), nullptr);
}

TEST(CompiledModule, FindsTheFunctionThatHoldsAnOffset) {
  const CompiledModule module = sample();
  EXPECT_EQ(module.find_function(7), -1);
  EXPECT_EQ(module.find_function(8), 0);
  EXPECT_EQ(module.find_function(27), 0);
  EXPECT_EQ(module.find_function(28), 1);
  EXPECT_EQ(module.find_function(39), 1);
  EXPECT_EQ(module.find_function(40), -1);  // padding between functions
  EXPECT_EQ(module.find_function(99), 2);
  EXPECT_EQ(module.find_function(100), -1);
  EXPECT_EQ(CompiledModule{}.find_function(0), -1);
}

}  // namespace
}  // namespace nacre::masm
