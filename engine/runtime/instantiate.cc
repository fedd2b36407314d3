// Instantiation, core specification 2.0 §4.5.4: check imports, allocate, fill in the VmContext,
// initialise tables and memories in order. Checking changes nothing; after that only resource
// limits and traps of active segments can end it.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "bytes.hh"
#include "nacre/base/core/format.hh"
#include "nacre/engine/runtime/linker.hh"
#include "nacre/engine/runtime/store.hh"
#include "nacre/engine/runtime/thread_entry.hh"

namespace nacre::runtime {
namespace {

// For the PausePoint.
constexpr uint32_t kGlobalWork = 5;
constexpr uint32_t kSegmentWork = 10;
constexpr uint32_t kObjectWork = 50;

constexpr size_t kReferencesAtOnce = 1 << 16;

std::string to_string(const wasm::Limits& limits) {
  if (limits.maximum) return format("{}..{}", limits.minimum, *limits.maximum);
  return format("{}..", limits.minimum);
}
std::string to_string(const wasm::TableType& type, uint64_t size) {
  return format("table {} of {}", to_string(wasm::Limits{size, type.limits.maximum}),
                wasm::name_of(type.element));
}
std::string to_string(const wasm::MemoryType& type, uint64_t pages) {
  return format("memory {} pages", to_string(wasm::Limits{pages, type.limits.maximum}));
}
std::string to_string(const wasm::GlobalType& type) {
  return format("{}global {}", type.is_mutable ? "mutable " : "", wasm::name_of(type.type));
}

// §4.5.3.3 for limits: the object may be larger than demanded, but must not grow beyond what the
// import promises.
bool matches(uint64_t size, const wasm::Limits& found, const wasm::Limits& wanted) {
  if (size < wanted.minimum) return false;
  if (!wanted.maximum) return true;
  return found.maximum && *found.maximum <= *wanted.maximum;
}

}  // namespace

class Instantiator {
 public:
  Instantiator(Store& store, const ModuleCode& code, std::span<const Extern> imports)
      : store_(store),
        code_(code),
        module_(code.program->module()),
        layout_(code.program->layout()),
        imports_(imports),
        pauses_(store.platform_.pauses()) {}

  Result<Instantiation> run() {
    TRY(check_imports());
    if (store_.instances_.size() >= store_.limits_.max_instances) {
      return fail(ErrorCode::LimitExceeded,
                  format("more than {} instances", store_.limits_.max_instances));
    }
    TRY(allocate());
    take_imports();
    TRY(create_memories_and_tables());
    TRY(create_globals());
    TRY(evaluate_elements());
    fill_header();
    fill_functions();
    fill_segments();
    TRY(store_.platform_.write(instance_->vm_context(), image()));

    Instance* instance = instance_.get();
    store_.by_vm_context_.emplace(instance->vm_context().value(), instance);
    store_.instances_.push_back(std::move(instance_));
    TRY_ASSIGN(const abi::TrapKind trap, initialise(*instance));
    return Instantiation{.instance = instance, .trap = trap};
  }

 private:
  // ---- Imports ----

  Result<void> check_imports() {
    if (imports_.size() != module_.imports.size()) {
      return fail(ErrorCode::Unlinkable,
                  format("unknown import: the module has {} imports, but {} were given",
                         module_.imports.size(), imports_.size()));
    }
    for (size_t i = 0; i < imports_.size(); ++i) {
      const wasm::Import& import = module_.imports[i];
      pauses_.did(1);
      if (fits(import, imports_[i])) continue;
      return fail(ErrorCode::Unlinkable,
                  format("incompatible import type: {}.{}: expected {}, found {}", import.module,
                         import.name, describe(import), describe(imports_[i])));
    }
    return {};
  }

