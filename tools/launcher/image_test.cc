#include "image.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "nacre/base/cpio/cpio.hh"
#include "nacre/base/launch/config.hh"

namespace nacre::launcher {
namespace {

namespace fs = std::filesystem;

class ImageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "nacre-image-XXXXXX").native();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    put("app.wasm", "wasm bytes");
    options_.program = root_ / "app.wasm";
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const fs::path& path, std::string_view text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << text;
  }

  struct Found {
    cpio::EntryKind kind;
    std::string text;
  };

  // All entries by name; config is checked to decode.
  std::map<std::string, Found> build() {
    const auto image = build_image(options_);
    EXPECT_TRUE(image.has_value()) << image.error().message();
    bytes_.resize(image->bytes);
    EXPECT_EQ(pread(image->file.get(), bytes_.data(), bytes_.size(), 0),
              static_cast<ssize_t>(bytes_.size()));
    std::map<std::string, Found> entries;
    cpio::Reader reader(std::as_bytes(std::span(bytes_)));
    for (auto entry = reader.next().value(); entry; entry = reader.next().value()) {
      entries[std::string(entry->name)] = {entry->kind, std::string(entry->text())};
    }
    return entries;
  }

  std::string error() {
    const auto image = build_image(options_);
    return image ? "accepted" : image.error().message();
  }

  fs::path root_;
  Options options_;
  std::string bytes_;
};

TEST_F(ImageTest, IsSavedToAFile) {
  put("old", "longer than the archive? " + std::string(100'000, 'x'));
  const auto image = build_image(options_);
  ASSERT_TRUE(image.has_value());
  (void)build();
  ASSERT_TRUE(save_image(*image, (root_ / "old").native()).has_value());
  std::ifstream in(root_ / "old", std::ios::binary);
  const std::string saved((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(saved, bytes_);
  const auto refused = save_image(*image, (root_ / "none" / "f").native());
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message().find("none/f"), std::string::npos);
}

TEST_F(ImageTest, ProgramAndConfig) {
  options_.arguments = {"one", ""};
  options_.environment = {"A=1"};
  const auto entries = build();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries.at("program.wasm").text, "wasm bytes");
  const auto config = launch::decode(entries.at("config").text);
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->arguments, (std::vector<std::string>{"app.wasm", "one", ""}));
  EXPECT_EQ(config->environment, (std::vector<std::string>{"A=1"}));
}

TEST_F(ImageTest, TreesKeepFilesLinksAndEmptyDirectories) {
  put("tree/a/deep/file", std::string(300000, 'x'));
  put("tree/empty-file", "");
  fs::create_directories(root_ / "tree/empty");
  fs::create_symlink("../nowhere", root_ / "tree/link");
  ASSERT_EQ(mkfifo((root_ / "tree/pipe").c_str(), 0600), 0);
  fs::create_directory_symlink(root_ / "tree/a", root_ / "alias");
  options_.directories = {{root_ / "tree", "/data"}, {root_ / "alias", "."}};
  const auto entries = build();
  EXPECT_EQ(entries.at("root0").kind, cpio::EntryKind::Directory);
  EXPECT_EQ(entries.at("root0/empty").kind, cpio::EntryKind::Directory);
  EXPECT_EQ(entries.at("root0/empty-file").text, "");
  EXPECT_EQ(entries.at("root0/a/deep/file").text, std::string(300000, 'x'));
  EXPECT_EQ(entries.at("root0/link").kind, cpio::EntryKind::Symlink);
  EXPECT_EQ(entries.at("root0/link").text, "../nowhere");
  EXPECT_EQ(entries.count("root0/pipe"), 0u);
  EXPECT_EQ(entries.at("root1/deep/file").text.size(), 300000u);
  const auto config = launch::decode(entries.at("config").text);
  EXPECT_EQ(config->preopens, (std::vector<std::string>{"/data", "."}));
}

TEST_F(ImageTest, MistakesAreNamed) {
  options_.program = root_ / "missing.wasm";
  EXPECT_NE(error().find("missing.wasm: No such file"), std::string::npos) << error();
  options_.program = root_;
  EXPECT_NE(error().find("is a directory"), std::string::npos) << error();
  put("empty.wasm", "");
  options_.program = root_ / "empty.wasm";
  EXPECT_NE(error().find("empty.wasm: is empty"), std::string::npos) << error();
  options_.program = root_ / "app.wasm";
  options_.directories = {{root_ / "nowhere", "."}};
  EXPECT_NE(error().find("nowhere: No such file"), std::string::npos) << error();
  options_.directories = {{root_ / "app.wasm", "."}};
  EXPECT_NE(error().find("not a directory"), std::string::npos) << error();
}

TEST_F(ImageTest, TooMuchIsRefusedBeforeItIsRead) {
  put("tree/huge", "x");
  fs::resize_file(root_ / "tree/huge", uint64_t{3} << 30);  // sparse
  options_.directories = {{root_ / "tree", "."}};
  EXPECT_NE(error().find("huge: too large"), std::string::npos) << error();
}

TEST(MachineMemory, FitsTheArchive) {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  Options options;
  EXPECT_EQ(choose_memory(options, 1).value(), 512 * kMiB);
  EXPECT_GE(choose_memory(options, kMaxArchiveBytes).value(), 4 * kMaxArchiveBytes);
  options.machine_memory_bytes = 128 * kMiB;
  EXPECT_EQ(choose_memory(options, 58 * kMiB).value(), 128 * kMiB);
  EXPECT_FALSE(choose_memory(options, 59 * kMiB).has_value());
  options.machine_memory_bytes = 512 * kMiB;
  EXPECT_EQ(choose_memory(options, 378 * kMiB).value(), 512 * kMiB);
  EXPECT_FALSE(choose_memory(options, 379 * kMiB).has_value());
  options.machine_memory_bytes = 63 * kMiB;
  EXPECT_FALSE(choose_memory(options, 1).has_value());
}

}  // namespace
}  // namespace nacre::launcher
