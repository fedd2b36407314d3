#include "module_decoder.hh"

#include <algorithm>

#include "nacre/base/core/format.hh"
#include "type_codes.hh"

namespace nacre::wasm {
namespace {

// Implementation limits. They keep every index below 2^20 or so, the VmContext below 4 GiB, and
// what a module makes the decoder allocate within a small multiple of its size.
constexpr uint32_t kMaxTypes = 1'000'000;
constexpr uint32_t kMaxTypeValues = 1'000;  // parameters, and results
constexpr uint32_t kMaxFunctions = 1'000'000;
constexpr uint32_t kMaxImports = 100'000;
constexpr uint32_t kMaxExports = 1'000'000;
constexpr uint32_t kMaxGlobals = 1'000'000;
constexpr uint32_t kMaxTables = 100'000;
constexpr uint32_t kMaxMemories = 1;
constexpr uint32_t kMaxSegments = 100'000;
constexpr uint32_t kMaxSegmentElements = 10'000'000;
constexpr uint32_t kMaxBodySize = 64u << 20;
constexpr uint64_t kMaxModuleSize = (uint64_t{1} << 28) - 1;  // TrapSite::wasm_offset has 28 bits

constexpr uint64_t kMaxMemoryPages = 65536;

enum SectionId : uint8_t {
  kCustomSection = 0,
  kTypeSection = 1,
  kImportSection = 2,
  kFunctionSection = 3,
  kTableSection = 4,
  kMemorySection = 5,
  kGlobalSection = 6,
  kExportSection = 7,
  kStartSection = 8,
  kElementSection = 9,
  kCodeSection = 10,
  kDataSection = 11,
  kDataCountSection = 12,
  kTagSection = 13,
};

constexpr uint32_t kSectionWork = 5;  // for a PausePoint
// The same of reading a name.
constexpr uint32_t work_of(std::string_view name) {
  return static_cast<uint32_t>(name.size() / 16);
}

// Place in the file, from 1. The data count section comes between the element and the code section.
constexpr uint8_t rank_of(uint8_t id) {
  if (id == kDataCountSection) return kCodeSection;
  return id >= kCodeSection ? id + 1 : id;
}

}  // namespace

Result<Module> decode_module(std::span<const uint8_t> bytes, PausePoint pauses) {
  return ModuleDecoder(bytes, pauses).decode();
}

Result<Module> ModuleDecoder::decode() {
  read_header();
  read_sections();
  check_totals();
  if (reader_.failed()) return std::unexpected(reader_.take_error());
  return std::move(module_);
}

void ModuleDecoder::read_header() {
  if (module_.bytes.size() > kMaxModuleSize) {
    return reader_.fail_at(
        0, ErrorCode::LimitExceeded,
        format("module of {} bytes, the limit is {}", module_.bytes.size(), kMaxModuleSize));
  }
  const std::span<const uint8_t> magic = reader_.bytes(std::min<size_t>(4, reader_.remaining()));
  constexpr uint8_t kMagic[] = {0x00, 0x61, 0x73, 0x6d};
  if (!std::equal(magic.begin(), magic.end(), kMagic)) {
    return reader_.fail_at(0, ErrorCode::Malformed, "magic header not detected");
  }
  const uint64_t version_at = reader_.offset();
  const uint64_t version = reader_.fixed(4);
  if (version == 0x1000d) return reader_.unsupported("a component", "component model");
  if (version != 1) {
    reader_.fail_at(version_at, ErrorCode::Malformed, format("unknown binary version {}", version));
  }
}

void ModuleDecoder::read_sections() {
  while (!reader_.at_end()) {
    const uint64_t start = reader_.offset();
    const uint8_t id = reader_.u8();
    if (id > kTagSection) {
      return reader_.fail_at(start, ErrorCode::Malformed, format("malformed section id {}", id));
    }
    const uint32_t size = reader_.u32();
    if (size > reader_.remaining()) {
      return reader_.malformed(format("unexpected end: section {} has length {}, {} bytes are left",
                                      id, size, reader_.remaining()));
    }
    if (id != kCustomSection) check_section_order(id);
    ByteReader section = reader_.sub_reader(size);
    if (reader_.failed()) return;
    read_section(id, section);
    if (!section.at_end()) {
      section.malformed(
          format("section size mismatch: section {} has {} more bytes than its content", id,
                 section.remaining()));
    }
    reader_.adopt_failure(section);
    pauses_.did(kSectionWork);
  }
}

void ModuleDecoder::check_section_order(uint8_t id) {
  const uint8_t rank = rank_of(id);
  if (rank <= last_rank_) {
    return reader_.malformed(format(
        "unexpected content after last section: section {} is repeated or out of order", id));
  }
  last_rank_ = rank;
}

void ModuleDecoder::read_section(uint8_t id, ByteReader& section) {
  switch (id) {
    case kCustomSection:
      return read_custom(section);
    case kTypeSection:
      return read_types(section);
    case kImportSection:
      return read_imports(section);
    case kFunctionSection:
      return read_functions(section);
    case kTableSection:
      return read_tables(section);
    case kMemorySection:
      return read_memories(section);
    case kGlobalSection:
      return read_globals(section);
    case kExportSection:
      return read_exports(section);
    case kStartSection:
      return read_start(section);
    case kElementSection:
      return read_elements(section);
    case kCodeSection:
      return read_code(section);
    case kDataSection:
      return read_data(section);
    case kDataCountSection:
      module_.data_count = section.u32();
      return;
    default:
      return section.unsupported("a tag section", "exception handling");
  }
}

void ModuleDecoder::check_totals() {
  if (declared_bodies_ != found_bodies_) {
    reader_.malformed(format("function and code section have inconsistent lengths: {} and {}",
                             declared_bodies_, found_bodies_));
  }
  if (module_.data_count && *module_.data_count != module_.data.size()) {
    reader_.malformed(format("data count and data section have inconsistent lengths: {} and {}",
                             *module_.data_count, module_.data.size()));
  }
}

// ---- Types --------------------------------------------------------------------------------------

ValType ModuleDecoder::read_val_type(ByteReader& section) {
  const uint64_t start = section.offset();
  const uint8_t byte = section.u8();
  if (section.failed()) return ValType::Bottom;
  if (const auto type = val_type_of_byte(byte)) return *type;
  if (const std::string_view feature = feature_of_type_byte(byte); !feature.empty()) {
    section.unsupported(format("value type 0x{:x}", byte), feature);
  } else {
    section.fail_at(start, ErrorCode::Malformed, format("malformed value type 0x{:02x}", byte));
  }
  return ValType::Bottom;
}

ValType ModuleDecoder::read_reference_type(ByteReader& section) {
  const ValType type = read_val_type(section);
  if (!section.failed() && !is_reference(type)) {
    section.malformed(format("malformed reference type: {}", name_of(type)));
  }
  return type;
}

uint32_t ModuleDecoder::read_type_index(ByteReader& section) {
  const uint32_t index = section.u32();
  if (index >= module_.types.size()) section.invalid(format("unknown type {}", index));
  return index;
}

std::vector<ValType> ModuleDecoder::read_type_list(ByteReader& section, std::string_view what) {
  const uint32_t count = section.count(what, kMaxTypeValues);
  std::vector<ValType> types(count);
  pauses_.did(count / 8);
  for (ValType& type : types) {
    type = read_val_type(section);
    if (section.failed()) break;
  }
  return types;
}

Limits ModuleDecoder::read_limits(ByteReader& section, bool is_memory) {
  const uint64_t start = section.offset();
  const uint8_t flags = section.u8();
  Limits limits;
  if (flags > 0x07 || (!is_memory && (flags & ~0x05) != 0)) {
    section.fail_at(start, ErrorCode::Malformed, format("malformed limits flags 0x{:02x}", flags));
    return limits;
  }
  if ((flags & 0x02) != 0) section.unsupported("a shared memory", "threads");
  if ((flags & 0x04) != 0) section.unsupported("a 64-bit memory or table", "memory64");
  // Later versions read 64 bits here, so a number too large is invalid rather than malformed.
  limits.minimum = section.u64();
  if ((flags & 0x01) != 0) limits.maximum = section.u64();
  const uint64_t largest = std::max(limits.minimum, limits.maximum.value_or(0));
  if (is_memory && largest > kMaxMemoryPages) {
    section.invalid(format("memory size must be at most 65536 pages (4 GiB), found {}", largest));
  }
  if (!is_memory && largest > UINT32_MAX) {
    section.invalid(format("table size must be at most 2^32-1 elements, found {}", largest));
  }
  if (limits.maximum && limits.minimum > *limits.maximum) {
    section.invalid(format("size minimum must not be greater than maximum: {} and {}",
                           limits.minimum, *limits.maximum));
  }
  return limits;
}

TableType ModuleDecoder::read_table_type(ByteReader& section) {
  const ValType element = read_reference_type(section);
  return {element, read_limits(section, false)};
}

MemoryType ModuleDecoder::read_memory_type(ByteReader& section) {
  return {read_limits(section, true)};
}

GlobalType ModuleDecoder::read_global_type(ByteReader& section) {
  const ValType type = read_val_type(section);
  const uint64_t start = section.offset();
  const uint8_t mutability = section.u8();
  if (mutability > 1) {
    section.fail_at(start, ErrorCode::Malformed,
                    format("malformed mutability 0x{:02x}", mutability));
  }
  return {type, mutability == 1};
}

void ModuleDecoder::read_types(ByteReader& section) {
  const uint32_t count = section.count("types", kMaxTypes);
  module_.types.reserve(count);
  for_each(section, count, [&] {
    const uint64_t start = section.offset();
    const uint8_t form = section.u8();
    if (form != 0x60) {
      if (feature_of_type_byte(form) == "garbage collection") {
        return section.unsupported("a recursive, struct or array type", "garbage collection");
      }
      return section.fail_at(start, ErrorCode::Malformed,
                             format("malformed type form 0x{:02x}", form));
    }
    FuncType type;
    type.params = read_type_list(section, "parameters");
    type.results = read_type_list(section, "results");
    module_.types.push_back(std::move(type));
  });
}

// ---- Imports and definitions --------------------------------------------------------------------

void ModuleDecoder::read_imports(ByteReader& section) {
  const uint32_t count = section.count("imports", kMaxImports);
  module_.imports.reserve(count);
  for_each(section, count, [&] { read_import(section); });
  module_.imported_functions = static_cast<uint32_t>(module_.functions.size());
  module_.imported_tables = static_cast<uint32_t>(module_.tables.size());
  module_.imported_memories = static_cast<uint32_t>(module_.memories.size());
  module_.imported_globals = static_cast<uint32_t>(module_.globals.size());
  module_.declared_functions.resize(module_.functions.size());
}

void ModuleDecoder::read_import(ByteReader& section) {
  Import import{};
  import.module = section.name();
  import.name = section.name();
  pauses_.did(work_of(import.module) + work_of(import.name));
  const uint64_t start = section.offset();
  const uint8_t kind = section.u8();
  if (section.failed()) return;
  switch (kind) {
    case 0:
      import.index = static_cast<uint32_t>(module_.functions.size());
      module_.functions.push_back({.type_index = read_type_index(section)});
      break;
    case 1:
      import.index = static_cast<uint32_t>(module_.tables.size());
      module_.tables.push_back(read_table_type(section));
      break;
    case 2:
      import.index = static_cast<uint32_t>(module_.memories.size());
      add_memory(section, read_memory_type(section));
      break;
    case 3:
      import.index = static_cast<uint32_t>(module_.globals.size());
      module_.globals.push_back({.type = read_global_type(section), .init = std::nullopt});
      break;
    case 4:
      return section.unsupported("an imported tag", "exception handling");
    default:
      return section.fail_at(start, ErrorCode::Malformed, format("malformed import kind {}", kind));
  }
  import.kind = static_cast<ExternKind>(kind);
  module_.imports.push_back(import);
}

void ModuleDecoder::read_functions(ByteReader& section) {
  const uint32_t count = section.count("functions", kMaxFunctions);
  module_.functions.reserve(module_.functions.size() + count);
  for_each(section, count,
           [&] { module_.functions.push_back({.type_index = read_type_index(section)}); });
  declared_bodies_ = count;
  module_.declared_functions.resize(module_.functions.size());
}

void ModuleDecoder::read_tables(ByteReader& section) {
  const uint32_t count = section.count("tables", kMaxTables);
  for_each(section, count, [&] {
    if (section.peek() == 0x40) {
      return section.unsupported("a table with an initializer", "typed function references");
    }
    module_.tables.push_back(read_table_type(section));
  });
}

void ModuleDecoder::read_memories(ByteReader& section) {
  const uint32_t count = section.count("memories", UINT32_MAX);
  for_each(section, count, [&] { add_memory(section, read_memory_type(section)); });
}

void ModuleDecoder::add_memory(ByteReader& section, const MemoryType& type) {
  module_.memories.push_back(type);
  if (module_.memories.size() > kMaxMemories) {
    section.unsupported("a second memory", "multiple memories");
  }
}

void ModuleDecoder::read_globals(ByteReader& section) {
  const uint32_t count = section.count("globals", kMaxGlobals);
  module_.globals.reserve(module_.globals.size() + count);
  for_each(section, count, [&] {
    const GlobalType type = read_global_type(section);
    const ConstExpr init = read_const_expr(section, type.type);
    module_.globals.push_back({.type = type, .init = init});
  });
}

// ---- Exports and start --------------------------------------------------------------------------

void ModuleDecoder::read_exports(ByteReader& section) {
  const uint32_t count = section.count("exports", kMaxExports);
  module_.exports.reserve(count);
  std::unordered_set<std::string_view> names;
  names.reserve(count);
  for_each(section, count, [&] { read_export(section, names); });
}

void ModuleDecoder::read_export(ByteReader& section, std::unordered_set<std::string_view>& names) {
  const uint64_t start = section.offset();
  const std::string_view name = section.name();
  pauses_.did(work_of(name));
  const uint64_t kind_at = section.offset();
  const uint8_t kind = section.u8();
  const uint32_t index = section.u32();
  if (section.failed()) return;
  constexpr std::string_view kWhat[] = {"function", "table", "memory", "global"};
  const size_t sizes[] = {module_.functions.size(), module_.tables.size(), module_.memories.size(),
                          module_.globals.size()};
  if (kind == 4) return section.unsupported("an exported tag", "exception handling");
  if (kind > 3) {
    return section.fail_at(kind_at, ErrorCode::Malformed, format("malformed export kind {}", kind));
  }
  if (index >= sizes[kind]) {
    return section.fail_at(start, ErrorCode::Invalid, format("unknown {} {}", kWhat[kind], index));
  }
  if (!names.insert(name).second) {
    return section.fail_at(start, ErrorCode::Invalid, format("duplicate export name \"{}\"", name));
  }
  if (kind == 0) declare_function(index);
  module_.exports.push_back({name, static_cast<ExternKind>(kind), index});
}

void ModuleDecoder::read_start(ByteReader& section) {
  const uint32_t function = section.u32();
  if (section.failed()) return;
  if (function >= module_.functions.size()) {
    return section.invalid(format("unknown function {}", function));
  }
  const FuncType& type = module_.type_of_function(function);
  if (!type.params.empty() || !type.results.empty()) {
    return section.invalid("start function must have neither parameters nor results");
  }
  module_.start = function;
}

// ---- Code ---------------------------------------------------------------------------------------

void ModuleDecoder::read_code(ByteReader& section) {
  module_.code_section_size = static_cast<uint32_t>(section.remaining());
  found_bodies_ = section.count("function bodies", kMaxFunctions);
  if (found_bodies_ != declared_bodies_) return;  // check_totals reports it
  for (uint32_t i = 0; i < found_bodies_; ++i) {
    const uint32_t size = section.u32();
    if (size > kMaxBodySize) {
      return section.fail_at(
          section.offset(), ErrorCode::LimitExceeded,
          format("function body of {} bytes, the limit is {}", size, kMaxBodySize));
    }
    Function& function = module_.functions[module_.functions.size() - declared_bodies_ + i];
    function.body_offset = static_cast<uint32_t>(section.offset());
    function.body_size = size;
    static_cast<void>(section.bytes(size));
    if (section.failed()) return;
    pauses_.did(1);
  }
}

// ---- Segments -----------------------------------------------------------------------------------

ConstExpr ModuleDecoder::read_function_reference(ByteReader& section) {
  const uint32_t function = section.u32();
  if (section.failed()) return {.kind = ConstExpr::Kind::RefNull};
  if (function >= module_.functions.size()) {
    section.invalid(format("unknown function {}", function));
  } else {
    declare_function(function);
  }
  return {.kind = ConstExpr::Kind::RefFunc, .bits = function};
}

void ModuleDecoder::read_elements(ByteReader& section) {
  const uint32_t count = section.count("element segments", kMaxSegments);
  module_.elements.reserve(count);
  for_each(section, count, [&] { read_element_segment(section); });
}

void ModuleDecoder::read_element_segment(ByteReader& section) {
  const uint32_t flags = section.u32();
  if (flags > 7) return section.malformed(format("malformed elements segment kind {}", flags));
  // Bit 0: not active; bit 1: explicit table, or declarative; bit 2: expressions instead of
  // function indices.
  const bool is_active = (flags & 1) == 0;
  const bool is_explicit = (flags & 2) != 0;
  const bool has_expressions = (flags & 4) != 0;
  ElementSegment segment{};
  segment.mode = is_active     ? SegmentMode::Active
                 : is_explicit ? SegmentMode::Declarative
                               : SegmentMode::Passive;
  segment.type = ValType::FuncRef;
  if (is_active) {
    segment.table_index = is_explicit ? section.u32() : 0;
    if (segment.table_index >= module_.tables.size()) {
      return section.invalid(format("unknown table {}", segment.table_index));
    }
    segment.offset = read_const_expr(section, ValType::I32);
  }
  if (flags % 4 != 0) {
    if (has_expressions) {
      segment.type = read_reference_type(section);
    } else if (const uint8_t kind = section.u8(); kind != 0) {
      section.malformed(format("malformed element kind 0x{:02x}", kind));
    }
  }
  const uint32_t count = section.count("elements", kMaxSegmentElements);
  segment.elements.reserve(count);
  for_each(section, count, [&] {
    segment.elements.push_back(has_expressions ? read_const_expr(section, segment.type)
                                               : read_function_reference(section));
  });
  if (is_active && !section.failed() &&
      module_.tables[segment.table_index].element != segment.type) {
    section.invalid(format("type mismatch: a segment of {} for a table of {}",
                           name_of(segment.type),
                           name_of(module_.tables[segment.table_index].element)));
  }
  module_.elements.push_back(std::move(segment));
}

void ModuleDecoder::read_data(ByteReader& section) {
  const uint32_t count = section.count("data segments", kMaxSegments);
  module_.data.reserve(count);
  for_each(section, count, [&] { read_data_segment(section); });
}

void ModuleDecoder::read_data_segment(ByteReader& section) {
  const uint32_t flags = section.u32();
  if (flags > 2) return section.malformed(format("malformed data segment kind {}", flags));
  DataSegment segment{};
  segment.mode = flags == 1 ? SegmentMode::Passive : SegmentMode::Active;
  if (flags == 2) segment.memory_index = section.u32();
  if (segment.mode == SegmentMode::Active) {
    if (segment.memory_index >= module_.memories.size()) {
      return section.invalid(format("unknown memory {}", segment.memory_index));
    }
    segment.offset = read_const_expr(section, ValType::I32);
  }
  segment.bytes = section.bytes(section.u32());
  module_.data.push_back(std::move(segment));
}

void ModuleDecoder::read_custom(ByteReader& section) {
  const std::string_view name = section.name();
  module_.customs.push_back({name, section.bytes(section.remaining())});
}

}  // namespace nacre::wasm
