#include "harts.hh"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "blob_builder.hh"

namespace nacre::loader {
namespace {

struct Cpu {
  uint32_t id;
  std::string status = "okay";
};

std::vector<uint64_t> ids_of(const std::vector<Cpu>& cpus, uint64_t boot_hart,
                             size_t left_out = 0) {
  fdt::BlobBuilder blob;
  blob.begin("").begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
  blob.begin("cpu-map").end();
  for (const Cpu& cpu : cpus) {
    blob.begin("cpu@" + std::to_string(cpu.id)).cells("reg", {cpu.id});
    if (!cpu.status.empty()) blob.text("status", cpu.status);
    blob.end();
  }
  blob.end().end().token(fdt::BlobBuilder::kEnd);
  const std::string bytes = blob.finish();
  const auto tree = fdt::Tree::parse(std::as_bytes(std::span(bytes)));
  EXPECT_TRUE(tree);
  const HartList harts = find_harts(*tree, boot_hart);
  EXPECT_EQ(harts.left_out, left_out);
  return {harts.all().begin(), harts.all().end()};
}

using Ids = std::vector<uint64_t>;

TEST(Harts, TheBootHartComesFirst) {
  EXPECT_EQ(ids_of({{0}, {1}, {2}}, 1), (Ids{1, 0, 2}));
  EXPECT_EQ(ids_of({{0}}, 0), (Ids{0}));
}

TEST(Harts, IdsMayBeSparseAndHartsDisabled) {
  EXPECT_EQ(ids_of({{4}, {17, "disabled"}, {1000, ""}, {2, "fail"}}, 4), (Ids{4, 1000}));
}

TEST(Harts, ABootHartThatTheTreeDoesNotNameIsThere) {
  EXPECT_EQ(ids_of({}, 7), (Ids{7}));
}

TEST(Harts, TooManyAreLeftOut) {
  std::vector<Cpu> many;
  for (uint32_t i = 0; i < 70; ++i) many.push_back({i});
  EXPECT_EQ(ids_of(many, 3, 6).size(), 64u);
}

}  // namespace
}  // namespace nacre::loader
