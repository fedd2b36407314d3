#include "nacre/engine/wasi/vfs/file_system.hh"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace nacre::vfs {
namespace {

template <class T>
Errno error_of(const Outcome<T>& outcome) {
  return outcome ? Errno::Success : outcome.error();
}

class FileSystemTest : public testing::Test {
 protected:
  Errno mkdir(std::string_view path) { return error_of(files.make_directory(root, path, 1)); }
  Errno rmdir(std::string_view path) { return error_of(files.remove_directory(root, path, 1)); }
  Errno unlink(std::string_view path) { return error_of(files.unlink(root, path, 1)); }
  Errno rename(std::string_view from, std::string_view to) {
    return error_of(files.rename(root, from, root, to, 1));
  }
  Errno link(std::string_view from, std::string_view to) {
    return error_of(files.link(root, from, root, to, 1));
  }
  Errno symlink(std::string_view target, std::string_view path) {
    return error_of(files.symlink(target, root, path, 1));
  }
  Errno create(std::string_view path) {
    OpenOptions options;
    options.create = true;
    return error_of(files.open(root, path, options, 1));
  }
  InodeRef find(std::string_view path) {
    const auto found = FileSystem::lookup(root, path, LastLink::Keep);
    return found ? *found : InodeRef();
  }

  FixedBudget budget{1 << 24};
  FileSystem files{budget};
  InodeRef root = *files.create_root(0);
};

TEST_F(FileSystemTest, OpenAnswersAsPosixDoes) {
  ASSERT_EQ(mkdir("d"), Errno::Success);
  ASSERT_EQ(create("f"), Errno::Success);
  ASSERT_EQ(symlink("f", "l"), Errno::Success);
  ASSERT_EQ(symlink("new", "dangling"), Errno::Success);
  const auto open = [&](std::string_view path, auto... flags) {
    OpenOptions options;
    ((options.*flags = true), ...);
    return error_of(files.open(root, path, options, 1));
  };
  constexpr auto kCreate = &OpenOptions::create;
  constexpr auto kExclusive = &OpenOptions::exclusive;
  constexpr auto kDirectory = &OpenOptions::directory;
  constexpr auto kTruncate = &OpenOptions::truncate;
  constexpr auto kWrite = &OpenOptions::write;
  EXPECT_EQ(open("none"), Errno::NoEntry);
  EXPECT_EQ(open("f", kCreate, kExclusive), Errno::Exist);
  EXPECT_EQ(open("dangling", kCreate, kExclusive), Errno::Exist);
  EXPECT_EQ(open("f", kDirectory), Errno::NotDirectory);
  EXPECT_EQ(open("f/"), Errno::NotDirectory);
  EXPECT_EQ(open("d", kDirectory), Errno::Success);
  EXPECT_EQ(open("d"), Errno::Success);
  EXPECT_EQ(open("d", kWrite), Errno::IsDirectory);
  EXPECT_EQ(open("d", kTruncate), Errno::IsDirectory);
  EXPECT_EQ(open("d", kCreate), Errno::IsDirectory);
  EXPECT_EQ(open("d", kCreate, kDirectory), Errno::Invalid);
  EXPECT_EQ(open("x/", kCreate), Errno::IsDirectory);
  EXPECT_EQ(open("dangling", kCreate), Errno::Success);
  EXPECT_TRUE(find("new"));
  OpenOptions keep;
  keep.last = LastLink::Keep;
  EXPECT_EQ(error_of(files.open(root, "l", keep, 1)), Errno::Loop);
}

TEST_F(FileSystemTest, TruncateEmptiesAndStamps) {
  const std::vector<uint8_t> image(100, 1);
  const InodeRef file = *files.add_image_file(root, "some/where/f", image, 5);
  OpenOptions options;
  options.truncate = true;
  EXPECT_EQ(*files.open(root, "some/where/f", options, 9), file);
  EXPECT_EQ(file->size(), 0u);
  EXPECT_EQ(file->times().modified, 9u);
  EXPECT_EQ(file->times().accessed, 5u);
}

TEST_F(FileSystemTest, RemovalRules) {
  ASSERT_EQ(mkdir("d"), Errno::Success);
  ASSERT_EQ(mkdir("d/e"), Errno::Success);
  ASSERT_EQ(create("f"), Errno::Success);
  ASSERT_EQ(symlink("d", "l"), Errno::Success);
  EXPECT_EQ(rmdir("d"), Errno::NotEmpty);
  EXPECT_EQ(rmdir("f"), Errno::NotDirectory);
  EXPECT_EQ(rmdir("l"), Errno::NotDirectory);
  EXPECT_EQ(rmdir("."), Errno::Invalid);
  EXPECT_EQ(rmdir("none"), Errno::NoEntry);
  EXPECT_EQ(unlink("d"), Errno::IsDirectory);
  EXPECT_EQ(unlink("f/"), Errno::NotDirectory);
  EXPECT_EQ(unlink("l/"), Errno::NotDirectory);
  EXPECT_EQ(unlink("none"), Errno::NoEntry);
  EXPECT_EQ(unlink("l"), Errno::Success);
  EXPECT_EQ(rmdir("d/e/"), Errno::Success);
  EXPECT_EQ(rmdir("d"), Errno::Success);
}

TEST_F(FileSystemTest, RemovedDirectoryTakesNothing) {
  ASSERT_EQ(mkdir("d"), Errno::Success);
  const InodeRef held = find("d");
  ASSERT_EQ(rmdir("d"), Errno::Success);
  EXPECT_EQ(held->links(), 0u);
  OpenOptions options;
  options.create = true;
  EXPECT_EQ(error_of(files.open(held, "f", options, 1)), Errno::NoEntry);
  EXPECT_EQ(error_of(files.make_directory(held, "x", 1)), Errno::NoEntry);
  EXPECT_EQ(error_of(files.symlink("t", held, "x", 1)), Errno::NoEntry);
  ASSERT_EQ(create("f"), Errno::Success);
  EXPECT_EQ(error_of(files.rename(root, "f", held, "f", 1)), Errno::NoEntry);
  EXPECT_EQ(error_of(files.link(root, "f", held, "f", 1)), Errno::NoEntry);
  EXPECT_EQ(error_of(FileSystem::lookup(held, "..", LastLink::Keep)), Errno::Permission);
}

TEST_F(FileSystemTest, RenameRules) {
  for (const char* path : {"d", "d/e", "empty", "full", "full/x"}) {
    ASSERT_EQ(mkdir(path), Errno::Success);
  }
  ASSERT_EQ(create("f"), Errno::Success);
  ASSERT_EQ(create("g"), Errno::Success);
  EXPECT_EQ(rename("none", "x"), Errno::NoEntry);
  EXPECT_EQ(rename("d", "d/e/x"), Errno::Invalid);
  EXPECT_EQ(rename("d", "d/x"), Errno::Invalid);
  EXPECT_EQ(rename("d", "d"), Errno::Success);
  EXPECT_EQ(rename("d", "f"), Errno::NotDirectory);
  EXPECT_EQ(rename("d", "full"), Errno::NotEmpty);
  EXPECT_EQ(rename("f", "empty"), Errno::IsDirectory);
  EXPECT_EQ(rename("f", "x/"), Errno::NotDirectory);
  EXPECT_EQ(rename("f/", "x"), Errno::NotDirectory);
  EXPECT_EQ(rename(".", "x"), Errno::Busy);
  EXPECT_EQ(rename("f", "."), Errno::Busy);
  const InodeRef moved = find("d");
  const InodeRef replaced = find("empty");
  EXPECT_EQ(rename("d", "empty"), Errno::Success);
  EXPECT_EQ(find("empty"), moved);
  EXPECT_TRUE(replaced->directory()->is_removed());
  EXPECT_EQ(moved->directory()->parent(), root.get());
  EXPECT_TRUE(find("empty/e"));
  EXPECT_EQ(rename("empty/", "full/moved/"), Errno::Success);
  EXPECT_EQ(moved->directory()->parent(), find("full").get());
  const InodeRef old = find("g");
  EXPECT_EQ(rename("f", "g"), Errno::Success);
  EXPECT_EQ(old->links(), 0u);
  EXPECT_EQ(find("g")->links(), 1u);
  EXPECT_FALSE(find("f"));
}

TEST_F(FileSystemTest, HardLinksShareOneFile) {
  ASSERT_EQ(create("f"), Errno::Success);
  ASSERT_EQ(mkdir("d"), Errno::Success);
  EXPECT_EQ(link("f", "d/g"), Errno::Success);
  EXPECT_EQ(find("f"), find("d/g"));
  EXPECT_EQ(find("f")->links(), 2u);
  EXPECT_EQ(link("d", "e"), Errno::Permission);
  EXPECT_EQ(link("f", "d/g"), Errno::Exist);
  EXPECT_EQ(link("none", "x"), Errno::NoEntry);
  EXPECT_EQ(link("f", "x/"), Errno::NoEntry);
  EXPECT_EQ(rename("f", "d/g"), Errno::Success);  // two names of one file: nothing happens
  EXPECT_TRUE(find("f"));
  EXPECT_EQ(unlink("f"), Errno::Success);
  EXPECT_EQ(find("d/g")->links(), 1u);
}

TEST_F(FileSystemTest, SymbolicLinks) {
  EXPECT_EQ(symlink("", "l"), Errno::NoEntry);
  EXPECT_EQ(symlink("/etc", "absolute"), Errno::Success);
  EXPECT_EQ(*FileSystem::read_link(root, "absolute"), "/etc");
  EXPECT_EQ(error_of(FileSystem::lookup(root, "absolute", LastLink::Follow)), Errno::Permission);
  EXPECT_EQ(symlink("\xff", "l"), Errno::IllegalSequence);
  EXPECT_EQ(symlink("t", "l/"), Errno::NoEntry);
  EXPECT_EQ(symlink("some/target", "l"), Errno::Success);
  EXPECT_EQ(symlink("t", "l"), Errno::Exist);
  EXPECT_EQ(*FileSystem::read_link(root, "l"), "some/target");
  EXPECT_EQ(error_of(FileSystem::read_link(root, ".")), Errno::Invalid);
}

TEST_F(FileSystemTest, UnlinkedFileLivesWhileItIsHeld) {
  const uint64_t before = budget.used();
  ASSERT_EQ(create("f"), Errno::Success);
  InodeRef held = find("f");
  ASSERT_TRUE(held->file()->write(0, std::vector<uint8_t>(100000, 3)));
  ASSERT_EQ(unlink("f"), Errno::Success);
  EXPECT_EQ(held->size(), 100000u);
  EXPECT_GT(budget.used(), before + 100000);
  held = InodeRef();
  EXPECT_EQ(budget.used(), before);
}

TEST_F(FileSystemTest, ListingSurvivesRemovalAndCreation) {
  for (int i = 0; i < 50; ++i) ASSERT_EQ(create("f" + std::to_string(i)), Errno::Success);
  std::set<std::string> seen;
  Directory::Listed entry{};
  for (uint64_t cookie = 0; root->directory()->next_after(cookie, entry);) {
    cookie = entry.cookie;
    const std::string name(entry.name);
    EXPECT_TRUE(seen.insert(name).second);
    ASSERT_EQ(unlink(name), Errno::Success);
    if (seen.size() == 25) {
      ASSERT_EQ(create("late"), Errno::Success);
    }
  }
  EXPECT_EQ(seen.size(), 51u);
  EXPECT_TRUE(root->directory()->is_empty());
}

TEST_F(FileSystemTest, TreesOfAnyDepthComeApart) {
  const uint64_t before = budget.used();
  InodeRef top = *files.create_root(0);
  InodeRef current = top;
  for (int i = 0; i < 20000; ++i) {
    ASSERT_TRUE(files.make_directory(current, "d", 0));
    current = *FileSystem::lookup(current, "d", LastLink::Keep);
  }
  current = InodeRef();
  top = InodeRef();
  EXPECT_EQ(budget.used(), before);
}

// A budget that refuses the n-th charge.
class FailingBudget final : public Budget {
 public:
  explicit FailingBudget(int refuse_at) : refuse_at_(refuse_at) {}
  [[nodiscard]] bool try_charge(uint64_t bytes) override {
    if (count_++ == refuse_at_) return false;
    used_ += bytes;
    return true;
  }
  void refund(uint64_t bytes) override {
    ASSERT(bytes <= used_);
    used_ -= bytes;
  }
  [[nodiscard]] uint64_t used() const { return used_; }
  [[nodiscard]] bool has_refused() const { return count_ > refuse_at_; }

