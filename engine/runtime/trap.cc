#include "nacre/engine/runtime/trap.hh"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "bytes.hh"
#include "nacre/abi/vm_context.hh"
#include "nacre/base/core/format.hh"
#include "nacre/engine/runtime/store.hh"

namespace nacre::runtime {
namespace {

constexpr size_t kInnermostFrames = 64;
constexpr size_t kOutermostFrames = 16;
// A stack of a few MiB in frames of 16 bytes; what lies beyond is not worth walking.
constexpr uint64_t kMaximumFrames = 1 << 18;
// The start of every address space that is never mapped, see docs/INVARIANTS.md.
constexpr uint64_t kNullRegion = 64 << 10;
constexpr uint16_t kNoFrame = 0xffff;

// A place in compiled code.
struct CodePlace {
  const ModuleCode* code;
  uint64_t offset;    // in the module's code
  uint32_t function;  // defined function, imports not counted
  bool is_call;  // `offset` is a call's return address, else an instruction that was stopped at
};

std::optional<CodePlace> place_of(const Store& store, UserAddr pc) {
  const ModuleCode* code = store.find_code(pc);
  if (code == nullptr) return std::nullopt;
  const uint64_t offset = (pc - code->address).bytes();
  const int64_t function = code->program->code().find_function(static_cast<uint32_t>(offset));
  if (function < 0) return std::nullopt;
  return CodePlace{code, offset, static_cast<uint32_t>(function), /*is_call=*/false};
}

// The trap site (or call site) at exactly this place. The instruction after a call may trap itself,
// so a place may have one of each.
const masm::TrapSite* find_site(const ModuleCode& code, uint64_t offset, bool is_call) {
  const std::vector<masm::TrapSite>& sites = code.program->code().trap_sites;
  const auto [first, last] = std::ranges::equal_range(
      sites, offset, {}, [](const masm::TrapSite& site) { return uint64_t{site.code_offset}; });
  for (auto it = first; it != last; ++it) {
    if ((static_cast<abi::TrapKind>(it->kind) == abi::TrapKind::None) == is_call) return &*it;
  }
  return nullptr;
}

// The function that made the call which returns to `address`. A call may be the last instruction of
// its function, and a module's code, so the byte before is what counts; a return address without a
// call site is garbage.
std::optional<CodePlace> caller_at(const Store& store, UserAddr address) {
  if (address.is_null()) return std::nullopt;
  std::optional<CodePlace> place = place_of(store, UserAddr(address.value() - 1));
  if (!place) return std::nullopt;
  place->offset += 1;
  place->is_call = true;
  if (find_site(*place->code, place->offset, /*is_call=*/true) == nullptr) return std::nullopt;
  return place;
}

// ---- Walking
// ----------------------------------------------------------------------------------------------------

class Walker {
 public:
  Walker(const Store& store, const StopRegisters& stop)
      : store_(store), sp_(stop.sp.value()), ra_(stop.ra) {
    place_ = place_of(store, stop.pc);
    if (place_) return;
    // In a thunk, the gate or a builtin that keeps no frame: the return address is still in its
    // register.
    leave_frameless(0);
  }

  [[nodiscard]] const std::optional<CodePlace>& place() const { return place_; }

  // Moves on to the caller; afterwards place() is empty at the end of the stack.
  void step() {
    const masm::CompiledFunction& function =
        place_->code->program->code().functions[place_->function];
    const uint64_t into_function = place_->offset - function.code_offset;
    if (place_->is_call ||
        (function.frame_ready != kNoFrame && into_function >= function.frame_ready)) {
      leave_frame(function.frame_size);
    } else {
      leave_frameless(into_function == 0 || function.frame_ready == kNoFrame ? 0
                                                                             : function.frame_size);
    }
  }

 private:
  std::optional<uint64_t> load(uint64_t address) const {
    const Result<uint64_t> value = read_object<uint64_t>(store_.platform(), UserAddr(address));
    if (!value) return std::nullopt;
    return *value;
  }

  void leave_frame(uint64_t frame_size) {
    place_.reset();
    if (frame_size < 8) return;
    const std::optional<uint64_t> ra = load(sp_ + frame_size - 8);
    if (!ra) return;
    sp_ += frame_size;
    place_ = caller_at(store_, UserAddr(*ra));
  }

