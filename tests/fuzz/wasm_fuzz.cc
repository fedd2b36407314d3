// libFuzzer target for decoder, validator, body scanner and name section. The first byte of an input chooses what the rest
// is: a whole module, or the body of a function in a module where every kind of instruction is possible, so that the
// fuzzer need not invent sections before it reaches the validator.
//
// What must hold for any input: nothing crashes, an error's offset lies in the module, the decoder keeps its contract with
// sinks (ContractSink), and the scanner sees a valid body's locals as the decoder does.

#include <cstdint>
#include <span>

#include "contract_sink.hh"
#include "nacre/engine/wasm/body_scanner.hh"
#include "nacre/engine/wasm/vm_layout.hh"
#include "test_module.hh"

namespace nacre::wasm {
namespace {

struct LocalCounter : NullScanVisitor {
  void on_local_get(uint32_t /*local*/) { ++uses; }
  void on_local_set(uint32_t /*local*/) { ++uses; }
  void on_local_tee(uint32_t /*local*/) { ++uses; }
  void on_open(Opcode /*opcode*/) { ++depth; }
  void on_end() { --depth; }
  uint64_t uses = 0;
  int64_t depth = 1;
};

struct LiveCounter : ContractSink {
  using ContractSink::ContractSink;
  void on_local_get(uint32_t local, ValType type) {
    ++uses, ContractSink::on_local_get(local, type);
  }
  void on_local_set(uint32_t local, ValType type) {
    ++uses, ContractSink::on_local_set(local, type);
  }
  void on_local_tee(uint32_t local, ValType type) {
    ++uses, ContractSink::on_local_tee(local, type);
  }
  uint64_t uses = 0;
};

void check_function(const Module& module, FunctionDecoder& decoder, uint32_t index) {
  const Function& function = module.functions[index];
  LocalCounter scanned;
  scan_body(module.bytes.subspan(function.body_offset, function.body_size), scanned);
  LiveCounter sink(decoder);
  const Result<void> decoded = decoder.decode(index, sink);
  if (!decoded) {
    ASSERT(decoded.error().offset() <= module.bytes.size());
    return;
  }
  ASSERT(sink.calls() > 0);
  ASSERT(scanned.depth == 0);
  ASSERT(scanned.uses >= sink.uses);  // dead code is scanned, too
}

void check_module(std::span<const uint8_t> bytes) {
  const Result<Module> module = decode_module(bytes);
  if (!module) {
    ASSERT(module.error().offset() <= bytes.size());
    return;
  }
  const VmLayout layout(*module);
  ASSERT(layout.size() % 8 == 0);
  const FunctionNames names(*module);
  FunctionDecoder decoder(*module);
  for (uint32_t i = module->imported_functions; i < module->functions.size(); ++i) {
    check_function(*module, decoder, i);
  }
}

}  // namespace
}  // namespace nacre::wasm

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using nacre::wasm::testing::Bytes;
  if (size == 0) return 0;
  if (data[0] == 0) {
    nacre::wasm::check_module({data, size});
  } else {
    const int type = data[0] % 3;
    const Bytes body = Bytes{1, 3, 0x7f}.raw(data + 1, size - 1);
    nacre::wasm::check_module(nacre::wasm::testing::rich_module(body, type).data());
  }
  return 0;
}
