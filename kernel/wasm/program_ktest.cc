// A program that ends because the kernel itself fails.
#include "nacre/kernel/wasm/program.hh"

#include <array>
#include <bit>
#include <string>

#include "nacre/base/coro/scheduler.hh"
#include "nacre/base/cpio/cpio.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/trace/panic.hh"

namespace nacre::kwasm {
namespace {

// (func (export "run") (result i32) (i32.const 7))
constexpr uint8_t kSevenModule[] = {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01,
                                    0x05, 0x01, 0x60, 0x00, 0x01, 0x7f, 0x03, 0x02, 0x01,
                                    0x00, 0x07, 0x07, 0x01, 0x03, 'r',  'u',  'n',  0x00,
                                    0x00, 0x0a, 0x06, 0x01, 0x04, 0x00, 0x41, 0x07, 0x0b};

// A devicetree of an empty root node (Devicetree Specification 0.4, chapter 5).
constexpr std::array<uint32_t, 18> kEmptyTree = {0xd00dfeed, 72, 56, 72, 40, 17, 16, 0, 0,
                                                 16,         0,  0,  0,  0,  1,  0,  2, 9};

class BrokenStreams final : public ProgramStreams {
 public:
  coro::Task<size_t> read(std::span<std::byte>) override { co_return 0; }
  wasi::System::InputState input_state() override { return {}; }
  coro::Task<bool> wait_for_input(uint64_t) override { co_return true; }
  coro::Task<void> write(wasi::Stream, std::span<const std::byte>) override {
    co_await coro::yield();
    panic("in a stream");
  }
  bool is_terminal() const override { return false; }
  void show_progress(std::string_view) override {}
};

// It reaches the one who runs the program, who would wait for its end otherwise.
NACRE_KERNEL_TASK_TEST(program, a_panic_beside_the_guest_ends_it) {
  auto blob = kEmptyTree;
  for (uint32_t& word : blob) word = std::byteswap(word);
  const auto tree = fdt::Tree::parse(std::as_bytes(std::span(blob)));
  REQUIRE(tree.has_value());
  mm::Machine& memory = mm::machine();
  machine::DeviceMapper mapper(memory.frames, memory.mode, memory.kernel_root);
  const auto devices = machine::Devices::discover(*tree, mapper, memory.frames);
  REQUIRE(devices.has_value());

  const std::string archive = cpio::encode_trailer();
  launch::Config config;
  config.invoke = "run";
  BrokenStreams streams;
  const ProgramSetup setup = {.archive = std::as_bytes(std::span(archive)),
                              .module = kSevenModule,
                              .config = config,
                              .streams = streams,
                              .devices = **devices};
  std::string message;
  try {
    (void)co_await run_program(setup);
  } catch (const trace::PanicException& panic) {
    message = panic.report.message();
  }
  EXPECT(message == "in a stream");
}

}  // namespace
}  // namespace nacre::kwasm
