#include "nacre/engine/wasi/binding/imports.hh"

#include <optional>
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

// The result registers of a call that returns.
void give_back(const Imports::Bound& bound, Errno error, runtime::HostCall& host_call) {
  if (bound.function->returns_errno) host_call.set_result(static_cast<uint64_t>(error));
}

// For functions that always return an errno: what most calls are, kept short.
runtime::HostOutcome serve(void* self, runtime::HostCall& host_call) {
  const auto& bound = *static_cast<const Imports::Bound*>(self);
  RuntimeMemory memory(host_call.memory());
  Call call{*bound.process, memory, host_call.arguments(), bound.dialect, {}};
  host_call.set_result(static_cast<uint64_t>(bound.handler(call)));
  return runtime::HostOutcome::returned();
}

// For functions that may end the program.
runtime::HostOutcome serve_ending(void* self, runtime::HostCall& host_call) {
  const auto& bound = *static_cast<const Imports::Bound*>(self);
  RuntimeMemory memory(host_call.memory());
  Call call{*bound.process, memory, host_call.arguments(), bound.dialect, {}};
  const Errno error = bound.handler(call);
  if (call.exit_code) return runtime::HostOutcome::exited(*call.exit_code);
  give_back(bound, error, host_call);
  return runtime::HostOutcome::returned();
}

std::optional<runtime::HostOutcome> attempt(void* self, runtime::HostCall& host_call) {
  const auto& bound = *static_cast<const Imports::Bound*>(self);
  RuntimeMemory memory(host_call.memory());
  Call call{*bound.process, memory, host_call.arguments(), bound.dialect, {}};
  const std::optional<Errno> error = bound.function->attempt(call);
  if (!error) return std::nullopt;
  give_back(bound, *error, host_call);
  return runtime::HostOutcome::returned();
}

coro::Task<runtime::HostOutcome> serve_async(void* self, runtime::HostCall& host_call) {
  const auto& bound = *static_cast<const Imports::Bound*>(self);
  RuntimeMemory memory(host_call.memory());
  Call call{*bound.process, memory, host_call.arguments(), bound.dialect, {}};
  const Errno error = co_await std::get<AsyncHandler>(bound.function->handler)(call);
  give_back(bound, error, host_call);
  co_return runtime::HostOutcome::returned();
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
      const auto* handler = std::get_if<SyncHandler>(&function.handler);
      bound_.push_back(std::make_unique<Bound>(
          Bound{&process, &function, handler != nullptr ? *handler : nullptr, dialect}));
      runtime::HostFunction import{
          .module = dialect == Dialect::Preview1 ? kPreview1Module : kUnstableModule,
          .name = function.name,
          .type = type_of(function),
          .handler = &serve,
          .self = bound_.back().get()};
      if (function.may_end) import.handler = &serve_ending;
      if (handler == nullptr) {
        import.handler = &serve_async;
        if (function.attempt != nullptr) import.attempt = &attempt;
      }
      functions_.push_back(std::move(import));
    }
  }
  functions_.push_back({"bench", "start", {}, &mark<System::Marker::Start>, &process});
  functions_.push_back({"bench", "end", {}, &mark<System::Marker::End>, &process});
}

}  // namespace nacre::wasi
