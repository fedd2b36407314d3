// Long work on a module pauses again and again, and may be ended at any pause.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "nacre/engine/runtime/program.hh"

namespace nacre::runtime {
namespace {

struct Ended {};

// Counts; throws at one of the pauses.
struct Pauses {
  uint64_t count = 0;
  uint64_t end_at = 0;  // 0: never

  static void pause(void* self) {
    auto& pauses = *static_cast<Pauses*>(self);
    if (++pauses.count == pauses.end_at) throw Ended();
  }
};

void append_leb(std::vector<uint8_t>& out, size_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<uint8_t>(value | 0x80));
  out.push_back(static_cast<uint8_t>(value));
}

// Functions without parameters and results, of these bodies (locals and code).
std::vector<uint8_t> module_of(const std::vector<std::vector<uint8_t>>& bodies) {
  std::vector<uint8_t> module = {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00,
                                 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00};
  const auto add_section = [&module](uint8_t id, const std::vector<uint8_t>& content) {
    module.push_back(id);
    append_leb(module, content.size());
    module.insert(module.end(), content.begin(), content.end());
  };
  std::vector<uint8_t> functions, code;
  append_leb(functions, bodies.size());
  functions.resize(functions.size() + bodies.size());
  append_leb(code, bodies.size());
  for (const std::vector<uint8_t>& body : bodies) {
    append_leb(code, body.size());
    code.insert(code.end(), body.begin(), body.end());
  }
  add_section(3, functions);
  add_section(10, code);
  return module;
}

// (drop (i32.const 0)) again and again.
std::vector<uint8_t> long_body(size_t repetitions) {
  std::vector<uint8_t> body = {0};
  for (size_t i = 0; i < repetitions; ++i) body.insert(body.end(), {0x41, 0x00, 0x1a});
  body.push_back(0x0b);
  return body;
}

uint64_t pauses_of(const std::vector<uint8_t>& module) {
  Pauses pauses;
  CompileSettings settings;
  settings.pauses = PausePoint(&Pauses::pause, &pauses);
  TypeRegistry types;
  EXPECT_TRUE(CompiledProgram::compile_view(module, types, settings));
  return pauses.count;
}

TEST(Pauses, ComeWithinAFunction) {
  const std::vector<uint8_t> body = long_body(200'000);
  EXPECT_GE(pauses_of(module_of({body})), body.size() / (2 * PausePoint::kInterval));
}

TEST(Pauses, ComeBetweenFunctions) {
  EXPECT_GE(pauses_of(module_of({50'000, {0, 0x0b}})), 50'000 / PausePoint::kInterval);
}

// Three bytes that declare fifty thousand locals cost more than three bytes.
TEST(Pauses, ComeForLocals) {
  const std::vector<uint8_t> body = {1, 0xd0, 0x86, 0x03, 0x7f, 0x0b};
  EXPECT_GE(pauses_of(module_of({100, body})), 100u);
}

TEST(Pauses, MayEndTheWork) {
  const std::vector<uint8_t> module = module_of({200, long_body(500)});
  const uint64_t all = pauses_of(module);
  ASSERT_GT(all, 10u);
  for (uint64_t end_at = 1; end_at <= all; ++end_at) {
    Pauses pauses{.end_at = end_at};
    CompileSettings settings;
    settings.pauses = PausePoint(&Pauses::pause, &pauses);
    TypeRegistry types;
    EXPECT_THROW((void)CompiledProgram::compile_view(module, types, settings), Ended);
    // What is left is whole.
    EXPECT_TRUE(CompiledProgram::compile_view(module, types));
  }
}

}  // namespace
}  // namespace nacre::runtime
