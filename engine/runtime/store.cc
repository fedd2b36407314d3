#include "nacre/engine/runtime/store.hh"

#include <algorithm>
#include <utility>

#include "bytes.hh"
#include "nacre/base/core/format.hh"
#include "thunk.hh"

namespace nacre::runtime {
namespace {

ByteSize round_to_pages(uint64_t bytes) {
  return ByteSize::pages(ByteSize(bytes).pages_up());
}

// Which definitions a page of allocate_definition holds; every kind is a multiple of 8 bytes.
constexpr uint64_t kDefinitionAlignment = 8;

}  // namespace

Store::Store(Platform& platform, TypeRegistry& types, const StoreLimits& limits)
    : platform_(platform), types_(types), limits_(limits) {}

Store::~Store() {
  for (const Range& range : ranges_) platform_.release(range.address, range.size);
}

// ---- Guest address space
// ------------------------------------------------------------------------------------------

Result<UserAddr> Store::reserve(ByteSize size) {
  ASSERT(size.is_page_aligned());
  TRY_ASSIGN(const UserAddr address, platform_.reserve(size));
  ranges_.push_back({address, size});
  return address;
}

Result<UserAddr> Store::allocate(ByteSize size) {
  const ByteSize rounded = round_to_pages(size.bytes());
  TRY_ASSIGN(const UserAddr address, reserve(rounded));
  TRY(platform_.commit(address, rounded));
  return address;
}

Result<UserAddr> Store::publish(std::span<const uint8_t> bytes, Access access) {
  ASSERT(!bytes.empty());
  TRY_ASSIGN(const UserAddr address, platform_.publish(bytes, access));
  ranges_.push_back({address, round_to_pages(bytes.size())});
  return address;
}

Result<UserAddr> Store::allocate_definition(uint64_t size) {
  ASSERT(size % kDefinitionAlignment == 0);
  if (definition_page_.is_null() || definition_page_used_ + size > kPageSize) {
    TRY_ASSIGN(definition_page_, allocate(ByteSize(kPageSize)));
    definition_page_used_ = 0;
  }
  const UserAddr address = definition_page_ + ByteSize(definition_page_used_);
  definition_page_used_ += size;
  return address;
}

// ---- Code
// ---------------------------------------------------------------------------------------------------------

Result<const ModuleCode*> Store::load(std::shared_ptr<const CompiledProgram> program,
                                      std::string_view fallback_name) {
  ASSERT(&program->types() == &types_);
  if (const auto it = codes_.find(program.get()); it != codes_.end()) return it->second.get();

  auto code = std::make_unique<ModuleCode>();
  code->name = wasm::FunctionNames(program->module()).module_name().value_or(fallback_name);
  if (!program->code().code.empty()) {
    TRY_ASSIGN(code->address, publish(program->code().code, Access::ReadExecute));
  }
  std::vector<uint8_t> passive;
  for (const wasm::DataSegment& segment : program->module().data) {
    if (segment.mode == wasm::SegmentMode::Passive) {
      passive.insert(passive.end(), segment.bytes.begin(), segment.bytes.end());
    }
  }
  if (!passive.empty()) {
    TRY_ASSIGN(code->passive_data, publish(passive, Access::Read));
  }
  code->program = std::move(program);
  const ModuleCode* result = code.get();
  if (!result->address.is_null()) {
    const auto position =
        std::ranges::upper_bound(code_map_, result->address, {}, &ModuleCode::address);
    code_map_.insert(position, result);
  }
  codes_.emplace(result->program.get(), std::move(code));
  return result;
}

const ModuleCode* Store::find_code(UserAddr pc) const {
  const auto after = std::ranges::upper_bound(code_map_, pc, {}, &ModuleCode::address);
  if (after == code_map_.begin()) return nullptr;
  const ModuleCode* code = *std::prev(after);
  return (pc - code->address).bytes() < code->program->code().code.size() ? code : nullptr;
}

const HostFunction* Store::find_thunk(UserAddr pc) const {
  for (size_t page = 0; page < thunk_pages_.size(); ++page) {
    if (pc < thunk_pages_[page]) continue;
    const uint64_t offset = (pc - thunk_pages_[page]).bytes();
    if (offset >= kThunkSize * kThunksPerPage) continue;
    const uint64_t index = page * kThunksPerPage + offset / kThunkSize;
    if (index < callees_.size()) return &callees_[index].function;
  }
  return nullptr;
}

Result<UserAddr> Store::thunk(uint64_t index) {
  const uint64_t page = index / kThunksPerPage;
  ASSERT(page <= thunk_pages_.size());
  if (page == thunk_pages_.size()) {
    const std::vector<uint8_t> code =
        make_thunks(abi::kFirstHostFunction + page * kThunksPerPage, kThunksPerPage);
    TRY_ASSIGN(const UserAddr address, publish(code, Access::ReadExecute));
    thunk_pages_.push_back(address);
  }
  return thunk_pages_[page] + ByteSize(index % kThunksPerPage * kThunkSize);
}

// ---- Objects
// ------------------------------------------------------------------------------------------------------

Result<Memory*> Store::make_memory(const wasm::MemoryType& type, UserAddr definition) {
  if (memories_.size() >= limits_.max_memories) {
    return fail(ErrorCode::LimitExceeded, format("more than {} memories", limits_.max_memories));
  }
  const uint64_t minimum = type.limits.minimum;
  if (minimum > limits_.max_memory_bytes / abi::kWasmPageSize) {
    return fail(ErrorCode::LimitExceeded,
                format("memory minimum size of {} pages exceeds the memory limit of {} bytes",
                       minimum, limits_.max_memory_bytes));
  }
  TRY_ASSIGN(const UserAddr base, reserve(ByteSize(abi::kMemoryReservation)));
  auto memory =
      std::make_unique<Memory>(platform_, base, definition, type, limits_.max_memory_bytes);
  if (memory->grow(minimum) != 0) {
    return fail(ErrorCode::OutOfMemory,
                format("no memory for a linear memory of {} pages", minimum));
  }
  memories_.push_back(std::move(memory));
  return memories_.back().get();
}

Result<Table*> Store::make_table(const wasm::TableType& type, UserAddr definition) {
  if (tables_.size() >= limits_.max_tables) {
    return fail(ErrorCode::LimitExceeded, format("more than {} tables", limits_.max_tables));
  }
  const uint64_t minimum = type.limits.minimum;
  if (minimum > limits_.max_table_elements) {
    return fail(ErrorCode::LimitExceeded,
                format("table minimum size of {} elements exceeds the table limit of {}", minimum,
                       limits_.max_table_elements));
  }
  const uint64_t capacity = std::min(type.limits.maximum.value_or(limits_.max_table_elements),
                                     limits_.max_table_elements);
  TRY_ASSIGN(const UserAddr base, reserve(round_to_pages(std::max(8 * capacity, kPageSize))));
  auto table = std::make_unique<Table>(platform_, base, definition, type, capacity);
  if (table->grow(minimum, 0) != 0) {
    return fail(ErrorCode::OutOfMemory, format("no memory for a table of {} elements", minimum));
  }
  tables_.push_back(std::move(table));
  return tables_.back().get();
}

Result<Memory*> Store::create_memory(const wasm::MemoryType& type) {
  TRY_ASSIGN(const UserAddr definition, allocate_definition(sizeof(abi::MemoryDefinition)));
  return make_memory(type, definition);
}

Result<Table*> Store::create_table(const wasm::TableType& type) {
  TRY_ASSIGN(const UserAddr definition, allocate_definition(sizeof(abi::TableDefinition)));
  return make_table(type, definition);
}

Result<Global*> Store::create_global(const wasm::GlobalType& type, uint64_t bits) {
  TRY_ASSIGN(const UserAddr address, allocate_definition(sizeof(uint64_t)));
  auto global = std::make_unique<Global>(platform_, address, type);
  TRY(global->set(bits));
  globals_.push_back(std::move(global));
  return globals_.back().get();
}

Result<Function> Store::create_host_function(const HostFunction& function) {
  if (callees_.size() >= limits_.max_host_functions) {
    return fail(ErrorCode::LimitExceeded,
                format("more than {} host functions", limits_.max_host_functions));
  }
  TRY_ASSIGN(const UserAddr entry, thunk(callees_.size()));
  const uint32_t type_id = types_.intern(function.type);
  callees_.emplace_back(function, type_id);
  return Function{.entry = entry, .vm_context = {}, .type_id = type_id};
}

Result<void> Store::set_stack(const StackRegion& stack) {
  ASSERT(stack.limit < stack.top);
  stack_ = stack;
  for (const std::unique_ptr<Instance>& instance : instances_) {
    const UserAddr field = instance->vm_context() + ByteSize(offsetof(abi::VmContext, stack_limit));
    TRY(write_object(platform_, field, stack.limit.value()));
  }
  return {};
}

// ---- Services for a running guest
// ---------------------------------------------------------------------------------

Instance* Store::find_instance_slow(UserAddr vm_context) {
  const auto it = by_vm_context_.find(vm_context.value());
  if (it == by_vm_context_.end()) return nullptr;
  last_vm_context_ = vm_context;
  last_instance_ = it->second;
  return last_instance_;
}

namespace {

// The i32 -1, as compiled code keeps it in a register.
constexpr uint64_t kRefused = ~uint64_t{0};

}  // namespace

uint64_t Store::grow_memory(UserAddr vm_context, uint64_t memory_index, uint64_t delta_pages) {
  const Instance* instance = find_instance(vm_context);
  Memory* memory = instance == nullptr ? nullptr : instance->memory(memory_index);
  if (memory == nullptr) return kRefused;
  return static_cast<uint64_t>(memory->grow(static_cast<uint32_t>(delta_pages)));
}

uint64_t Store::grow_table(UserAddr vm_context, uint64_t table_index, uint64_t reference,
                           uint64_t delta) {
  const Instance* instance = find_instance(vm_context);
  Table* table = instance == nullptr ? nullptr : instance->table(table_index);
  if (table == nullptr) return kRefused;
  return static_cast<uint64_t>(table->grow(static_cast<uint32_t>(delta), reference));
}

bool Store::in_memory_reservation(UserAddr address) const {
  return std::ranges::any_of(memories_, [address](const std::unique_ptr<Memory>& memory) {
    return address >= memory->base() &&
           (address - memory->base()).bytes() < abi::kMemoryReservation;
  });
}

}  // namespace nacre::runtime
