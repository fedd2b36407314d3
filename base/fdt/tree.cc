#include "nacre/base/fdt/tree.hh"

#include <algorithm>
#include <cstring>

namespace nacre::fdt {
namespace {

constexpr uint32_t kMagic = 0xd00dfeed;
constexpr uint32_t kVersion = 17;
constexpr size_t kHeaderSize = 40;

// Structure block tokens.
constexpr uint32_t kBeginNode = 1;
constexpr uint32_t kEndNode = 2;
constexpr uint32_t kProperty = 3;
constexpr uint32_t kNop = 4;
constexpr uint32_t kEnd = 9;

constexpr size_t align4(size_t n) {
  return (n + 3) & ~size_t{3};
}

uint32_t big_endian_word(const std::byte* bytes) {
  uint32_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return __builtin_bswap32(value);  // every target is little-endian
}

uint64_t big_endian(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (std::byte b : bytes) value = value << 8 | static_cast<uint8_t>(b);
  return value;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

// The sub-span, or nothing if it is not inside.
std::optional<std::span<const std::byte>> slice(std::span<const std::byte> bytes, size_t offset,
                                                size_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(offset, size);
}

}  // namespace

std::string_view name_of(TreeError error) {
  switch (error) {
    case TreeError::Truncated:
      return "truncated";
    case TreeError::BadMagic:
      return "bad magic";
    case TreeError::BadVersion:
      return "unsupported version";
    case TreeError::BadToken:
      return "bad token";
    case TreeError::BadNesting:
      return "bad nesting";
    case TreeError::BadString:
      return "unterminated name";
  }
  return "unknown";
}

// ---- Property ----

std::optional<uint32_t> Property::as_u32() const {
  if (data_.size() != 4) return std::nullopt;
  return static_cast<uint32_t>(big_endian(data_));
}

std::optional<uint64_t> Property::as_u64() const {
  if (data_.size() != 8) return std::nullopt;
  return big_endian(data_);
}

std::optional<uint64_t> Property::as_number() const {
  if (data_.size() != 4 && data_.size() != 8) return std::nullopt;
  return big_endian(data_);
}

std::string_view Property::as_string() const {
  const std::string_view all = as_text(data_);
  return all.substr(0, all.find('\0'));
}

bool Property::contains(std::string_view text) const {
  std::string_view rest = as_text(data_);
  while (!rest.empty()) {
    const size_t end = rest.find('\0');
    if (rest.substr(0, end) == text) return true;
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return false;
}

// ---- Node ----

Node Node::at(const Tree& tree, size_t offset, Cells cells) {
  Node node;
  while (tree.word(offset) == kNop) offset += 4;
  node.tree_ = &tree;
  node.name_ = *tree.string_at(tree.structure_, offset + 4);
  node.first_token_ = align4(offset + 4 + node.name_.size() + 1);
  node.behind_properties_ = node.end_of_properties();
  node.cells_ = cells;
  return node;
}

std::optional<Node::RawProperty> Node::property_at(size_t offset) const {
  while (tree_->word(offset) == kNop) offset += 4;
  if (tree_->word(offset) != kProperty) return std::nullopt;
  const size_t size = tree_->word(offset + 4);
  return RawProperty{tree_->word(offset + 8), offset + 12, size, align4(offset + 12 + size)};
}

size_t Node::end_of_properties() const {
  size_t offset = first_token_;
  while (const auto raw = property_at(offset)) offset = raw->next;
  while (tree_->word(offset) == kNop) offset += 4;
  return offset;
}

std::optional<Property> Node::property(std::string_view name) const {
  size_t offset = first_token_;
  while (const auto raw = property_at(offset)) {
    if (tree_->is_string(raw->name, name)) {
      Property property;
      property.name_ = as_text(tree_->strings_.subspan(raw->name, name.size()));
      property.data_ = tree_->structure_.subspan(raw->data, raw->size);
      return property;
    }
    offset = raw->next;
  }
  return std::nullopt;
}

bool Node::is_compatible_with(std::string_view text) const {
  const auto compatible = property("compatible");
  return compatible && compatible->contains(text);
}

bool Node::is_enabled() const {
  const auto status = property("status");
  return !status || status->as_string() == "okay" || status->as_string() == "ok";
}

std::optional<Region> Node::region(size_t index) const {
  const auto reg = property("reg");
  const size_t entry = 4 * (size_t{cells_.address} + cells_.size);
  if (!reg || cells_.address > 2 || cells_.size > 2 || entry == 0) return std::nullopt;
  if (index >= reg->data().size() / entry) return std::nullopt;
  const auto bytes = reg->data().subspan(index * entry, entry);
  return Region{big_endian(bytes.first(4 * cells_.address)),
                big_endian(bytes.subspan(4 * cells_.address))};
}

std::optional<Node> Node::first_child() const {
  const size_t offset = behind_properties_;
  if (tree_->word(offset) != kBeginNode) return std::nullopt;
  Cells cells;
  if (auto p = property("#address-cells")) cells.address = p->as_u32().value_or(cells.address);
  if (auto p = property("#size-cells")) cells.size = p->as_u32().value_or(cells.size);
  return at(*tree_, offset, cells);
}

std::optional<Node> Node::next_sibling() const {
  size_t offset = behind_properties_;
  while (tree_->word(offset) != kEndNode) {
    offset = tree_->word(offset) == kBeginNode ? tree_->skip_node(offset) : offset + 4;
  }
  offset += 4;
  while (offset < tree_->structure_.size() && tree_->word(offset) == kNop) offset += 4;
  if (offset >= tree_->structure_.size() || tree_->word(offset) != kBeginNode) return std::nullopt;
  return at(*tree_, offset, cells_);
}

std::optional<Node> Node::child(std::string_view name) const {
  const bool by_full_name = name.find('@') != std::string_view::npos;
  for (auto c = first_child(); c; c = c->next_sibling()) {
    if ((by_full_name ? c->name() : c->base_name()) == name) return c;
  }
  return std::nullopt;
}

// ---- Tree ----

uint32_t Tree::word(size_t offset) const {
  return big_endian_word(structure_.subspan(offset, 4).data());
}

bool Tree::is_string(size_t offset, std::string_view text) const {
  if (text.size() >= strings_.size() - offset) return false;
  return as_text(strings_.subspan(offset, text.size())) == text &&
         strings_[offset + text.size()] == std::byte{0};
}

std::optional<std::string_view> Tree::string_at(std::span<const std::byte> block,
                                                size_t offset) const {
  if (offset >= block.size()) return std::nullopt;
  const std::string_view rest = as_text(block.subspan(offset));
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return rest.substr(0, end);
}

size_t Tree::skip_node(size_t offset) const {
  unsigned depth = 0;
  while (true) {
    const uint32_t token = word(offset);
    if (token == kBeginNode) {
      ++depth;
      offset = align4(offset + 4 + string_at(structure_, offset + 4)->size() + 1);
    } else if (token == kProperty) {
      offset = align4(offset + 12 + word(offset + 4));
    } else {
      offset += 4;
      if (token == kEndNode && --depth == 0) return offset;
    }
  }
}

std::optional<size_t> Tree::total_size(std::span<const std::byte> header) {
  if (header.size() < 8 || big_endian(header.first(4)) != kMagic) return std::nullopt;
  return big_endian(header.subspan(4, 4));
}

std::expected<Tree, TreeError> Tree::parse(std::span<const std::byte> blob) {
  if (blob.size() < kHeaderSize) return std::unexpected(TreeError::Truncated);
  const auto field = [&](size_t index) { return big_endian(blob.subspan(4 * index, 4)); };
  if (field(0) != kMagic) return std::unexpected(TreeError::BadMagic);
  if (field(5) < kVersion || field(6) > kVersion) return std::unexpected(TreeError::BadVersion);
  if (field(1) > blob.size()) return std::unexpected(TreeError::Truncated);
  blob = blob.first(field(1));

  const auto structure = slice(blob, field(2), field(9));
  const auto strings = slice(blob, field(3), field(8));
  const auto reservations = slice(blob, field(4), 0);
  if (!structure || !strings || !reservations) return std::unexpected(TreeError::Truncated);
  Tree tree;
  tree.structure_ = *structure;
  tree.strings_ = *strings;
  tree.reservations_ = blob.subspan(field(4));
  if (const auto error = tree.check_structure()) return std::unexpected(*error);
  return tree;
}

// Inside a node, properties come before children: what Node's accessors rely on.
std::optional<TreeError> Tree::check_structure() const {
  size_t offset = 0;
  unsigned depth = 0;
  bool seen_root = false;
  bool properties_allowed = false;
  while (true) {
    if (!slice(structure_, offset, 4)) return TreeError::Truncated;
    const uint32_t token = word(offset);
    offset += 4;
    if (token == kBeginNode) {
      const auto name = string_at(structure_, offset);
      if (!name) return TreeError::BadString;
      if ((depth == 0 && seen_root) || depth == kMaxDepth) return TreeError::BadNesting;
      seen_root = true;
      properties_allowed = true;
      ++depth;
      offset = align4(offset + name->size() + 1);
    } else if (token == kEndNode) {
      if (depth == 0) return TreeError::BadNesting;
      properties_allowed = false;
      --depth;
    } else if (token == kProperty) {
      if (!properties_allowed) return TreeError::BadToken;
      if (!slice(structure_, offset, 8)) return TreeError::Truncated;
      if (!slice(structure_, offset + 8, word(offset))) return TreeError::Truncated;
      if (!string_at(strings_, word(offset + 4))) return TreeError::BadString;
      offset = align4(offset + 8 + word(offset));
    } else if (token == kEnd) {
      if (depth != 0 || !seen_root) return TreeError::BadNesting;
      return std::nullopt;
    } else if (token != kNop) {
      return TreeError::BadToken;
    }
  }
}

std::optional<Node> Tree::find(std::string_view path) const {
  std::optional<Node> node = root();
  while (node && !path.empty()) {
    if (path.front() == '/') {
      path.remove_prefix(1);
      continue;
    }
    const size_t end = std::min(path.find('/'), path.size());
    node = node->child(path.substr(0, end));
    path.remove_prefix(end);
  }
  return node;
}

std::optional<Region> Tree::reservation(size_t index) const {
  // The block ends with an entry of zeros, or with the blob.
  for (size_t i = 0;; ++i) {
    const auto entry = slice(reservations_, i * 16, 16);
    if (!entry) return std::nullopt;
    const Region region{big_endian(entry->first(8)), big_endian(entry->subspan(8))};
    if (region.address == 0 && region.size == 0) return std::nullopt;
    if (i == index) return region;
  }
}

std::optional<Node> Tree::find_compatible(std::string_view text) const {
  std::optional<Node> found;
  visit([&](const Node& node) {
    if (!node.is_enabled() || !node.is_compatible_with(text)) return false;
    found = node;
    return true;
  });
  return found;
}

}  // namespace nacre::fdt
