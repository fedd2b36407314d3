#include "nacre/engine/wasi/vfs/resolve.hh"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "nacre/engine/wasi/vfs/file_system.hh"

namespace nacre::vfs {
namespace {

class ResolveTest : public testing::Test {
 protected:
  ResolveTest() {
    dir("d");
    dir("d/e");
    file("f");
    file("d/g");
    link("d/e", "to_e");
    link("f", "to_f");
    link("nowhere", "dangling");
    link("loop", "loop");
    link("../f", "d/up");
    link("../../f", "d/out");
  }
  void dir(std::string_view path) { ASSERT_TRUE(files.make_directory(root, path, 0)); }
  void file(std::string_view path) { ASSERT_TRUE(files.add_image_file(root, path, {}, 0)); }
  void link(std::string_view target, std::string_view path) {
    ASSERT_TRUE(files.symlink(target, root, path, 0));
  }
  Errno error(std::string_view path, LastLink last = LastLink::Follow) {
    const auto found = FileSystem::lookup(root, path, last);
    return found ? Errno::Success : found.error();
  }
  InodeRef at(std::string_view path, LastLink last = LastLink::Follow) {
    const auto found = FileSystem::lookup(root, path, last);
    EXPECT_TRUE(found) << path;
    return found ? *found : InodeRef();
  }