  // Whether the given object has the type that the import names.
  bool fits(const wasm::Import& import, const Extern& given) const {
    switch (import.kind) {
      case wasm::ExternKind::Function: {
        const auto* function = std::get_if<Function>(&given);
        return function != nullptr &&
               function->type_id == code_.program->function_type_id(import.index);
      }
      case wasm::ExternKind::Table: {
        const wasm::TableType& type = module_.tables[import.index];
        if (!std::holds_alternative<Table*>(given)) return false;
        const Table& table = *std::get<Table*>(given);
        return table.type().element == type.element &&
               matches(table.size(), table.type().limits, type.limits);
      }
      case wasm::ExternKind::Memory: {
        if (!std::holds_alternative<Memory*>(given)) return false;
        const Memory& memory = *std::get<Memory*>(given);
        return matches(memory.pages(), memory.type().limits, module_.memories[import.index].limits);
      }
      case wasm::ExternKind::Global: {
        const wasm::GlobalType& type = module_.globals[import.index].type;
        if (!std::holds_alternative<Global*>(given)) return false;
        const wasm::GlobalType& given_type = std::get<Global*>(given)->type();
        return given_type.type == type.type && given_type.is_mutable == type.is_mutable;
      }
    }
    return false;
  }

  std::string describe(const wasm::Import& import) const {
    switch (import.kind) {
      case wasm::ExternKind::Function:
        return "function " + runtime::to_string(module_.type_of_function(import.index));
      case wasm::ExternKind::Table: {
        const wasm::TableType& type = module_.tables[import.index];
        return to_string(type, type.limits.minimum);
      }
      case wasm::ExternKind::Memory: {
        const wasm::MemoryType& type = module_.memories[import.index];
        return to_string(type, type.limits.minimum);
      }
      case wasm::ExternKind::Global:
        return to_string(module_.globals[import.index].type);
    }
    return "";
  }

  std::string describe(const Extern& given) const {
    switch (given.index()) {
      case 0:
        return "function " +
               runtime::to_string(store_.types_.type(std::get<Function>(given).type_id));
      case 1:
        return to_string(std::get<Table*>(given)->type(), std::get<Table*>(given)->size());
      case 2:
        return to_string(std::get<Memory*>(given)->type(), std::get<Memory*>(given)->pages());
      default:
        return to_string(std::get<Global*>(given)->type());
    }
  }

  void take_imports() {
    for (const Extern& given : imports_) {
      pauses_.did(1);
      if (const auto* function = std::get_if<Function>(&given)) {
        Function imported = *function;
        // A host function runs on behalf of whoever imports it.
        if (imported.vm_context.is_null()) imported.vm_context = instance_->vm_context();
        instance_->imported_functions_.push_back(imported);
      } else if (const auto* table = std::get_if<Table*>(&given)) {
        instance_->tables_.push_back(*table);
      } else if (const auto* memory = std::get_if<Memory*>(&given)) {
        instance_->memories_.push_back(*memory);
      } else {
        instance_->globals_.push_back(std::get<Global*>(given));
      }
    }
  }

  // ---- Allocation ----

  // Room for the VmContext and, behind it, the references of the element segments.
  Result<void> allocate() {
    elements_offset_ = (uint64_t{layout_.size()} + 7) & ~uint64_t{7};
    uint64_t references = 0;
    for (const wasm::ElementSegment& segment : module_.elements)
      references += segment.elements.size();
    // A vector would be cleared byte by byte.
    image_size_ = elements_offset_ + 8 * references;
    image_bytes_ = std::make_unique<uint8_t[]>(image_size_);
    TRY_ASSIGN(const UserAddr vm_context, store_.allocate(ByteSize(image_size_)));
    const auto id = static_cast<uint32_t>(store_.instances_.size());
    instance_ = std::make_unique<Instance>(store_, id, code_, vm_context);
    return {};
  }

