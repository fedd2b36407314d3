// The sections of a module (core specification 2.0, §5.5), decoded and validated in one pass:
// whatever a section may refer to comes before it in the file. Function bodies are only located.
//
// Structure: decode() walks the sections and calls one function for each; those append to module_.
// Everything reads through a ByteReader, whose sticky failure ends the loops.
#pragma once

#include <unordered_set>

#include "byte_reader.hh"
#include "nacre/engine/wasm/module.hh"

namespace nacre::wasm {

class ModuleDecoder {
 public:
  ModuleDecoder(std::span<const uint8_t> bytes, PausePoint pauses)
      : reader_(bytes), pauses_(pauses) {
    module_.bytes = bytes;
  }
  [[nodiscard]] Result<Module> decode();

 private:
  void read_header();
  void read_sections();
  void check_section_order(uint8_t id);
  void read_section(uint8_t id, ByteReader& section);
  void check_totals();

  // Calls `read` for each of `count` entries, until one fails.
  template <class Read>
  void for_each(const ByteReader& section, uint32_t count, Read&& read) {
    for (uint32_t i = 0; i < count && !section.failed(); ++i) {
      read();
      pauses_.did(1);
    }
  }

  void read_custom(ByteReader& section);
  void read_types(ByteReader& section);
  void read_imports(ByteReader& section);
  void read_functions(ByteReader& section);
  void read_tables(ByteReader& section);
  void read_memories(ByteReader& section);
  void read_globals(ByteReader& section);
  void read_exports(ByteReader& section);
  void read_start(ByteReader& section);
  void read_elements(ByteReader& section);
  void read_code(ByteReader& section);
  void read_data(ByteReader& section);

  void read_import(ByteReader& section);
  void read_export(ByteReader& section, std::unordered_set<std::string_view>& names);
  void read_element_segment(ByteReader& section);
  void read_data_segment(ByteReader& section);
  [[nodiscard]] std::vector<ValType> read_type_list(ByteReader& section, std::string_view what);
  [[nodiscard]] ValType read_val_type(ByteReader& section);
  [[nodiscard]] ValType read_reference_type(ByteReader& section);
  [[nodiscard]] uint32_t read_type_index(ByteReader& section);
  [[nodiscard]] Limits read_limits(ByteReader& section, bool is_memory);
  [[nodiscard]] TableType read_table_type(ByteReader& section);
  [[nodiscard]] MemoryType read_memory_type(ByteReader& section);
  [[nodiscard]] GlobalType read_global_type(ByteReader& section);
  void add_memory(ByteReader& section, const MemoryType& type);
  [[nodiscard]] ConstExpr read_const_expr(ByteReader& section, ValType expected);
  [[nodiscard]] ConstExpr read_function_reference(ByteReader& section);
  void declare_function(uint32_t function) { module_.declared_functions[function] = true; }

  ByteReader reader_;
  PausePoint pauses_;
  Module module_;
  uint8_t last_rank_ = 0;
  uint32_t declared_bodies_ = 0;
  uint32_t found_bodies_ = 0;
};

}  // namespace nacre::wasm
