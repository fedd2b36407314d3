#include "nacre/engine/runtime/store.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bytes.hh"
#include "fake_platform.hh"
#include "nacre/engine/runtime/linker.hh"
#include "nacre/engine/runtime/thread_entry.hh"
#include "test_modules.hh"

namespace nacre::runtime {
namespace {

using testing::HasSubstr;
using wasm::ExternKind;
using wasm::ValType;

HostOutcome do_nothing(void*, HostCall&) {
  return HostOutcome::returned();
}

class StoreTest : public testing::Test {
 protected:
  Instantiation instantiate(wasm::Module module) {
    auto result = try_instantiate(std::move(module));
    EXPECT_TRUE(result) << result.error().to_string();
    return *result;
  }
  Result<Instantiation> try_instantiate(wasm::Module module) {
    TRY_ASSIGN(const ModuleCode* code, store_.load(make_program(std::move(module), types_)));
    return linker_.instantiate(store_, *code);
  }
  std::string error_of(wasm::Module module) {
    const auto result = try_instantiate(std::move(module));
    return result ? "no error" : result.error().message();
  }
  template <class T>
  T peek(UserAddr address) {
    const auto value = read_object<T>(platform_, address);
    EXPECT_TRUE(value);
    return *value;
  }

  FakePlatform platform_;
  TypeRegistry types_;
  Store store_{platform_, types_};
  Linker linker_;
};

wasm::Module importing(ExternKind kind) {
  wasm::Module module;
  module.imports.push_back({"env", "thing", kind, 0});
  return module;
}

// (module (memory min max) (export "m" (memory 0)))
wasm::Module memory_module(uint64_t minimum, std::optional<uint64_t> maximum = std::nullopt) {
  wasm::Module module;
  module.memories.push_back({{minimum, maximum}});
  module.exports.push_back({"m", ExternKind::Memory, 0});
  return module;
}

wasm::Module table_module(uint64_t minimum, std::optional<uint64_t> maximum = std::nullopt) {
  wasm::Module module;
  module.tables.push_back({ValType::FuncRef, {minimum, maximum}});
  module.exports.push_back({"t", ExternKind::Table, 0});
  return module;
}

TEST_F(StoreTest, HeaderDescribesTheInstance) {
  ASSERT_TRUE(store_.set_stack({UserAddr(0x5000'0000), UserAddr(0x5010'0000)}));
  const Instance& instance = *instantiate(memory_module(3)).instance;
  const auto header = peek<abi::VmContext>(instance.vm_context());
  EXPECT_EQ(header.magic, abi::VmContext::kMagic);
  EXPECT_EQ(header.memory0_base, instance.memory(0)->base().value());
  EXPECT_EQ(header.stack_limit, 0x5000'0000u);
  EXPECT_EQ(header.builtins, FakePlatform::kBuiltinTable);
  EXPECT_EQ(header.host_call, FakePlatform::kGate);
  const auto definition = peek<abi::MemoryDefinition>(instance.memory(0)->definition());
  EXPECT_EQ(definition.base, instance.memory(0)->base().value());
  EXPECT_EQ(definition.length, 3 * abi::kWasmPageSize);
  EXPECT_EQ(instance.memory(0)->definition(),
            instance.vm_context() + ByteSize(instance.program().layout().memory(0)));
}

TEST_F(StoreTest, StackLimitReachesLivingInstances) {
  const Instance& instance = *instantiate(memory_module(0)).instance;
  ASSERT_TRUE(store_.set_stack({UserAddr(0x6000'0000), UserAddr(0x6010'0000)}));
  EXPECT_EQ(peek<abi::VmContext>(instance.vm_context()).stack_limit, 0x6000'0000u);
}

TEST_F(StoreTest, MemoryGrowsToItsMaximum) {
  Memory& memory = *instantiate(memory_module(1, 3)).instance->memory(0);
  EXPECT_EQ(memory.grow(0), 1);
  EXPECT_EQ(memory.grow(2), 1);
  EXPECT_EQ(memory.pages(), 3u);
  EXPECT_EQ(peek<abi::MemoryDefinition>(memory.definition()).length, 3 * abi::kWasmPageSize);
  EXPECT_EQ(memory.grow(1), -1);
  EXPECT_EQ(memory.grow(0xffff'ffff), -1);
  EXPECT_EQ(memory.pages(), 3u);
}

TEST_F(StoreTest, MemoryGrowthStopsAtTheLimitAndWhenThePlatformRefuses) {
  StoreLimits limits;
  limits.max_memory_bytes = 5 * abi::kWasmPageSize;
  Store limited(platform_, types_, limits);
  const auto memory = limited.create_memory({{2, std::nullopt}});
  ASSERT_TRUE(memory);
  EXPECT_EQ((*memory)->grow(4), -1);
  platform_.commit_limit = platform_.committed + 2 * abi::kWasmPageSize;
  EXPECT_EQ((*memory)->grow(3), -1);
  EXPECT_EQ((*memory)->pages(), 2u);
  EXPECT_EQ((*memory)->grow(2), 2);
  const auto too_large = limited.create_memory({{6, std::nullopt}});
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code(), ErrorCode::LimitExceeded);
}

TEST_F(StoreTest, MemoryAccessIsCheckedAgainstTheBooks) {
  Memory& memory = *instantiate(memory_module(1)).instance->memory(0);
  ASSERT_TRUE(memory.store<uint32_t>(65532, 0x01020304));
  EXPECT_EQ(*memory.load<uint32_t>(65532), 0x01020304u);
  EXPECT_FALSE(memory.load<uint32_t>(65533));
  EXPECT_FALSE(memory.store<uint8_t>(65536, 0));
  EXPECT_FALSE(memory.load<uint32_t>(~uint64_t{0} - 1));
  EXPECT_TRUE(memory.read(65536, {}));
  EXPECT_FALSE(memory.read(65537, {}));
  // What the guest writes into its definition does not matter.
  ASSERT_TRUE(write_object(platform_, memory.definition(), abi::MemoryDefinition{0, 1 << 30}));
  EXPECT_FALSE(memory.load<uint8_t>(65536));
}

TEST_F(StoreTest, TableGrowsAndFills) {
  Table& table = *instantiate(table_module(2, 1000)).instance->table(0);
  EXPECT_EQ(table.grow(700, 0x1230), 2);
  EXPECT_EQ(*table.get(1), 0u);
  EXPECT_EQ(*table.get(2), 0x1230u);
  EXPECT_EQ(*table.get(701), 0x1230u);
  EXPECT_FALSE(table.get(702));
  EXPECT_EQ(table.grow(299, 0), -1);
  EXPECT_EQ(table.grow(298, 0), 702);
  EXPECT_EQ(peek<abi::TableDefinition>(table.definition()).length, 1000u);
}

TEST_F(StoreTest, TableLimits) {
  StoreLimits limits;
  limits.max_table_elements = 100;
  Store limited(platform_, types_, limits);
  const auto table = limited.create_table({ValType::ExternRef, {10, std::nullopt}});
  ASSERT_TRUE(table);
  EXPECT_EQ((*table)->grow(91, 0), -1);
  EXPECT_EQ((*table)->grow(90, 0), 10);
  EXPECT_FALSE(limited.create_table({ValType::FuncRef, {101, std::nullopt}}));
}

TEST_F(StoreTest, GrowServicesTakeAllegations) {
  const Instance& instance = *instantiate(memory_module(1, 10)).instance;
  EXPECT_EQ(store_.grow_memory(instance.vm_context(), 0, 1), 1u);
  EXPECT_EQ(store_.grow_memory(instance.vm_context(), 1, 1), ~uint64_t{0});
  EXPECT_EQ(store_.grow_memory(instance.vm_context() + ByteSize(8), 0, 1), ~uint64_t{0});
  EXPECT_EQ(store_.grow_memory(UserAddr(), 0, 1), ~uint64_t{0});
  EXPECT_EQ(store_.grow_table(instance.vm_context(), 0, 0, 1), ~uint64_t{0});
  // Only 32 bits of a delta count, as in the guest.
  EXPECT_EQ(store_.grow_memory(instance.vm_context(), 0, 0xffff'ffff'0000'0001), 2u);
}

TEST_F(StoreTest, SharedMemoryHasOneDefinition) {
  const Instance& owner = *instantiate(memory_module(1)).instance;
  linker_.define("env", "thing", owner.memory(0));
  wasm::Module importer = importing(ExternKind::Memory);
  importer.memories.push_back({{1, std::nullopt}});
  importer.imported_memories = 1;
  const Instance& instance = *instantiate(std::move(importer)).instance;
  EXPECT_EQ(instance.memory(0), owner.memory(0));
  EXPECT_EQ(instance.memory0_base(), owner.memory0_base());
  const UserAddr slot = instance.vm_context() + ByteSize(instance.program().layout().memory(0));
  EXPECT_EQ(peek<uint64_t>(slot), owner.memory(0)->definition().value());
  EXPECT_EQ(store_.grow_memory(instance.vm_context(), 0, 1), 1u);
  EXPECT_EQ(owner.memory(0)->pages(), 2u);
}

TEST_F(StoreTest, GlobalsAreInitialisedAndShared) {
  wasm::Module module;
  module.globals.push_back({{ValType::I32, true}, i32(static_cast<uint32_t>(-5))});
  module.globals.push_back(
      {{ValType::F32, false}, wasm::ConstExpr{wasm::ConstExpr::Kind::F32, 0x3f800000}});
  module.exports.push_back({"g", ExternKind::Global, 0});
  const Instance& owner = *instantiate(std::move(module)).instance;
  // Sign-extended where compiled code reads it, 32 bits for the embedder.
  EXPECT_EQ(peek<uint64_t>(owner.global(0)->address()), static_cast<uint64_t>(-5));
  EXPECT_EQ(*owner.global(0)->get(), 0xffff'fffbu);
  EXPECT_EQ(*owner.global(1)->get(), 0x3f800000u);

  linker_.define("env", "thing", owner.global(0));
  wasm::Module importer = importing(ExternKind::Global);
  importer.globals.push_back({{ValType::I32, true}, std::nullopt});
  importer.imported_globals = 1;
  const Instance& instance = *instantiate(std::move(importer)).instance;
  const UserAddr slot = instance.vm_context() + ByteSize(instance.program().layout().global(0));
  EXPECT_EQ(peek<uint64_t>(slot), owner.global(0)->address().value());
  ASSERT_TRUE(instance.global(0)->set(7));
  EXPECT_EQ(*owner.global(0)->get(), 7u);
}

TEST_F(StoreTest, GlobalInitialiserReadsAnImport) {
  const auto imported = store_.create_global({ValType::I64, false}, 0x1234'5678'9abc'def0);
  ASSERT_TRUE(imported);
  linker_.define("env", "thing", *imported);
  wasm::Module module = importing(ExternKind::Global);
  module.globals.push_back({{ValType::I64, false}, std::nullopt});
  module.globals.push_back({{ValType::I64, false}, global_get(0)});
  module.imported_globals = 1;
  EXPECT_EQ(*instantiate(std::move(module)).instance->global(1)->get(), 0x1234'5678'9abc'def0u);
}

// ---- Import errors --------------------------------------------------------------------------------------------------

TEST_F(StoreTest, UnknownImportIsNamed) {
  wasm::Module module = importing(ExternKind::Function);
  module.types.push_back({{ValType::I32}, {ValType::F64}});
  module.functions.push_back({0});
  module.imported_functions = 1;
  const std::string error = error_of(std::move(module));
  EXPECT_THAT(error, HasSubstr("unknown import: env.thing"));
  EXPECT_THAT(error, HasSubstr("(i32) -> (f64)"));
}

TEST_F(StoreTest, FunctionTypesMustBeEqual) {
  ASSERT_TRUE(
      linker_.define_host_function(store_, {"env", "thing", {{ValType::I64}, {}}, do_nothing}));
  wasm::Module module = importing(ExternKind::Function);
  module.types.push_back({{ValType::I32}, {}});
  module.functions.push_back({0});
  module.imported_functions = 1;
  const std::string error = error_of(module);
  EXPECT_THAT(error, HasSubstr("incompatible import type: env.thing"));
  EXPECT_THAT(error, HasSubstr("expected function (i32) -> (), found function (i64) -> ()"));
  linker_.define("env", "thing", *store_.create_global({ValType::I32, false}, 0));
  EXPECT_THAT(error_of(module), HasSubstr("incompatible import type"));
}

struct LimitsCase {
  wasm::Limits found;
  wasm::Limits wanted;
  bool matches;
};

TEST_F(StoreTest, LimitsOfMemoriesAndTables) {
  const LimitsCase cases[] = {
      {{1, {}}, {1, {}}, true}, {{2, {}}, {1, {}}, true}, {{1, {}}, {2, {}}, false},
      {{1, {}}, {1, 2}, false}, {{1, 2}, {1, 2}, true},   {{1, 2}, {1, 3}, true},
      {{1, 3}, {1, 2}, false},  {{1, 2}, {0, {}}, true},  {{0, 0}, {0, 0}, true},
  };
  for (const LimitsCase& c : cases) {
    linker_.define("env", "thing", *store_.create_memory({c.found}));
    wasm::Module memory = importing(ExternKind::Memory);
    memory.memories.push_back({c.wanted});
    memory.imported_memories = 1;
    const std::string memory_error = error_of(std::move(memory));
    linker_.define("env", "thing", *store_.create_table({ValType::FuncRef, c.found}));
    wasm::Module table = importing(ExternKind::Table);
    table.tables.push_back({ValType::FuncRef, c.wanted});
    table.imported_tables = 1;
    const std::string table_error = error_of(std::move(table));
    if (c.matches) {
      EXPECT_EQ(memory_error, "no error");
      EXPECT_EQ(table_error, "no error");
    } else {
      EXPECT_THAT(memory_error, HasSubstr("incompatible import type"));
      EXPECT_THAT(table_error, HasSubstr("incompatible import type"));
    }
  }
}

TEST_F(StoreTest, GrownMemoryMatchesByItsCurrentSize) {
  Memory* memory = *store_.create_memory({{1, 5}});
  ASSERT_EQ(memory->grow(2), 1);
  linker_.define("env", "thing", memory);
  wasm::Module module = importing(ExternKind::Memory);
  module.memories.push_back({{3, 5}});
  module.imported_memories = 1;
  EXPECT_EQ(error_of(std::move(module)), "no error");
}

TEST_F(StoreTest, TableElementAndGlobalTypesMustBeEqual) {
  linker_.define("env", "thing", *store_.create_table({ValType::ExternRef, {1, {}}}));
  wasm::Module table = importing(ExternKind::Table);
  table.tables.push_back({ValType::FuncRef, {1, {}}});
  table.imported_tables = 1;
  EXPECT_THAT(error_of(std::move(table)),
              HasSubstr("expected table 1.. of funcref, found table 1.. of externref"));
  linker_.define("env", "thing", *store_.create_global({ValType::I32, false}, 0));
  wasm::Module global = importing(ExternKind::Global);
  global.globals.push_back({{ValType::I32, true}, std::nullopt});
  global.imported_globals = 1;
  EXPECT_THAT(error_of(std::move(global)),
              HasSubstr("expected mutable global i32, found global i32"));
}

TEST_F(StoreTest, HostFunctionsAreCreatedWhenTheyAreImported) {
  const HostFunction functions[] = {{"env", "other", {{}, {}}, do_nothing},
                                    {"else", "thing", {{ValType::I32}, {}}, do_nothing},
                                    {"env", "thing", {{ValType::I64}, {}}, do_nothing}};
  linker_.define_host_functions(store_, functions);
  wasm::Module module = importing(ExternKind::Function);
  module.types = {{{ValType::I64}, {}}};
  module.functions = {{0}};
  module.imported_functions = 1;
  const Instance& first = *instantiate(module).instance;
  const Instance& second = *instantiate(module).instance;
  EXPECT_EQ(first.function(0).entry, second.function(0).entry);
  EXPECT_NE(store_.find_host_callee(abi::kFirstHostFunction), nullptr);
  EXPECT_EQ(store_.find_host_callee(abi::kFirstHostFunction + 1), nullptr);
  module.imports[0].name = "missing";
  EXPECT_THAT(error_of(module), HasSubstr("unknown import: env.missing"));
  // What was defined by hand comes first.
  module.imports[0].name = "other";
  module.types = {{{}, {ValType::F32}}};
  EXPECT_THAT(error_of(module), HasSubstr("incompatible import type"));
  ASSERT_TRUE(
      linker_.define_host_function(store_, {"env", "other", {{}, {ValType::F32}}, do_nothing}));
  EXPECT_EQ(error_of(module), "no error");
}

// ---- Functions and segments -----------------------------------------------------------------------------------------

TEST_F(StoreTest, FunctionReferencesNameCodeContextAndType) {
  ASSERT_TRUE(
      linker_.define_host_function(store_, {"env", "thing", {{ValType::I64}, {}}, do_nothing}));
  wasm::Module module = importing(ExternKind::Function);
  module.types = {{{ValType::I64}, {}}, {{}, {ValType::I32}}};
  module.functions = {{0}, {1}, {1}};
  module.imported_functions = 1;
  const Instance& instance = *instantiate(std::move(module)).instance;
  const auto imported = peek<abi::FuncRef>(instance.func_ref(0));
  EXPECT_EQ(imported.vm_context, instance.vm_context().value());
  EXPECT_EQ(imported.type_id, types_.intern({{ValType::I64}, {}}));
  const HostFunction* host = store_.find_thunk(UserAddr(imported.entry));
  ASSERT_NE(host, nullptr);
  EXPECT_EQ(host->name, "thing");
  const auto import_slot = peek<abi::ImportedFunction>(
      instance.vm_context() + ByteSize(instance.program().layout().imported_function(0)));
  EXPECT_EQ(import_slot.entry, imported.entry);
  EXPECT_EQ(import_slot.vm_context, instance.vm_context().value());

  const auto second = peek<abi::FuncRef>(instance.func_ref(2));
  EXPECT_EQ(second.entry, (instance.code().address + ByteSize(16)).value());
  EXPECT_EQ(second.type_id, types_.intern({{}, {ValType::I32}}));
  EXPECT_EQ(second.function_index, 2u);
  EXPECT_EQ(store_.find_code(UserAddr(second.entry + 15)), &instance.code());
  EXPECT_EQ(store_.find_code(UserAddr(second.entry + 16)), nullptr);
}

TEST_F(StoreTest, ThunksOfManyHostFunctionsAreDistinct) {
  Function previous;
  for (int i = 0; i < 600; ++i) {
    const auto function = store_.create_host_function({"env", "many", {{}, {}}, do_nothing});
    ASSERT_TRUE(function);
    EXPECT_NE(function->entry, previous.entry);
    // lui t0, high; addi t0, t0, low: together the system call number.
    const auto lui = peek<uint32_t>(function->entry);
    const auto addi = static_cast<int32_t>(peek<uint32_t>(function->entry + ByteSize(4)));
    EXPECT_EQ(lui & 0xfff, 0x2b7u);
    EXPECT_EQ(static_cast<int32_t>(lui & 0xfffff000) + (addi >> 20),
              static_cast<int32_t>(abi::kFirstHostFunction) + i);
    previous = *function;
  }
}

TEST_F(StoreTest, ActiveSegmentsAreWrittenInOrder) {
  wasm::Module module = table_module(4);
  module.types = {{{}, {}}};
  module.functions = {{0}, {0}};
  module.memories.push_back({{1, {}}});
  const uint8_t bytes[] = {1, 2, 3, 4};
  module.elements.push_back(
      {wasm::SegmentMode::Active, ValType::FuncRef, 0, i32(1), {ref_func(1), ref_null()}});
  module.elements.push_back(
      {wasm::SegmentMode::Active, ValType::FuncRef, 0, i32(2), {ref_func(0)}});
  module.data.push_back({wasm::SegmentMode::Active, 0, i32(10), bytes});
  module.data.push_back({wasm::SegmentMode::Active, 0, i32(65536), {}});
  const Instantiation made = instantiate(std::move(module));
  EXPECT_EQ(made.trap, abi::TrapKind::None);
  const Table& table = *made.instance->table(0);
  EXPECT_EQ(*table.get(0), 0u);
  EXPECT_EQ(*table.get(1), made.instance->func_ref(1).value());
  EXPECT_EQ(*table.get(2), made.instance->func_ref(0).value());
  EXPECT_EQ(*made.instance->memory(0)->load<uint32_t>(10), 0x04030201u);
}

TEST_F(StoreTest, FirstSegmentOutOfBoundsTrapsAndKeepsWhatCameBefore) {
  const uint8_t bytes[] = {9, 9};
  wasm::Module module = memory_module(1);
  module.data.push_back({wasm::SegmentMode::Active, 0, i32(0), bytes});
  module.data.push_back({wasm::SegmentMode::Active, 0, i32(65535), bytes});
  module.data.push_back({wasm::SegmentMode::Active, 0, i32(8), bytes});
  const Instantiation made = instantiate(std::move(module));
  EXPECT_EQ(made.trap, abi::TrapKind::MemoryOutOfBounds);
  EXPECT_EQ(*made.instance->memory(0)->load<uint16_t>(0), 0x0909);
  EXPECT_EQ(*made.instance->memory(0)->load<uint16_t>(65534), 0);
  EXPECT_EQ(*made.instance->memory(0)->load<uint16_t>(8), 0);

  wasm::Module with_table = table_module(2);
  with_table.elements.push_back(
      {wasm::SegmentMode::Active, ValType::FuncRef, 0, i32(0xffff'ffff), {ref_null()}});
  EXPECT_EQ(instantiate(std::move(with_table)).trap, abi::TrapKind::TableOutOfBounds);
}

TEST_F(StoreTest, PassiveSegmentsAreReadableByTheGuest) {
  const uint8_t first[] = {1, 2, 3};
  const uint8_t active[] = {7};
  const uint8_t second[] = {4, 5, 6, 7};
  wasm::Module module = memory_module(1);
  module.types = {{{}, {}}};
  module.functions = {{0}};
  module.data.push_back({wasm::SegmentMode::Passive, 0, std::nullopt, first});
  module.data.push_back({wasm::SegmentMode::Active, 0, i32(0), active});
  module.data.push_back({wasm::SegmentMode::Passive, 0, std::nullopt, second});
  module.elements.push_back(
      {wasm::SegmentMode::Declarative, ValType::FuncRef, 0, std::nullopt, {ref_func(0)}});
  module.elements.push_back(
      {wasm::SegmentMode::Passive, ValType::FuncRef, 0, std::nullopt, {ref_null(), ref_func(0)}});
  const Instance& instance = *instantiate(std::move(module)).instance;
  const auto segment = [&](uint32_t offset) {
    return peek<abi::SegmentDefinition>(instance.vm_context() + ByteSize(offset));
  };
  const wasm::VmLayout& layout = instance.program().layout();
  EXPECT_EQ(segment(layout.data_segment(0)).length, 3u);
  EXPECT_EQ(peek<uint8_t>(UserAddr(segment(layout.data_segment(0)).base)), 1);
  EXPECT_EQ(segment(layout.data_segment(1)).length, 0u);
  EXPECT_EQ(segment(layout.data_segment(2)).length, 4u);
  EXPECT_EQ(peek<uint32_t>(UserAddr(segment(layout.data_segment(2)).base)), 0x07060504u);
  EXPECT_EQ(segment(layout.element_segment(0)).length, 0u);
  EXPECT_EQ(segment(layout.element_segment(1)).length, 2u);
  EXPECT_EQ(peek<uint64_t>(UserAddr(segment(layout.element_segment(1)).base + 8)),
            instance.func_ref(0).value());
}

TEST_F(StoreTest, CodeIsPublishedOncePerProgram) {
  wasm::Module module;
  module.types = {{{}, {}}};
  module.functions = {{0}};
  const auto program = make_program(std::move(module), types_);
  const auto first = store_.load(program);
  const auto second = store_.load(program);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, *second);
  const auto a = store_.instantiate(**first, {});
  const auto b = store_.instantiate(**first, {});
  EXPECT_NE(a->instance->vm_context(), b->instance->vm_context());
  EXPECT_EQ(a->instance->function(0).entry, b->instance->function(0).entry);
  EXPECT_EQ(store_.find_instance(a->instance->vm_context()), a->instance);
  EXPECT_EQ(store_.find_instance(b->instance->vm_context()), b->instance);
}

TEST_F(StoreTest, InstanceLimit) {
  StoreLimits limits;
  limits.max_instances = 2;
  Store limited(platform_, types_, limits);
  const auto code = limited.load(make_program({}, types_));
  EXPECT_TRUE(limited.instantiate(**code, {}));
  EXPECT_TRUE(limited.instantiate(**code, {}));
  const auto third = limited.instantiate(**code, {});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), ErrorCode::LimitExceeded);
}

TEST(Store, GivesEverythingBack) {
  FakePlatform platform;
  TypeRegistry types;
  {
    Store store(platform, types);
    wasm::Module module = memory_module(1);
    module.tables.push_back({ValType::FuncRef, {1, {}}});
    module.types = {{{}, {}}};
    module.functions = {{0}};
    const uint8_t bytes[] = {1};
    module.data.push_back({wasm::SegmentMode::Passive, 0, std::nullopt, bytes});
    ASSERT_TRUE(store.create_host_function({"env", "f", {{}, {}}, do_nothing}));
    ASSERT_TRUE(store.create_global({ValType::I32, true}, 0));
    const auto code = store.load(make_program(std::move(module), types));
    ASSERT_TRUE(store.instantiate(**code, {}));
    EXPECT_GT(platform.live_ranges(), 4u);
  }
  EXPECT_EQ(platform.live_ranges(), 0u);
}

// Whatever the point at which memory runs out, it is an error, and nothing stays behind.
TEST(Store, EveryAmountOfMemoryEndsInSuccessOrAnError) {
  bool succeeded = false;
  for (uint64_t limit = 0; !succeeded; limit += kPageSize) {
    FakePlatform platform;
    platform.commit_limit = limit;
    TypeRegistry types;
    {
      Store store(platform, types);
      wasm::Module module = memory_module(1);
      module.tables.push_back({ValType::FuncRef, {1, {}}});
      module.types = {{{}, {}}};
      module.functions = {{0}};
      const auto code = store.load(make_program(std::move(module), types));
      if (code) succeeded = store.instantiate(**code, {}).has_value();
    }
    ASSERT_EQ(platform.live_ranges(), 0u);
    ASSERT_LT(limit, uint64_t{1} << 20);
  }
}

}  // namespace
}  // namespace nacre::runtime