  Result<void> create_memories_and_tables() {
    const UserAddr vm = instance_->vm_context();
    for (uint32_t i = module_.imported_memories; i < module_.memories.size(); ++i) {
      pauses_.did(kObjectWork);
      TRY_ASSIGN(Memory * memory,
                 store_.make_memory(module_.memories[i], vm + ByteSize(layout_.memory(i))));
      instance_->memories_.push_back(memory);
    }
    for (uint32_t i = module_.imported_tables; i < module_.tables.size(); ++i) {
      pauses_.did(kObjectWork);
      TRY_ASSIGN(Table * table,
                 store_.make_table(module_.tables[i], vm + ByteSize(layout_.table(i))));
      instance_->tables_.push_back(table);
    }
    // What making them published is read back, so that writing the whole image later does not undo
    // it. The tables' definitions follow the memories', and behind both are the imports.
    const uint32_t begin = layout_.memory(0);
    return store_.platform_.read(vm + ByteSize(begin),
                                 image().subspan(begin, layout_.imported_function(0) - begin));
  }

  Result<void> create_globals() {
    for (uint32_t i = 0; i < module_.globals.size(); ++i) {
      pauses_.did(kGlobalWork);
      if (i < module_.imported_globals) {
        put(layout_.global(i), instance_->globals_[i]->address().value());
        continue;
      }
      const wasm::Global& global = module_.globals[i];
      const UserAddr address = instance_->vm_context() + ByteSize(layout_.global(i));
      TRY_ASSIGN(const uint64_t bits, evaluate(*global.init));
      const uint64_t slot = to_slot(global.type.type, bits);
      put(layout_.global(i), slot);
      // Later initialisers may read it through its object.
      TRY(write_object(store_.platform_, address, slot));
      store_.globals_.push_back(std::make_unique<Global>(store_.platform_, address, global.type));
      instance_->globals_.push_back(store_.globals_.back().get());
    }
    return {};
  }

  // Bits of a constant expression's value.
  Result<uint64_t> evaluate(const wasm::ConstExpr& expression) const {
    switch (expression.kind) {
      case wasm::ConstExpr::Kind::GlobalGet:
        ASSERT(expression.bits < instance_->globals_.size());
        return instance_->globals_[expression.bits]->get();
      case wasm::ConstExpr::Kind::RefNull:
        return uint64_t{0};
      case wasm::ConstExpr::Kind::RefFunc:
        return instance_->func_ref(static_cast<uint32_t>(expression.bits)).value();
      default:
        return expression.bits;
    }
  }

  Result<void> evaluate_elements() {
    uint64_t offset = elements_offset_;
    for (const wasm::ElementSegment& segment : module_.elements) {
      for (const wasm::ConstExpr& element : segment.elements) {
        pauses_.did(1);
        TRY_ASSIGN(const uint64_t reference, evaluate(element));
        put(offset, reference);
        offset += 8;
      }
    }
    return {};
  }

  // ---- The VmContext's image ----

  [[nodiscard]] std::span<uint8_t> image() { return {image_bytes_.get(), image_size_}; }

  template <class T>
  void put(uint64_t offset, const T& value) {
    ASSERT(offset + sizeof(T) <= image_size_);
    std::memcpy(image_bytes_.get() + offset, &value, sizeof(T));
  }

  void fill_header() {
    put(0, abi::VmContext{.magic = abi::VmContext::kMagic,
                          .instance_id = instance_->id(),
                          .memory0_base = instance_->memory0_base().value(),
                          .stack_limit = store_.stack_.limit.value(),
                          .builtins = store_.platform_.builtin_table().value(),
                          .host_call = store_.platform_.host_call_gate().value(),
                          .reserved = {}});
    for (uint32_t i = 0; i < module_.imported_memories; ++i) {
      put(layout_.memory(i), instance_->memories_[i]->definition().value());
    }
    for (uint32_t i = 0; i < module_.imported_tables; ++i) {
      put(layout_.table(i), instance_->tables_[i]->definition().value());
    }
  }

  void fill_functions() {
    for (uint32_t i = 0; i < module_.functions.size(); ++i) {
      pauses_.did(1);
      const Function function = instance_->function(i);
      if (i < module_.imported_functions) {
        put(layout_.imported_function(i),
            abi::ImportedFunction{.entry = function.entry.value(),
                                  .vm_context = function.vm_context.value()});
      }
      put(layout_.func_ref(i), abi::FuncRef{.entry = function.entry.value(),
                                            .vm_context = function.vm_context.value(),
                                            .type_id = function.type_id,
                                            .function_index = i});
    }
  }

