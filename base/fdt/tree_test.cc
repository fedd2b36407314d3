#include "nacre/base/fdt/tree.hh"

#include <gtest/gtest.h>

#include <random>

#include "blob_builder.hh"

namespace nacre::fdt {
namespace {

std::span<const std::byte> bytes_of(const std::string& blob) {
  return std::as_bytes(std::span(blob));
}

std::string sample() {
  BlobBuilder b;
  b.reserve(0x1000, 0x200);
  b.begin("").cells("#address-cells", {2}).cells("#size-cells", {2}).token(BlobBuilder::kNop);
  b.begin("chosen").text("bootargs", "log=debug").end();
  b.begin("memory@80000000").text("device_type", "memory");
  b.cells("reg", {0, 0x80000000, 0, 0x10000000, 1, 0, 0, 0x1000}).end().token(BlobBuilder::kNop);
  b.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
  b.begin("cpu@0").cells("reg", {7}).text("status", "okay");
  b.begin("interrupt-controller").end().end();
  b.begin("cpu@1").cells("reg", {9}).text("status", "disabled").text("compatible", "riscv").end();
  b.end();
  b.begin("soc").cells("#address-cells", {2}).cells("#size-cells", {2});
  b.begin("serial@10000000").property("compatible", std::string_view("ns16550a\0uart\0", 14));
  b.cells("reg", {0, 0x10000000, 0, 0x100}).end().end().end();
  b.token(BlobBuilder::kEnd);
  return b.finish();
}

TEST(Tree, FindsNodesAndProperties) {
  const std::string blob = sample();
  const auto tree = Tree::parse(bytes_of(blob));
  ASSERT_TRUE(tree.has_value());
  EXPECT_EQ(tree->root().name(), "");
  EXPECT_EQ(tree->find("/chosen")->property("bootargs")->as_string(), "log=debug");
  EXPECT_EQ(tree->find("/memory")->name(), "memory@80000000");
  EXPECT_EQ(tree->find("/memory@80000000")->base_name(), "memory");
  EXPECT_EQ(tree->find("/soc/serial@10000000")->name(), "serial@10000000");
  EXPECT_FALSE(tree->find("/soc/serial@2").has_value());
  EXPECT_FALSE(tree->find("/nothing/here").has_value());
  EXPECT_FALSE(tree->root().property("missing").has_value());
}

TEST(Tree, RegionsFollowTheParentsCells) {
  const std::string blob = sample();
  const auto tree = Tree::parse(bytes_of(blob));
  const Node memory = *tree->find("/memory");
  EXPECT_EQ(memory.region(0)->address, 0x80000000u);
  EXPECT_EQ(memory.region(0)->size, 0x10000000u);
  EXPECT_EQ(memory.region(1)->address, 0x1'0000'0000u);
  EXPECT_FALSE(memory.region(2).has_value());
  EXPECT_EQ(tree->find("/cpus/cpu@1")->region(0)->address, 9u);
  EXPECT_EQ(tree->find("/cpus/cpu@1")->region(0)->size, 0u);
}

TEST(Tree, SiblingsAreVisitedPastNestedNodes) {
  const std::string blob = sample();
  const auto tree = Tree::parse(bytes_of(blob));
  std::string names;
  tree->visit([&](const Node& node) {
    names += std::string(node.name()) + ",";
    return false;
  });
  EXPECT_EQ(names,
            ",chosen,memory@80000000,cpus,cpu@0,interrupt-controller,cpu@1,soc,serial@10000000,");
}

TEST(Tree, CompatibleAndStatus) {
  const std::string blob = sample();
  const auto tree = Tree::parse(bytes_of(blob));
  EXPECT_EQ(tree->find_compatible("ns16550a")->name(), "serial@10000000");
  EXPECT_EQ(tree->find_compatible("uart")->name(), "serial@10000000");
  EXPECT_FALSE(tree->find_compatible("ns16550").has_value());
  EXPECT_FALSE(tree->find_compatible("riscv").has_value()) << "it is disabled";
}

TEST(Tree, Reservations) {
  const std::string blob = sample();
  const auto tree = Tree::parse(bytes_of(blob));
  EXPECT_EQ(tree->reservation(0)->address, 0x1000u);
  EXPECT_EQ(tree->reservation(0)->size, 0x200u);
  EXPECT_FALSE(tree->reservation(1).has_value());
}

TreeError error_of(const std::string& blob) {
  const auto tree = Tree::parse(bytes_of(blob));
  EXPECT_FALSE(tree.has_value());
  return tree.error();
}

TEST(Tree, RefusesWhatIsWrong) {
  const std::string good = sample();
  EXPECT_EQ(error_of(good.substr(0, 39)), TreeError::Truncated);
  EXPECT_EQ(error_of(good.substr(0, good.size() - 1)), TreeError::Truncated);
  std::string bad = good;
  bad[0] = 0;
  EXPECT_EQ(error_of(bad), TreeError::BadMagic);
  bad = good;
  bad[23] = 16;
  EXPECT_EQ(error_of(bad), TreeError::BadVersion);
  EXPECT_EQ(error_of(BlobBuilder().begin("").token(77).finish()), TreeError::BadToken);
  EXPECT_EQ(error_of(BlobBuilder().begin("").end().finish()), TreeError::Truncated);
  EXPECT_EQ(error_of(BlobBuilder().begin("").token(BlobBuilder::kEnd).finish()),
            TreeError::BadNesting);
  EXPECT_EQ(error_of(BlobBuilder().end().finish()), TreeError::BadNesting);
  EXPECT_EQ(error_of(BlobBuilder().begin("").end().begin("").end().finish()),
            TreeError::BadNesting);
  BlobBuilder late;
  late.begin("").begin("a").end().text("p", "v").end().token(BlobBuilder::kEnd);
  EXPECT_EQ(error_of(late.finish()), TreeError::BadToken);
  BlobBuilder deep;
  for (unsigned i = 0; i <= kMaxDepth; ++i) deep.begin("x");
  EXPECT_EQ(error_of(deep.finish()), TreeError::BadNesting);
}

// Whatever the bytes: either an error, or a tree that can be read from end to end.
TEST(Tree, SurvivesAnyDamage) {
  std::mt19937 random(5);
  const std::string good = sample();
  unsigned accepted = 0;
  for (unsigned round = 0; round < 20000; ++round) {
    // An allocation of exactly this size, so that the sanitizer sees every byte too far.
    std::vector<char> blob(good.begin(), good.end());
    for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
      blob[random() % blob.size()] = static_cast<char>(random());
    }
    if (random() % 8 == 0) blob.resize(random() % blob.size());
    const auto tree = Tree::parse(std::as_bytes(std::span(blob)));
    if (!tree) continue;
    ++accepted;
    tree->visit([](const Node& node) {
      (void)node.region(0);
      (void)node.is_compatible_with("ns16550a");
      if (auto p = node.property("reg")) (void)p->as_number();
      return false;
    });
    for (size_t i = 0; i < 4; ++i) (void)tree->reservation(i);
  }
  EXPECT_GT(accepted, 100u) << "the damage must leave some trees readable";
}

}  // namespace
}  // namespace nacre::fdt