  FixedBudget budget{1 << 20};
  FileSystem files{budget};
  InodeRef root = *files.create_root(0);
};

TEST_F(ResolveTest, FindsWhatIsThere) {
  EXPECT_EQ(at("."), root);
  EXPECT_EQ(at("d/.."), root);
  EXPECT_EQ(at("d//./e///"), at("d/e"));
  EXPECT_EQ(at("to_e"), at("d/e"));
  EXPECT_EQ(at("to_e/.."), at("d"));  // the parent of the target, not of the link
  EXPECT_EQ(at("d/up"), at("f"));
  EXPECT_TRUE(at("to_e", LastLink::Keep)->is_link());
  EXPECT_EQ(at("to_e/", LastLink::Keep), at("d/e"));
}

TEST_F(ResolveTest, RefusesWithTheRightError) {
  EXPECT_EQ(error(""), Errno::NoEntry);
  EXPECT_EQ(error("/"), Errno::Permission);
  EXPECT_EQ(error("/d"), Errno::Permission);
  EXPECT_EQ(error(".."), Errno::Permission);
  EXPECT_EQ(error("d/../.."), Errno::Permission);
  EXPECT_EQ(error("d/out"), Errno::Permission);
  EXPECT_EQ(error("missing"), Errno::NoEntry);
  EXPECT_EQ(error("missing/x"), Errno::NoEntry);
  EXPECT_EQ(error("dangling"), Errno::NoEntry);
  EXPECT_EQ(error("f/"), Errno::NotDirectory);
  EXPECT_EQ(error("f/x"), Errno::NotDirectory);
  EXPECT_EQ(error("f/.."), Errno::NotDirectory);
  EXPECT_EQ(error("to_f/"), Errno::NotDirectory);
  EXPECT_EQ(error("loop"), Errno::Loop);
  EXPECT_EQ(error("loop/x", LastLink::Keep), Errno::Loop);
  EXPECT_EQ(error(std::string(256, 'x')), Errno::NameTooLong);
  EXPECT_EQ(error(std::string(255, 'x')), Errno::NoEntry);
  EXPECT_EQ(error(std::string(5000, '/')), Errno::NameTooLong);
  EXPECT_EQ(error(std::string_view("f\0", 2)), Errno::Invalid);
  EXPECT_EQ(error("\xff"), Errno::IllegalSequence);
}

TEST_F(ResolveTest, FollowsExactlyFortyLinks) {
  std::string target = "f";
  for (int i = 0; i < 41; ++i) {
    const std::string name = "chain" + std::to_string(i);
    link(target, name);
    target = name;
  }
  EXPECT_EQ(error("chain39"), Errno::Success);
  EXPECT_EQ(error("chain40"), Errno::Loop);
}

TEST(Utf8, AcceptsWellFormedTextOnly) {
  for (const char* good : {"", "a", "é", "€", "😀", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "a\xff"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

// The model: a walk with an explicit stack of directories and recursion for links.
class Model {
 public:
  struct Answer {
    Errno error = Errno::Success;
    InodeRef inode;
    bool slash = false;
  };

  explicit Model(const InodeRef& root) : stack_{root} {}

  Answer walk(const std::string& path, LastLink last) {
    if (path.empty()) return {Errno::NoEntry, {}, false};
    if (path[0] == '/') return {Errno::Permission, {}, false};
    std::vector<std::string> parts;
    std::string part;
    for (const char c : path + "/") {
      if (c != '/') {
        part += c;
      } else if (!part.empty()) {
        parts.push_back(part);
        part.clear();
      }
    }
    const bool slash = path.back() == '/';
    for (size_t i = 0; i < parts.size(); ++i) {
      const bool is_last = i + 1 == parts.size();
      Answer answer = one(parts[i], is_last, slash, last);
      if (answer.error != Errno::Success || is_last) return answer;
      if (!answer.inode) return {Errno::NoEntry, {}, false};
      if (!answer.inode->is_directory()) return {Errno::NotDirectory, {}, false};
    }
    return {};
  }

 private:
  // Afterwards stack_ ends with the directory that was reached, if it was one.
  Answer one(const std::string& name, bool is_last, bool slash, LastLink last) {
    if (name == ".") return {Errno::Success, stack_.back(), true};
    if (name == "..") {
      if (stack_.size() == 1) return {Errno::Permission, {}, false};
      stack_.pop_back();
      return {Errno::Success, stack_.back(), true};
    }
    InodeRef inode = stack_.back()->directory()->find(name);
    if (inode && inode->is_link()) {
      const bool follow = !is_last || last == LastLink::Follow || (slash && last == LastLink::Keep);
      if (!follow) return {Errno::Success, inode, slash};
      if (++links_ > kMaxLinks) return {Errno::Loop, {}, false};
      std::string target = *inode->link_target();
      if (!is_last || slash) target += '/';
      return walk(target, is_last ? last : LastLink::Follow);
    }
    if (inode && inode->is_directory()) stack_.push_back(inode);
    return {Errno::Success, inode, slash};
  }

  std::vector<InodeRef> stack_;
  unsigned links_ = 0;
};

std::string random_path(std::mt19937& random) {
  const char* const parts[] = {"a", "b", "c", "d", "..", ".", "", "a/", "b/..", "c/./d"};
  std::string path;
  const size_t count = 1 + random() % 6;
  for (size_t i = 0; i < count; ++i) {
    if (i != 0) path += '/';
    path += parts[random() % std::size(parts)];
  }
  return path;
}

TEST(ResolveProperty, AgreesWithAModelOnRandomTrees) {
  int found = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    FixedBudget budget(1 << 20);
    {
      FileSystem files(budget);
      const InodeRef root = *files.create_root(0);
      for (int i = 0; i < 25; ++i) {
        const std::string path = random_path(random);
        // Many of these fail, as they should; what they leave is the tree.
        switch (random() % 4) {
          case 0:
            (void)files.add_image_file(root, path, {}, 0);
            break;
          case 1:
            (void)files.symlink(random_path(random), root, path, 0);
            break;
          default:
            (void)files.make_directory(root, path, 0);
        }
      }
      for (int i = 0; i < 200; ++i) {
        const std::string path = random_path(random);
        const auto last = static_cast<LastLink>(random() % 3);
        const Model::Answer expected = Model(root).walk(path, last);
        const auto got = resolve(root, path, last);
        ASSERT_EQ(got ? Errno::Success : got.error(), expected.error) << seed << " " << path;
        if (!got) continue;
        ASSERT_EQ(got->inode, expected.inode) << seed << " " << path;
        ASSERT_EQ(got->wants_directory, expected.slash) << seed << " " << path;
        if (got->inode) ++found;
      }
    }
    ASSERT_EQ(budget.used(), 0u);
  }
  EXPECT_GT(found, 1000);
}

}  // namespace
}  // namespace nacre::vfs