  // The function has not saved ra yet. In the middle of a prologue sp may or may not have been
  // lowered by `lowered`: the caller's frame, seen from the right sp, holds a return address too.
  void leave_frameless(uint64_t lowered) {
    place_ = caller_at(store_, ra_);
    if (!place_ || lowered == 0 || caller_frame_fits(sp_)) return;
    if (caller_frame_fits(sp_ + lowered)) sp_ += lowered;
  }

  bool caller_frame_fits(uint64_t sp) const {
    const masm::CompiledFunction& caller =
        place_->code->program->code().functions[place_->function];
    const std::optional<uint64_t> ra = load(sp + caller.frame_size - 8);
    if (!ra) return false;
    return UserAddr(*ra) == store_.platform().thread_exit() ||
           caller_at(store_, UserAddr(*ra)).has_value();
  }

  const Store& store_;
  std::optional<CodePlace> place_;
  uint64_t sp_;
  UserAddr ra_;
};

// ---- Naming
// -----------------------------------------------------------------------------------------------------

class Namer {
 public:
  Frame frame_of(const CodePlace& place) {
    const CompiledProgram& program = *place.code->program;
    const wasm::Module& module = program.module();
    const uint32_t index = place.function + module.imported_functions;
    const wasm::FunctionNames& names = names_of(program);
    Frame frame = {.module = place.code->name,
                   .function = std::nullopt,
                   .function_index = index,
                   .wasm_offset = wasm_offset(program, place),
                   .code_offset = static_cast<uint32_t>(
                       place.offset - program.code().functions[place.function].code_offset)};
    if (const auto name = names.find(index)) frame.function = std::string(*name);
    return frame;
  }

 private:
  const wasm::FunctionNames& names_of(const CompiledProgram& program) {
    const auto it = names_.find(&program);
    if (it != names_.end()) return it->second;
    return names_.emplace(&program, wasm::FunctionNames(program.module())).first->second;
  }

  // Exactly where a site says so, else (stopped between sites, in a prologue) the last known place
  // before.
  static uint32_t wasm_offset(const CompiledProgram& program, const CodePlace& place) {
    const masm::CompiledModule& code = program.code();
    const masm::TrapSite* site = find_site(*place.code, place.offset, place.is_call);
    if (site != nullptr) return site->wasm_offset;
    const uint32_t function_start = code.functions[place.function].code_offset;
    const auto after = std::ranges::upper_bound(
        code.trap_sites, place.offset, {},
        [](const masm::TrapSite& site) { return uint64_t{site.code_offset}; });
    if (after != code.trap_sites.begin() && std::prev(after)->code_offset >= function_start) {
      return std::prev(after)->wasm_offset;
    }
    return program.module()
        .functions[place.function + program.module().imported_functions]
        .body_offset;
  }