 private:
  int refuse_at_;
  int count_ = 0;
  uint64_t used_ = 0;
};

TEST(FileSystemBudget, RefusalAtAnyPointLeavesNothingBehind) {
  const std::vector<uint8_t> image(1000, 1);
  for (int refuse_at = 0;; ++refuse_at) {
    FailingBudget budget(refuse_at);
    int refused = 0;
    const auto note = [&refused](const auto& outcome) {
      if (!outcome) {
        EXPECT_EQ(outcome.error(), Errno::NoSpace);
        ++refused;
      }
    };
    {
      FileSystem files(budget);
      auto root = files.create_root(0);
      note(root);
      if (root) {
        OpenOptions create;
        create.create = true;
        note(files.add_image_file(*root, "f", image, 0));
        note(files.open(*root, "g", create, 0));
        note(files.symlink("f", *root, "l", 0));
        note(files.make_directory(*root, "d", 0));
        if (refused == 0) {
          note(files.link(*root, "f", *root, "d/f", 0));
          note(files.rename(*root, "g", *root, "d/g", 0));
        }
        if (refused == 0) {
          const InodeRef file = *FileSystem::lookup(*root, "f", LastLink::Keep);
          note(file->file()->write(3, image));
          note(file->file()->write(40000, image));
        }
      }
    }
    EXPECT_EQ(budget.used(), 0u) << refuse_at;
    EXPECT_EQ(refused, budget.has_refused() ? 1 : 0) << refuse_at;
    if (!budget.has_refused()) {
      EXPECT_GT(refuse_at, 14);
      break;
    }
  }
}

// Random operations on a small name space; afterwards names, link counts, parents and the budget must agree.
void check_tree(const InodeRef& directory, std::map<Inode*, uint32_t>& names) {
  Directory::Listed entry{};
  uint64_t count = 0;
  for (uint64_t cookie = 0; directory->directory()->next_after(cookie, entry); ++count) {
    ASSERT_GT(entry.cookie, cookie);
    cookie = entry.cookie;
    const InodeRef inode = directory->directory()->find(entry.name);
    ASSERT_EQ(inode.get(), entry.inode);
    ++names[inode.get()];
    if (!inode->is_directory()) continue;
    ASSERT_EQ(inode->directory()->parent(), directory.get());
    ASSERT_FALSE(inode->directory()->is_removed());
    check_tree(inode, names);
  }
  ASSERT_EQ(count, directory->directory()->count());
}

TEST(FileSystemProperty, RandomOperationsKeepTheBooksRight) {
  int succeeded = 0;
  for (uint32_t seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    FixedBudget budget(1 << 16);
    {
      FileSystem files(budget);
      const InodeRef root = *files.create_root(0);
      std::vector<InodeRef> held;
      const auto path = [&random] {
        const char* const names[] = {"a",   "b",     "c",      "a/a",   "a/b",
                                     "b/a", "a/a/a", "b/../a", "c/b/a", "."};
        return std::string(names[random() % std::size(names)]);
      };
      for (int step = 0; step < 600; ++step) {
        OpenOptions options;
        options.create = random() % 2 == 0;
        options.truncate = random() % 4 == 0;
        Errno error = Errno::Success;
        switch (random() % 8) {
          case 0:
            error = error_of(files.make_directory(root, path(), 1));
            break;
          case 1:
            error = error_of(files.remove_directory(root, path(), 1));
            break;
          case 2:
            error = error_of(files.unlink(root, path(), 1));
            break;
          case 3:
            error = error_of(files.link(root, path(), root, path(), 1));
            break;
          case 4:
            error = error_of(files.symlink(path(), root, path(), 1));
            break;
          case 5:
          case 6:
            error = error_of(files.rename(root, path(), root, path(), 1));
            break;
          default:
            if (const auto opened = files.open(root, path(), options, 1)) {
              held.push_back(*opened);
              if (FileData* file = held.back()->file()) {
                (void)file->write(random() % 5000, std::vector<uint8_t>(random() % 3000, 1));
              }
            }
            if (held.size() > 5) held.erase(held.begin());
        }
        if (error == Errno::Success) ++succeeded;
        std::map<Inode*, uint32_t> names;
        ASSERT_NO_FATAL_FAILURE(check_tree(root, names)) << seed << " " << step;
        for (const auto& [inode, count] : names) ASSERT_EQ(inode->links(), count);
      }
    }
    ASSERT_EQ(budget.used(), 0u);
  }
  EXPECT_GT(succeeded, 2000);
}

}  // namespace
}  // namespace nacre::vfs