  // Passive segments only: the others count as dropped once instantiation is over.
  void fill_segments() {
    uint64_t data_offset = 0;
    for (uint32_t i = 0; i < module_.data.size(); ++i) {
      const wasm::DataSegment& segment = module_.data[i];
      if (segment.mode != wasm::SegmentMode::Passive || segment.bytes.empty()) continue;
      put(layout_.data_segment(i),
          abi::SegmentDefinition{.base = (code_.passive_data + ByteSize(data_offset)).value(),
                                 .length = segment.bytes.size()});
      data_offset += segment.bytes.size();
    }
    uint64_t element_offset = elements_offset_;
    for (uint32_t i = 0; i < module_.elements.size(); ++i) {
      const wasm::ElementSegment& segment = module_.elements[i];
      if (segment.mode == wasm::SegmentMode::Passive) {
        put(layout_.element_segment(i),
            abi::SegmentDefinition{
                .base = (instance_->vm_context() + ByteSize(element_offset)).value(),
                .length = segment.elements.size()});
      }
      element_offset += 8 * segment.elements.size();
    }
  }

  // ---- Active segments ----

  // Tables, then memories, each in order; the first that does not fit traps and leaves what came
  // before it in place.
  Result<abi::TrapKind> initialise(Instance& instance) {
    uint64_t element_offset = elements_offset_;
    for (const wasm::ElementSegment& segment : module_.elements) {
      const uint64_t first = element_offset;
      element_offset += 8 * segment.elements.size();
      if (segment.mode != wasm::SegmentMode::Active) continue;
      pauses_.did(kSegmentWork);
      TRY_ASSIGN(const uint64_t at, evaluate_offset(instance, *segment.offset));
      Table& table = *instance.tables_[segment.table_index];
      if (segment.elements.size() > table.size() || at > table.size() - segment.elements.size()) {
        return abi::TrapKind::TableOutOfBounds;
      }
      std::vector<uint64_t> references(
          std::min<size_t>(segment.elements.size(), kReferencesAtOnce));
      for (size_t done = 0; done < segment.elements.size(); done += references.size()) {
        references.resize(std::min(references.size(), segment.elements.size() - done));
        std::memcpy(references.data(), image_bytes_.get() + first + 8 * done,
                    8 * references.size());
        TRY(table.write(at + done, references));
      }
    }
    for (const wasm::DataSegment& segment : module_.data) {
      if (segment.mode != wasm::SegmentMode::Active) continue;
      pauses_.did(kSegmentWork);
      TRY_ASSIGN(const uint64_t at, evaluate_offset(instance, *segment.offset));
      Memory& memory = *instance.memories_[segment.memory_index];
      if (!memory.contains(at, segment.bytes.size())) return abi::TrapKind::MemoryOutOfBounds;
      TRY(memory.write(at, segment.bytes));
    }
    return abi::TrapKind::None;
  }

  // Offsets are i32 and count as unsigned.
  static Result<uint64_t> evaluate_offset(const Instance& instance,
                                          const wasm::ConstExpr& expression) {
    if (expression.kind == wasm::ConstExpr::Kind::GlobalGet) {
      TRY_ASSIGN(const uint64_t bits, instance.globals_[expression.bits]->get());
      return static_cast<uint32_t>(bits);
    }
    return static_cast<uint32_t>(expression.bits);
  }

  Store& store_;
  const ModuleCode& code_;
  const wasm::Module& module_;
  const wasm::VmLayout& layout_;
  std::span<const Extern> imports_;
  mutable PausePoint pauses_;
  std::unique_ptr<Instance> instance_;
  // Of the VmContext and the element segments' references.
  std::unique_ptr<uint8_t[]> image_bytes_;
  uint64_t image_size_ = 0;
  uint64_t elements_offset_ = 0;  // of those references in the image
};

Result<Instantiation> Store::instantiate(const ModuleCode& code, std::span<const Extern> imports) {
  return Instantiator(*this, code, imports).run();
}

}  // namespace nacre::runtime