  std::unordered_map<const CompiledProgram*, wasm::FunctionNames> names_;
};

void append_frame(std::string& out, uint64_t number, const Frame& frame) {
  const std::string module = frame.module.empty() ? "<unknown>" : frame.module;
  const std::string function =
      frame.function ? *frame.function : format("<wasm function {}>", frame.function_index);
  const std::string offset = frame.wasm_offset ? format("0x{:x}", *frame.wasm_offset) : "<unknown>";
  out += format("  {:>5}: {:>8} - {}!{}\n", number, offset, module, function);
}

bool in_stack_guard(const Store& store, UserAddr address) {
  const UserAddr limit = store.stack().limit;
  return address < limit && (limit - address).bytes() <= abi::kStackGuardBytes;
}

std::string_view name_of(FaultCause cause) {
  switch (cause) {
    case FaultCause::Breakpoint:
      return "breakpoint";
    case FaultCause::Load:
      return "load";
    case FaultCause::Store:
      return "store";
    case FaultCause::Fetch:
      return "instruction fetch";
    case FaultCause::IllegalInstruction:
      return "illegal instruction";
    case FaultCause::Other:
      return "fault";
  }
  return "fault";
}

}  // namespace

std::string_view message_of(abi::TrapKind kind) {
  switch (kind) {
    case abi::TrapKind::None:
      return "no trap";
    case abi::TrapKind::Unreachable:
      return "wasm `unreachable` instruction executed";
    case abi::TrapKind::MemoryOutOfBounds:
      return "out of bounds memory access";
    case abi::TrapKind::TableOutOfBounds:
      return "out of bounds table access";
    case abi::TrapKind::IndirectCallOutOfBounds:
      return "undefined element: out of bounds table access";
    case abi::TrapKind::IndirectCallNull:
      return "uninitialized element";
    case abi::TrapKind::IndirectCallTypeMismatch:
      return "indirect call type mismatch";
    case abi::TrapKind::NullReference:
      return "null reference";
    case abi::TrapKind::IntegerDivideByZero:
      return "integer divide by zero";
    case abi::TrapKind::IntegerOverflow:
      return "integer overflow";
    case abi::TrapKind::InvalidConversion:
      return "invalid conversion to integer";
    case abi::TrapKind::StackOverflow:
      return "call stack exhausted";
    case abi::TrapKind::Interrupted:
      return "interrupt";
    case abi::TrapKind::HostError:
      return "host function failed";
  }
  return "unknown trap";
}

Trap classify(const Store& store, const Fault& fault) {
  const auto trap = [](abi::TrapKind kind) {
    Trap result;
    result.kind = kind;
    return result;
  };
  const bool is_access = fault.cause == FaultCause::Load || fault.cause == FaultCause::Store;
  // Builtins and thunks use the guest's stack as well, so the pc does not matter here.
  if (is_access && in_stack_guard(store, fault.address)) return trap(abi::TrapKind::StackOverflow);

  const ModuleCode* code = store.find_code(fault.pc);
  const masm::TrapSite* site =
      code == nullptr ? nullptr
                      : find_site(*code, (fault.pc - code->address).bytes(), /*is_call=*/false);
  if (site != nullptr) {
    const auto kind = static_cast<abi::TrapKind>(site->kind);
    if (fault.cause == FaultCause::Breakpoint) return trap(kind);
    if (is_access && kind == abi::TrapKind::MemoryOutOfBounds &&
        store.in_memory_reservation(fault.address)) {
      return trap(kind);
    }
    const bool needs_reference =
        kind == abi::TrapKind::IndirectCallNull || kind == abi::TrapKind::NullReference;
    if (fault.cause == FaultCause::Load && needs_reference && fault.address.value() < kNullRegion)
      return trap(kind);
  }
  Trap internal;
  internal.is_internal_error = true;
  internal.detail = format("{} at pc {}", name_of(fault.cause), fault.pc);
  if (is_access) internal.detail += format(", address {}", fault.address);
  internal.detail += " that no trap site explains";
  return internal;
}

Backtrace backtrace(const Store& store, const StopRegisters& stop) {
  Backtrace result;
  std::vector<CodePlace> innermost;
  std::vector<CodePlace> outermost;  // a ring once it is full
  uint64_t count = 0;
  for (Walker walker(store, stop); walker.place() && count < kMaximumFrames;
       walker.step(), ++count) {
    if (innermost.size() < kInnermostFrames) {
      innermost.push_back(*walker.place());
    } else if (outermost.size() < kOutermostFrames) {
      outermost.push_back(*walker.place());
    } else {
      outermost[(count - kInnermostFrames) % kOutermostFrames] = *walker.place();
    }
  }
  Namer namer;
  for (const CodePlace& place : innermost) result.frames.push_back(namer.frame_of(place));
  result.omitted_after = innermost.size();
  result.omitted = count - innermost.size() - outermost.size();
  for (uint64_t i = 0; i < outermost.size(); ++i) {
    // The ring's oldest entry is where the next would go.
    const uint64_t index =
        result.omitted == 0 ? i : (count - kInnermostFrames + i) % kOutermostFrames;
    result.frames.push_back(namer.frame_of(outermost[index]));
  }
  return result;
}

std::string format_trap(const Trap& trap) {
  std::string out;
  if (trap.is_internal_error) {
    out = format("internal error: {}\n", trap.detail);
  } else if (trap.detail.empty()) {
    out = format("wasm trap: {}\n", message_of(trap.kind));
  } else {
    out = format("wasm trap: {}: {}\n", message_of(trap.kind), trap.detail);
  }
  if (!trap.backtrace.frames.empty()) out += "wasm backtrace:\n";
  for (uint64_t i = 0; i < trap.backtrace.frames.size(); ++i) {
    const bool behind_gap = trap.backtrace.omitted != 0 && i >= trap.backtrace.omitted_after;
    if (behind_gap && i == trap.backtrace.omitted_after) {
      out += format("         ... {} more frames ...\n", trap.backtrace.omitted);
    }
    append_frame(out, behind_gap ? i + trap.backtrace.omitted : i, trap.backtrace.frames[i]);
  }
  return out;
}

std::string_view module_name_of_file(std::string_view path) {
  path = path.substr(path.rfind('/') + 1);
  return path.ends_with(".wasm") ? path.substr(0, path.size() - 5) : path;
}

}  // namespace nacre::runtime
