#include "nacre/base/elf/line_table.hh"

#include <algorithm>
#include <cstring>

namespace nacre::elf {
namespace {

constexpr char kMagic[4] = {'N', 'L', 'T', '2'};
constexpr size_t kHeaderSize = 32;
constexpr size_t kIndexEntry = 8;
constexpr uint32_t kGroup = 16;  // functions for one entry of the index

}  // namespace

// Reads varints; behind the end they are 0 and the cursor has failed.
class LineTable::Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, uint64_t at) : bytes_(bytes), at_(at) {}

  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
      if (at_ >= bytes_.size()) break;
      const auto byte = static_cast<uint64_t>(bytes_[at_++]);
      value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    failed_ = true;
    return 0;
  }
  int64_t zigzag() {
    const uint64_t value = varint();
    const auto half = static_cast<int64_t>(value >> 1);
    return (value & 1) != 0 ? -half - 1 : half;
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] uint64_t at() const { return at_; }

 private:
  std::span<const std::byte> bytes_;
  uint64_t at_;
  bool failed_ = false;
};

std::optional<LineTable> LineTable::parse(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderSize || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) {
    return std::nullopt;
  }
  LineTable table;
  table.bytes_ = bytes;
  table.function_count_ = table.read_u32(4);
  std::memcpy(&table.base_, bytes.data() + 8, sizeof table.base_);
  table.text_size_ = table.read_u32(16);
  table.index_ = table.read_u32(20);
  table.symbols_ = table.read_u32(24);
  const uint64_t groups = (uint64_t{table.function_count_} + kGroup - 1) / kGroup;
  const uint64_t index_end = table.index_ + groups * kIndexEntry;
  if (table.read_u32(28) > bytes.size() || index_end > bytes.size() ||
      table.symbols_ >= bytes.size()) {
    return std::nullopt;
  }
  return table;
}

uint32_t LineTable::read_u32(uint64_t offset) const {
  uint32_t value = 0;
  std::memcpy(&value, bytes_.data() + offset, sizeof value);
  return value;
}

std::string_view LineTable::string_at(uint64_t offset) const {
  const uint64_t begin = symbols_ + offset;
  if (offset >= bytes_.size() || begin >= bytes_.size()) return {};
  const auto rest = bytes_.subspan(begin);
  const auto end = std::ranges::find(rest, std::byte{0});
  if (end == rest.end()) return {};
  return {static_cast<const char*>(static_cast<const void*>(rest.data())),
          static_cast<size_t>(end - rest.begin())};
}

std::optional<LineTable::Node> LineTable::node_at(uint64_t nodes, uint64_t number) const {
  Cursor cursor(bytes_, nodes);
  Node node{};
  for (uint64_t i = 0; i <= number; ++i) {
    const uint64_t distance = cursor.varint();
    if (distance > i) return std::nullopt;
    node.parent = i - distance;
    node.symbol = cursor.varint();
    node.call_line = cursor.varint();
    if (cursor.failed()) return std::nullopt;
  }
  return node;
}

LineTable::Symbol LineTable::symbol_at(uint64_t offset) const {
  if (offset >= bytes_.size()) return {};
  Cursor cursor(bytes_, symbols_ + offset);
  const uint64_t file = cursor.varint();
  if (cursor.failed()) return {};
  return {.name = string_at(cursor.at() - symbols_), .file = string_at(file)};
}

std::optional<LineTable::Function> LineTable::function_at(uint64_t target) const {
  const uint32_t groups = (function_count_ - 1) / kGroup + 1;
  // The last group that starts at or before it; the first one starts at the base.
  uint32_t low = 0;
  uint32_t high = groups;
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    (read_u32(index_ + uint64_t{middle} * kIndexEntry) <= target ? low : high) = middle;
  }
  const uint64_t entry = index_ + uint64_t{low} * kIndexEntry;
  uint64_t start = read_u32(entry);
  uint64_t at = read_u32(entry + 4);
  const uint32_t count = std::min(kGroup, function_count_ - low * kGroup);
  for (uint32_t i = 0; i < count && start <= target; ++i) {
    Cursor cursor(bytes_, at);
    const uint64_t size = cursor.varint() * 2;
    const uint64_t data_size = cursor.varint();
    if (cursor.failed() || size > text_size_ || data_size > bytes_.size()) return std::nullopt;
    if (target - start < size) return Function{start, cursor.at()};
    start += size;
    at = cursor.at() + data_size;
  }
  return std::nullopt;
}

std::optional<LineTable::Position> LineTable::find(uint64_t address) const {
  if (function_count_ == 0 || address < base_ || address - base_ >= text_size_) return std::nullopt;
  const uint64_t target = address - base_;
  const auto function = function_at(target);
  if (!function) return std::nullopt;

  Position position;
  position.table_ = this;
  position.start_ = base_ + function->start;
  Cursor cursor(bytes_, function->data);
  position.node_count_ = cursor.varint();
  position.nodes_ = cursor.at();
  for (uint64_t i = 0; i < position.node_count_ && !cursor.failed(); ++i) {
    for (unsigned field = 0; field < 3; ++field) (void)cursor.varint();
  }
  uint64_t at = function->start;
  uint64_t node = 0;
  int64_t line = 0;
  bool found = false;
  for (uint64_t rows = cursor.varint(); rows > 0 && !cursor.failed(); --rows) {
    const uint64_t step = cursor.varint();
    at += (step >> 1) * 2;
    if (at > target) break;
    if ((step & 1) != 0) {
      node = cursor.varint();
      line = static_cast<int64_t>(cursor.varint());
    } else {
      line += cursor.zigzag();
    }
    found = true;
  }
  if (!found || cursor.failed() || node >= position.node_count_) return std::nullopt;
  position.node_ = node;
  position.line_ = static_cast<uint32_t>(line);
  return position;
}

std::optional<SourceFrame> LineTable::Position::next() {
  if (done_) return std::nullopt;
  const auto node = table_->node_at(nodes_, node_);
  done_ = !node || node_ == 0;
  if (!node) return std::nullopt;
  const Symbol symbol = table_->symbol_at(node->symbol);
  const SourceFrame frame = {
      .function = symbol.name, .file = symbol.file, .line = line_, .inlined = node_ != 0};
  // Parents have smaller numbers, so this ends.
  done_ = done_ || node->parent >= node_;
  node_ = node->parent;
  line_ = static_cast<uint32_t>(node->call_line);
  return frame;
}

}  // namespace nacre::elf
