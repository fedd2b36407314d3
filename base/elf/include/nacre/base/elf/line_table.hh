// From an address of code to its function, the calls inlined there, files and lines. Made from debug information by
// tools/lines/make_table.py, read at panic time: in place, without allocation, whatever the bytes say.
//
// The table, all little-endian; offsets count from its first byte:
//   header     "NLT2", u32 functions, u64 base, u32 text size, u32 offset of the index, u32 offset of the symbols, u32 size
//   index      for every 16th function, ascending: u32 start - base, u32 offset of its data
//   data       of each function, one behind the other, in varints (7 bits a byte, least significant first, the high bit says
//              that more follow):
//                half its size; bytes of data behind this.
//                nodes; per node: how far its parent is before it, symbol, call line. Node 0 is the function, and its own
//                  parent; `call line` is where the parent calls it. symbol is an offset in the symbols.
//                rows; per row: address step / 2 * 2 + (1 if the node changes), then node and line, or the line's step as
//                  zigzag. The first step counts from the function's start; a row holds until the next one. There are rows
//                  where a report can point to: at calls and at what can fault.
//   symbols    a NUL; then symbols: the file's offset in here as a varint (0: none), name, NUL; then files, NUL-terminated
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace nacre::elf {

// One call on the stack, physical or inlined.
struct SourceFrame {
  std::string_view function;
  std::string_view file;  // empty if nobody knows
  uint32_t line = 0;      // 0 if nobody knows
  bool inlined = false;   // part of the frame that follows
};

class LineTable {
 public:
  LineTable() = default;
  // Nothing if it is not a table of this version, or cut off.
  [[nodiscard]] static std::optional<LineTable> parse(std::span<const std::byte> bytes);

  // What `address` (as linked) lies in.
  class Position {
   public:
    // Frames innermost first; nothing after the last one, which is not inlined.
    [[nodiscard]] std::optional<SourceFrame> next();
    // Start of the function, as linked.
    [[nodiscard]] uint64_t function_start() const { return start_; }

   private:
    friend class LineTable;
    const LineTable* table_ = nullptr;
    uint64_t nodes_ = 0;  // offset of the function's first node
    uint64_t node_count_ = 0;
    uint64_t node_ = 0;
    uint64_t start_ = 0;
    uint32_t line_ = 0;
    bool done_ = false;
  };
  // Nothing outside the text, or if the table is damaged there. Linear in the function's rows: for reports.
  [[nodiscard]] std::optional<Position> find(uint64_t address) const;
  [[nodiscard]] bool is_empty() const { return function_count_ == 0; }

 private:
  struct Node {
    uint64_t parent;
    uint64_t symbol;
    uint64_t call_line;
  };
  struct Function {
    uint64_t start;  // - base
    uint64_t data;   // offset of its nodes' number
  };
  struct Symbol {
    std::string_view name;
    std::string_view file;
  };
  class Cursor;

  [[nodiscard]] std::optional<Function> function_at(uint64_t target) const;
  [[nodiscard]] Symbol symbol_at(uint64_t offset) const;
  [[nodiscard]] uint32_t read_u32(uint64_t offset) const;
  [[nodiscard]] std::string_view string_at(uint64_t offset) const;
  [[nodiscard]] std::optional<Node> node_at(uint64_t nodes, uint64_t number) const;

  std::span<const std::byte> bytes_;
  uint64_t base_ = 0;
  uint32_t text_size_ = 0;
  uint32_t function_count_ = 0;
  uint32_t index_ = 0;
  uint32_t symbols_ = 0;
};

}  // namespace nacre::elf
