// A flattened devicetree, read in place: nothing is copied or allocated. Devicetree Specification
// 0.4, chapter 5.
//
// Tree::parse() walks the whole blob once and checks every token, name and length; nodes and
// properties made from a Tree therefore need no further checks against its bounds. The blob must
// stay unchanged while it is in use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

namespace nacre::fdt {

enum class TreeError : uint8_t {
  Truncated,  // a block or token reaches beyond the blob
  BadMagic,
  BadVersion,  // neither 17 nor compatible with it
  BadToken,    // unknown, or where it must not stand
  BadNesting,  // too deep, unbalanced, or not exactly one root
  BadString,   // a name without its terminator
};
[[nodiscard]] std::string_view name_of(TreeError error);

inline constexpr unsigned kMaxDepth = 32;

class Property {
 public:
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] std::span<const std::byte> data() const { return data_; }
  // Big-endian cells; nothing if the property has another size.
  [[nodiscard]] std::optional<uint32_t> as_u32() const;
  [[nodiscard]] std::optional<uint64_t> as_u64() const;
  // One or two cells.
  [[nodiscard]] std::optional<uint64_t> as_number() const;
  // Up to the first NUL, or all of it.
  [[nodiscard]] std::string_view as_string() const;
  // Whether one of the NUL-terminated strings in it is `text`.
  [[nodiscard]] bool contains(std::string_view text) const;

 private:
  friend class Node;
  std::string_view name_;
  std::span<const std::byte> data_;
};

// One entry of "reg". Bus addresses are taken for physical ones: every bus here has empty `ranges`.
struct Region {
  uint64_t address;
  uint64_t size;
};

class Node {
 public:
  // With the unit address: "memory@80000000". Empty for the root.
  [[nodiscard]] std::string_view name() const { return name_; }
  // Without it: "memory".
  [[nodiscard]] std::string_view base_name() const { return name_.substr(0, name_.find('@')); }

  [[nodiscard]] std::optional<Property> property(std::string_view name) const;
  [[nodiscard]] bool is_compatible_with(std::string_view text) const;
  // False if "status" is there and neither "okay" nor "ok".
  [[nodiscard]] bool is_enabled() const;
  // The index-th entry of "reg", by the parent's cell counts.
  [[nodiscard]] std::optional<Region> region(size_t index) const;

  // Iteration: for (auto c = node.first_child(); c; c = c->next_sibling()).
  [[nodiscard]] std::optional<Node> first_child() const;
  [[nodiscard]] std::optional<Node> next_sibling() const;
  // A child by full name, or by base name if `name` has no '@'.
  [[nodiscard]] std::optional<Node> child(std::string_view name) const;

 private:
  friend class Tree;
  struct Cells {
    uint32_t address = 2;
    uint32_t size = 1;
  };

  [[nodiscard]] static Node at(const class Tree& tree, size_t offset, Cells cells);
  [[nodiscard]] size_t end_of_properties() const;
  struct RawProperty {
    size_t name;  // in the strings block
    size_t data;  // in the structure block
    size_t size;
    size_t next;  // offset of the token behind it
  };
  [[nodiscard]] std::optional<RawProperty> property_at(size_t offset) const;

  const class Tree* tree_ = nullptr;
  std::string_view name_;
  size_t first_token_ = 0;        // behind the name
  size_t behind_properties_ = 0;  // the first child's token, or our END_NODE
  Cells cells_;                   // for our own "reg"
};

class Tree {
 public:
  static std::expected<Tree, TreeError> parse(std::span<const std::byte> blob);
  // Size that the header at the start of `header` claims; nothing if it is no devicetree. `header`
  // needs 8 bytes.
  [[nodiscard]] static std::optional<size_t> total_size(std::span<const std::byte> header);

  [[nodiscard]] Node root() const { return Node::at(*this, 0, {}); }
  // "/chosen", "/soc/serial@10000000".
  [[nodiscard]] std::optional<Node> find(std::string_view path) const;
  // Entries of the memory reservation block.
  [[nodiscard]] std::optional<Region> reservation(size_t index) const;

  // Calls visit(const Node&) for every node, parents first, until it returns true; whether it did.
  template <class Visitor>
  bool visit(Visitor&& visitor) const {
    return visit_below(root(), visitor);
  }
  // The first enabled node that is compatible with `text`.
  [[nodiscard]] std::optional<Node> find_compatible(std::string_view text) const;

 private:
  friend class Node;

  template <class Visitor>
  static bool visit_below(const Node& node, Visitor& visitor) {
    if (visitor(node)) return true;
    for (auto c = node.first_child(); c; c = c->next_sibling()) {
      if (visit_below(*c, visitor)) return true;
    }
    return false;
  }

  [[nodiscard]] std::optional<TreeError> check_structure() const;
  // Big-endian word of the structure block. `offset` was checked.
  [[nodiscard]] uint32_t word(size_t offset) const;
  [[nodiscard]] std::optional<std::string_view> string_at(std::span<const std::byte> block,
                                                          size_t offset) const;
  // Whether the string at an offset of the strings block, which was checked, is `text`.
  [[nodiscard]] bool is_string(size_t offset, std::string_view text) const;
  // Skips the node whose BEGIN_NODE is at `offset`, with all below it.
  [[nodiscard]] size_t skip_node(size_t offset) const;

  std::span<const std::byte> structure_;
  std::span<const std::byte> strings_;
  std::span<const std::byte> reservations_;
};

}  // namespace nacre::fdt
