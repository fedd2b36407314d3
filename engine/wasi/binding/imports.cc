#include "nacre/engine/wasi/binding/imports.hh"

#include <variant>

#include "nacre/engine/runtime/objects.hh"

namespace nacre::wasi {
namespace {

// The caller's memory 0; an empty memory for a module that has none.
class RuntimeMemory final : public GuestMemory {
 public:
  explicit RuntimeMemory(runtime::Memory* memory) : memory_(memory) {}

  [[nodiscard]] bool contains(uint64_t address, uint64_t size) const override {
    if (memory_ == nullptr) return address == 0 && size == 0;
    return memory_->contains(address, size);
  }
  [[nodiscard]] bool read(uint64_t address, std::span<uint8_t> out) const override {
    return contains(address, out.size()) &&
           (out.empty() || memory_->read(address, out).has_value());
  }
  [[nodiscard]] bool write(uint64_t address, std::span<const uint8_t> bytes) override {
    return contains(address, bytes.size()) &&
           (bytes.empty() || memory_->write(address, bytes).has_value());
  }

 private:
  runtime::Memory* memory_;
};

runtime::HostOutcome outcome_of(const Imports::Bound& bound, const Call& call, Errno error,
                                runtime::HostCall& host_call) {
  if (call.exit_code) return runtime::HostOutcome::exited(*call.exit_code);
  if (bound.function->returns_errno) host_call.set_result(static_cast<uint64_t>(error));
  return runtime::HostOutcome::returned();
}

runtime::HostOutcome serve(void* self, runtime::HostCall& host_call) {
  const auto& bound = *static_cast<const Imports::Bound*>(self);
  RuntimeMemory memory(host_call.memory());
  Call call{*bound.process, memory, host_call.arguments(), bound.dialect, {}};
  const Errno error = std::get<SyncHandler>(bound.function->handler)(call);
  return outcome_of(bound, call, error, host_call);
}

coro::Task<runtime::HostOutcome> serve_async(void* self, runtime::HostCall& host_call) {
  const auto& bound = *static_cast<const Imports::Bound*>(self);
  RuntimeMemory memory(host_call.memory());
  Call call{*bound.process, memory, host_call.arguments(), bound.dialect, {}};
  const Errno error = co_await std::get<AsyncHandler>(bound.function->handler)(call);
  co_return outcome_of(bound, call, error, host_call);
}

template <System::Marker kMarker>
runtime::HostOutcome mark(void* self, runtime::HostCall&) {
  static_cast<Process*>(self)->system().mark(kMarker);
  return runtime::HostOutcome::returned();
}

wasm::FuncType type_of(const Function& function) {
  wasm::FuncType type;
  for (const char parameter : function.parameters) {
    type.params.push_back(parameter == 'I' ? wasm::ValType::I64 : wasm::ValType::I32);
  }
  if (function.returns_errno) type.results.push_back(wasm::ValType::I32);
  return type;
}

}  // namespace

Imports::Imports(Process& process) {
  for (const Dialect dialect : {Dialect::Preview1, Dialect::Unstable}) {
    for (const Function& function : wasi::functions()) {
      if (dialect == Dialect::Unstable && !function.in_unstable) continue;
      bound_.push_back(std::make_unique<Bound>(Bound{&process, &function, dialect}));
      const bool is_async = std::holds_alternative<AsyncHandler>(function.handler);
      runtime::HostFunction import{
          .module = dialect == Dialect::Preview1 ? kPreview1Module : kUnstableModule,
          .name = function.name,
          .type = type_of(function),
          .handler = &serve,
          .self = bound_.back().get()};
      if (is_async) import.handler = &serve_async;
      functions_.push_back(std::move(import));
    }
  }
  functions_.push_back({"bench", "start", {}, &mark<System::Marker::Start>, &process});
  functions_.push_back({"bench", "end", {}, &mark<System::Marker::End>, &process});
}

}  // namespace nacre::wasi
