// A decoded module: every section but the function bodies, which stay as byte ranges until a tier
// compiles them.
//
// Index spaces hold the imports first, as in the specification. Names and bodies are views into the
// module's bytes, which must outlive the Module.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "nacre/base/core/error.hh"
#include "nacre/base/core/pause_point.hh"
#include "nacre/engine/wasm/types.hh"

namespace nacre::wasm {

enum class ExternKind : uint8_t { Function = 0, Table = 1, Memory = 2, Global = 3 };

struct Import {
  std::string_view module;
  std::string_view name;
  ExternKind kind;
  uint32_t index;  // in the index space of its kind
};

struct Export {
  std::string_view name;
  ExternKind kind;
  uint32_t index;
};

struct Function {
  uint32_t type_index;
  // Of the body (locals and code) in the module's bytes; empty for imports.
  uint32_t body_offset = 0;
  uint32_t body_size = 0;
};

// Constant expressions of 2.0 reduce to one instruction.
struct ConstExpr {
  enum class Kind : uint8_t { I32, I64, F32, F64, GlobalGet, RefNull, RefFunc };
  Kind kind;
  uint64_t bits = 0;  // the constant (i32 sign-extended, floats as bits), or an index
};

struct Global {
  GlobalType type;
  std::optional<ConstExpr> init;  // none for imports
};

enum class SegmentMode : uint8_t { Active, Passive, Declarative };

struct ElementSegment {
  SegmentMode mode;
  ValType type;
  uint32_t table_index = 0;         // Active
  std::optional<ConstExpr> offset;  // Active
  std::vector<ConstExpr> elements;  // each RefFunc, RefNull or GlobalGet
};

struct DataSegment {
  SegmentMode mode;
  uint32_t memory_index = 0;
  std::optional<ConstExpr> offset;
  std::span<const uint8_t> bytes;
};

struct CustomSection {
  std::string_view name;
  std::span<const uint8_t> bytes;
};

struct Module {
  std::span<const uint8_t> bytes;
  std::vector<FuncType> types;
  std::vector<Import> imports;
  std::vector<Function> functions;
  std::vector<TableType> tables;
  std::vector<MemoryType> memories;
  std::vector<Global> globals;
  std::vector<Export> exports;
  std::vector<ElementSegment> elements;
  std::vector<DataSegment> data;
  std::vector<CustomSection> customs;
  std::optional<uint32_t> start;
  std::optional<uint32_t> data_count;
  // Functions that ref.func may name in bodies (§3.4, "C.refs"): bit per function.
  std::vector<bool> declared_functions;
  uint32_t imported_functions = 0;
  uint32_t imported_tables = 0;
  uint32_t imported_memories = 0;
  uint32_t imported_globals = 0;
  uint32_t code_section_size = 0;  // bytes

  [[nodiscard]] const FuncType& type_of_function(uint32_t function) const {
    return types[functions[function].type_index];
  }
};

// Decodes and validates everything outside function bodies. Errors carry the byte offset. `bytes`
// must outlive the result.
[[nodiscard]] Result<Module> decode_module(std::span<const uint8_t> bytes, PausePoint pauses = {});

// Validates every body as well, without compiling.
[[nodiscard]] Result<void> validate_bodies(const Module& module);

// Function names of the "name" custom section, by function index; a broken name section yields no
// names (it is not an error, §7.4.1). The cost is linear in the number of functions and exports, whatever the section says.
class FunctionNames {
 public:
  explicit FunctionNames(const Module& module);
  // Falls back to an export's name, then to nothing.
  [[nodiscard]] std::optional<std::string_view> find(uint32_t function) const;
  // The module's own name, if given.
  [[nodiscard]] std::optional<std::string_view> module_name() const { return module_name_; }

 private:
  [[nodiscard]] bool read_names(std::span<const uint8_t> section);

  std::vector<std::string_view> names_;  // by function; empty: none
  std::optional<std::string_view> module_name_;
};

}  // namespace nacre::wasm
