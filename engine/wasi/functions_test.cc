// Each function through the table, as a guest calls it.
#include "nacre/engine/wasi/functions.hh"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "fakes.hh"

namespace nacre::wasi {
namespace {

using testing::FakeMemory;
using testing::FakeSystem;

constexpr uint32_t kRoot = 3;             // the preopened directory
constexpr uint32_t kOut = 0x100;          // where tests have results stored
constexpr uint32_t kOutside = 65536 - 2;  // too near the end for any result

class FunctionsTest : public ::testing::Test {
 protected:
  explicit FunctionsTest(uint64_t space = 1 << 20) : budget(space) {
    EXPECT_TRUE(files.add_image_file(root, "dir/file", image, 77));
    EXPECT_EQ(*process.preopen(root, "/data"), kRoot);
  }
  template <class... T>
  Errno call(std::string_view name, T... arguments) {
    return testing::call_function(process, memory, name, {static_cast<uint64_t>(arguments)...},
                                  dialect);
  }
  // Functions that take a directory and a path, and perhaps more.
  template <class... T>
  Errno path_call(std::string_view name, std::string_view path, T... more) {
    const auto [address, length] = memory.place(0x1000, path);
    return call(name, kRoot, address, length, more...);
  }
  Outcome<uint32_t> open(std::string_view path, uint32_t open_flags = 0,
                         uint64_t base = rights::kFile, uint16_t flags = 0) {
    const auto [address, length] = memory.place(0x1000, path);
    const Errno error =
        call("path_open", kRoot, 1, address, length, open_flags, base, 0, flags, kOut);
    if (error != Errno::Success) return refuse(error);
    return memory.at<uint32_t>(kOut);
  }
  // One buffer for fd_read and its like; returns the address of the list.
  uint32_t vec(uint32_t address, uint32_t length, uint32_t at = 0x200) {
    memory.set<uint32_t>(at, address);
    memory.set<uint32_t>(at + 4, length);
    return at;
  }
  Errno write(uint32_t fd, std::string_view text) {
    const auto [address, length] = memory.place(0x2000, text);
    return call("fd_write", fd, vec(address, length), 1, kOut);
  }
  std::string read(uint32_t fd, uint32_t size) {
    EXPECT_EQ(call("fd_read", fd, vec(0x3000, size), 1, kOut), Errno::Success);
    return memory.text(0x3000, memory.at<uint32_t>(kOut));
  }

  const std::vector<uint8_t> image{'s', 'o', 'm', 'e', ' ', 't', 'e', 'x', 't'};
  FakeSystem system;
  FakeMemory memory;
  vfs::FixedBudget budget;
  vfs::FileSystem files{budget};
  vfs::InodeRef root = *files.create_root(55);
  Process process{system, files, {"app", "one", "two words"}, {"A=b", "C="}};
  Dialect dialect = Dialect::Preview1;
};

constexpr uint32_t kCreate = 1;
constexpr uint32_t kDirectory = 2;
constexpr uint32_t kExclusive = 4;
constexpr uint32_t kTruncate = 8;

TEST_F(FunctionsTest, TableNamesEveryFunctionOnce) {
  std::set<std::string_view> names;
  for (const Function& function : functions()) EXPECT_TRUE(names.insert(function.name).second);
  EXPECT_EQ(names.size(), 46u);
  for (const Function& function : functions()) {
    // What the imports rely on: an ending call is synchronous, any other answers with an errno.
    const bool is_sync = std::holds_alternative<SyncHandler>(function.handler);
    EXPECT_TRUE(function.may_end ? is_sync : function.returns_errno) << function.name;
    EXPECT_EQ(function.may_end, function.name.starts_with("proc_")) << function.name;
  }
}

TEST_F(FunctionsTest, ArgumentsAndEnvironment) {
  ASSERT_EQ(call("args_sizes_get", kOut, kOut + 4), Errno::Success);
  EXPECT_EQ(memory.at<uint32_t>(kOut), 3u);
  EXPECT_EQ(memory.at<uint32_t>(kOut + 4), 4u + 4u + 10u);
  ASSERT_EQ(call("args_get", kOut, 0x400), Errno::Success);
  EXPECT_EQ(memory.text(0x400, 18), std::string("app\0one\0two words\0", 18));
  EXPECT_EQ(memory.at<uint32_t>(kOut + 8), 0x408u);
  ASSERT_EQ(call("environ_sizes_get", kOut, kOut + 4), Errno::Success);
  EXPECT_EQ(memory.at<uint32_t>(kOut), 2u);
  ASSERT_EQ(call("environ_get", kOut, 0x400), Errno::Success);
  EXPECT_EQ(memory.text(0x400, 7), std::string("A=b\0C=\0", 7));
  EXPECT_EQ(call("args_sizes_get", kOut, kOutside), Errno::Fault);
  EXPECT_EQ(call("args_get", kOutside, 0x400), Errno::Fault);
  EXPECT_EQ(call("args_get", kOut, 65536 - 17), Errno::Fault);
  EXPECT_EQ(call("args_get", kOut, 65536 - 18), Errno::Success);
}

TEST_F(FunctionsTest, ClocksAndRandom) {
  ASSERT_EQ(call("clock_time_get", 0, 0, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut), 1'700'000'001'000'000'000u);
  ASSERT_EQ(call("clock_time_get", 1, 0, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut), 1'000'000'000u);
  ASSERT_EQ(call("clock_res_get", 3, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut), 13u);
  EXPECT_EQ(call("clock_time_get", 4, 0, kOut), Errno::Invalid);
  EXPECT_EQ(call("clock_res_get", 4, kOut), Errno::Invalid);
  EXPECT_EQ(call("clock_time_get", 0, 0, kOutside), Errno::Fault);
  ASSERT_EQ(call("random_get", 1, 1000), Errno::Success);
  EXPECT_EQ(memory.bytes[0], 0);
  EXPECT_NE(memory.bytes[1000], 0);
  EXPECT_EQ(memory.bytes[1001], 0);
  EXPECT_EQ(call("random_get", 65530, 7), Errno::Fault);
  EXPECT_EQ(call("random_get", 0xffffffff, 0xffffffff), Errno::Fault);
}

TEST_F(FunctionsTest, ExitAndSignals) {
  std::optional<uint32_t> code;
  (void)testing::call_function(process, memory, "proc_exit", {33}, dialect, &code);
  EXPECT_EQ(code, 33u);
  EXPECT_EQ(testing::call_function(process, memory, "proc_raise", {6}, dialect, &code),
            Errno::Success);
  EXPECT_EQ(code, 134u);
  EXPECT_EQ(testing::call_function(process, memory, "proc_raise", {16}, dialect, &code),
            Errno::Success);
  EXPECT_EQ(code, std::nullopt);
  EXPECT_EQ(call("proc_raise", 31), Errno::Invalid);
  EXPECT_EQ(call("sched_yield"), Errno::Success);
  EXPECT_EQ(system.yields, 1);
}

TEST_F(FunctionsTest, StandardStreams) {
  memory.place(0x500, "hello ");
  memory.place(0x600, "world");
  vec(0x500, 6, 0x200);
  vec(0x600, 5, 0x208);
  ASSERT_EQ(call("fd_write", 1, 0x200, 2, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint32_t>(kOut), 11u);
  EXPECT_EQ(system.output, "hello world");
  EXPECT_EQ(system.writes, 1);
  EXPECT_EQ(write(2, "oops"), Errno::Success);
  EXPECT_EQ(system.errors, "oops");
  EXPECT_EQ(write(0, "x"), Errno::NotCapable);
  system.input = "typed";
  EXPECT_EQ(read(0, 3), "typ");
  EXPECT_EQ(read(0, 30), "ed");
  EXPECT_EQ(read(0, 30), "");
  EXPECT_EQ(call("fd_read", 1, vec(0, 1), 1, kOut), Errno::NotCapable);
  EXPECT_EQ(call("fd_seek", 1, 0, 0, kOut), Errno::SeekPipe);
  EXPECT_EQ(call("fd_pread", 0, vec(0, 1), 1, 0, kOut), Errno::SeekPipe);
  system.closed = true;
  EXPECT_EQ(write(1, "x"), Errno::Pipe);
}

TEST_F(FunctionsTest, AttemptsDoAllOrNothing) {
  const auto attempt = [&](std::string_view name, std::vector<uint64_t> arguments) {
    return testing::attempt_function(process, memory, name, std::move(arguments));
  };
  memory.place(0x500, "hello ");
  memory.place(0x600, "world");
  vec(0x500, 6, 0x200);
  vec(0x600, 5, 0x208);
  memory.set<uint32_t>(kOut, 77);
  // The streams are not ready.
  system.input = "typed";
  EXPECT_EQ(attempt("fd_write", {1, 0x200, 2, kOut}), std::nullopt);
  EXPECT_EQ(attempt("fd_read", {0, 0x200, 1, kOut}), std::nullopt);
  EXPECT_EQ(attempt("sched_yield", {}), std::nullopt);
  EXPECT_EQ(system.output, "");
  EXPECT_EQ(system.input, "typed");
  EXPECT_EQ(memory.at<uint32_t>(kOut), 77u);
  // What is refused, what is empty and what goes to a file needs no stream.
  EXPECT_EQ(attempt("fd_write", {0, 0x200, 2, kOut}), Errno::NotCapable);
  EXPECT_EQ(attempt("fd_read", {99, 0x200, 1, kOut}), Errno::BadFd);
  EXPECT_EQ(attempt("fd_write", {1, 0x200, 0, kOut}), Errno::Success);
  EXPECT_EQ(memory.at<uint32_t>(kOut), 0u);
  const uint32_t fd = *open("dir/file");
  EXPECT_EQ(attempt("fd_read", {fd, 0x200, 1, kOut}), Errno::Success);
  EXPECT_EQ(memory.text(0x500, 6), "some t");
  // They are ready.
  system.ready = true;
  EXPECT_EQ(attempt("fd_write", {1, 0x200, 2, kOut}), Errno::Success);
  EXPECT_EQ(memory.at<uint32_t>(kOut), 11u);
  EXPECT_EQ(system.output, "some tworld");
  EXPECT_EQ(attempt("fd_read", {0, 0x208, 1, kOut}), Errno::Success);
  EXPECT_EQ(memory.text(0x600, 5), "typed");
  EXPECT_EQ(attempt("sched_yield", {}), Errno::Success);
  EXPECT_EQ(system.yields, 0);
}

TEST_F(FunctionsTest, LargeOutputGoesOutInLargePieces) {
  FakeMemory large(1 << 20);
  for (size_t i = 0; i < large.bytes.size(); ++i) large.bytes[i] = static_cast<uint8_t>(i * 7 >> 3);
  large.set<uint32_t>(0, 16);
  large.set<uint32_t>(4, 1'000'000);
  ASSERT_EQ(testing::call_function(process, large, "fd_write", {1, 0, 1, 8}), Errno::Success);
  EXPECT_EQ(large.at<uint32_t>(8), 1'000'000u);
  EXPECT_EQ(system.output.size(), 1'000'000u);
  EXPECT_EQ(system.writes, (1'000'000 + 65535) / 65536);
  large.set<uint32_t>(8, 0);  // was zero when it was written
  EXPECT_TRUE(std::equal(system.output.begin(), system.output.end(), large.bytes.begin() + 16,
                         [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }));
}

class LargeFilesTest : public FunctionsTest {
 protected:
  LargeFilesTest() : FunctionsTest(16 << 20) {}
};

// Whoever moves much lets others have their turn in between.
TEST_F(LargeFilesTest, LongTransfersYield) {
  constexpr uint32_t kSize = 5'000'000;
  constexpr uint32_t kFirst = 1'300'001;
  constexpr uint32_t kFrom = 64;
  constexpr uint32_t kTo = kFrom + kSize + 64;
  const uint32_t fd = *open("dir/long", kCreate);
  FakeMemory large(11 << 20);
  for (uint32_t i = 0; i < kSize; ++i) large.bytes[kFrom + i] = static_cast<uint8_t>(i * 7 >> 3);
  const auto set_vecs = [&large](uint32_t start) {
    large.set<uint32_t>(0, start);
    large.set<uint32_t>(4, kFirst);
    large.set<uint32_t>(8, start + kFirst);
    large.set<uint32_t>(12, kSize - kFirst);
  };
  const auto call_large = [&](std::string_view name, std::vector<uint64_t> arguments) {
    system.yields = 0;
    EXPECT_EQ(testing::call_function(process, large, name, std::move(arguments)), Errno::Success)
        << name;
    EXPECT_GE(system.yields, 4) << name;
  };
  const auto is_equal = [&large] {
    const auto from = large.bytes.begin() + kFrom;
    return std::equal(from, from + kSize, large.bytes.begin() + kTo);
  };
  const auto clear = [&large] { std::fill_n(large.bytes.begin() + kTo, kSize, uint8_t{0}); };

  set_vecs(kFrom);
  call_large("fd_write", {fd, 0, 2, 16});
  EXPECT_EQ(large.at<uint32_t>(16), kSize);
  set_vecs(kTo);
  call_large("fd_pread", {fd, 0, 2, 0, 16});
  EXPECT_EQ(large.at<uint32_t>(16), kSize);
  EXPECT_TRUE(is_equal());
  clear();
  EXPECT_EQ(call("fd_seek", fd, 0, 0, kOut), Errno::Success);
  call_large("fd_read", {fd, 0, 2, 16});
  EXPECT_EQ(large.at<uint32_t>(16), kSize);
  EXPECT_TRUE(is_equal());
  // What is left of the file is what counts.
  system.yields = 0;
  EXPECT_EQ(testing::call_function(process, large, "fd_read", {fd, 0, 2, 16}), Errno::Success);
  EXPECT_EQ(large.at<uint32_t>(16), 0u);
  EXPECT_EQ(system.yields, 0);
  set_vecs(kFrom);
  call_large("fd_pwrite", {fd, 0, 2, 1000, 16});
  EXPECT_EQ(large.at<uint32_t>(16), kSize);
  EXPECT_EQ(call("fd_seek", fd, 0, 2, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut), kSize + 1000u);

  clear();
  call_large("random_get", {kTo, kSize});
  EXPECT_EQ(std::count(large.bytes.begin() + kTo, large.bytes.begin() + kTo + kSize, 0), 0);
  EXPECT_EQ(testing::attempt_function(process, large, "random_get", {kTo, 1 << 20}), std::nullopt);
  EXPECT_EQ(testing::attempt_function(process, large, "fd_write", {fd, 0, 2, 16}), std::nullopt);
}

TEST_F(LargeFilesTest, LongListingsYieldAndAreWhole) {
  constexpr int kFiles = 3000;
  for (int i = 0; i < kFiles; ++i) {
    ASSERT_EQ(call("fd_close", *open("f" + std::to_string(10'000 + i), kCreate)), Errno::Success);
  }
  FakeMemory large(1 << 20);
  constexpr uint32_t kBuffer = 64;
  const auto list = [&](uint32_t size) {
    system.yields = 0;
    EXPECT_EQ(testing::call_function(process, large, "fd_readdir", {kRoot, kBuffer, size, 0, 8}),
              Errno::Success);
    return large.at<uint32_t>(8);
  };
  const uint32_t whole = list(1 << 19);
  EXPECT_GE(system.yields, static_cast<int>(whole >> 14) - 1);
  EXPECT_EQ(whole, 3 * 24 + 1 + 2 + 3 + kFiles * (24 + 6u));
  const std::string all = large.text(kBuffer, whole);
  for (int i = 0; i < kFiles; ++i) {
    ASSERT_EQ(all.substr(3 * 24 + 6 + static_cast<size_t>(i) * 30 + 24, 6),
              "f" + std::to_string(10'000 + i));
  }
  // A buffer that is full.
  EXPECT_EQ(list(50'001), 50'001u);
  EXPECT_EQ(large.text(kBuffer, 50'001), all.substr(0, 50'001));
  EXPECT_EQ(testing::attempt_function(process, large, "fd_readdir", {kRoot, kBuffer, 50'001, 0, 8}),
            std::nullopt);
  EXPECT_EQ(testing::attempt_function(process, large, "fd_readdir", {kRoot, kBuffer, 5'001, 0, 8}),
            Errno::Success);
  EXPECT_EQ(large.at<uint32_t>(8), 5'001u);
}

TEST_F(LargeFilesTest, LongAllocationsYieldAndAreAllOrNothing) {
  const uint32_t fd = *open("dir/file");
  constexpr uint64_t kSize = 5'000'001;
  EXPECT_EQ(testing::attempt_function(process, memory, "fd_allocate", {fd, 3, kSize}),
            std::nullopt);
  system.yields = 0;
  ASSERT_EQ(call("fd_allocate", fd, 3, kSize), Errno::Success);
  EXPECT_GE(system.yields, 4);
  ASSERT_EQ(call("fd_seek", fd, 0, 2, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut), kSize + 3);
  const uint64_t used = budget.used();
  EXPECT_EQ(call("fd_allocate", fd, 1'000'000, 100'000'000), Errno::NoSpace);
  EXPECT_EQ(call("fd_allocate", fd, 0, uint64_t{1} << 60), Errno::FileTooBig);
  ASSERT_EQ(call("fd_seek", fd, 0, 2, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut), kSize + 3);
  EXPECT_LE(budget.used(), used + vfs::FileData::kChunkSize + 64);
}

TEST_F(FunctionsTest, BufferListsAreChecked) {
  EXPECT_EQ(call("fd_write", 1, 0x200, 1025, kOut), Errno::Invalid);
  EXPECT_EQ(call("fd_write", 1, 65536 - 7, 1, kOut), Errno::Fault);
  vec(10, 5, 0x200);
  vec(65530, 7, 0x208);
  EXPECT_EQ(call("fd_write", 1, 0x200, 2, kOut), Errno::Fault);
  EXPECT_EQ(call("fd_write", 1, 0x200, 1, kOutside), Errno::Fault);
  EXPECT_EQ(system.output, "");  // nothing was written before the check failed
  EXPECT_EQ(call("fd_write", 1, 0, 0, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint32_t>(kOut), 0u);
  EXPECT_EQ(call("fd_write", 99, 0x200, 1, kOut), Errno::BadFd);
}

TEST_F(FunctionsTest, FilesReadWriteAndSeek) {
  const uint32_t fd = *open("dir/file");
  EXPECT_EQ(fd, 4u);
  EXPECT_EQ(read(fd, 4), "some");
  EXPECT_EQ(read(fd, 100), " text");
  EXPECT_EQ(read(fd, 100), "");
  ASSERT_EQ(call("fd_seek", fd, -4, 2, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut), 5u);
  EXPECT_EQ(write(fd, "news"), Errno::Success);
  ASSERT_EQ(call("fd_tell", fd, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut), 9u);
  EXPECT_EQ(call("fd_seek", fd, -10, 1, kOut), Errno::Invalid);
  EXPECT_EQ(call("fd_seek", fd, 0, 3, kOut), Errno::Invalid);
  EXPECT_EQ(call("fd_seek", fd, INT64_MAX, 1, kOut), Errno::Overflow);
  EXPECT_EQ(call("fd_seek", fd, 0, 1, kOutside), Errno::Fault);
  ASSERT_EQ(call("fd_pread", fd, vec(0x3000, 100), 1, 2, kOut), Errno::Success);
  EXPECT_EQ(memory.text(0x3000, memory.at<uint32_t>(kOut)), "me news");
  memory.place(0x2000, "SOME");
  ASSERT_EQ(call("fd_pwrite", fd, vec(0x2000, 4), 1, 0, kOut), Errno::Success);
  ASSERT_EQ(call("fd_seek", fd, 0, 0, kOut), Errno::Success);
  EXPECT_EQ(read(fd, 100), "SOME news");
  EXPECT_EQ(call("fd_pread", fd, vec(0, 1), 1, uint64_t{1} << 63, kOut), Errno::Invalid);
  EXPECT_EQ(image[0], 's');
  EXPECT_EQ(call("fd_close", fd), Errno::Success);
  EXPECT_EQ(call("fd_close", fd), Errno::BadFd);
}

TEST_F(FunctionsTest, UnstableCountsWhenceDifferently) {
  const uint32_t fd = *open("dir/file");
  dialect = Dialect::Unstable;
  ASSERT_EQ(call("fd_seek", fd, 3, 2, kOut), Errno::Success);  // set
  EXPECT_EQ(memory.at<uint64_t>(kOut), 3u);
  ASSERT_EQ(call("fd_seek", fd, 1, 0, kOut), Errno::Success);  // current
  EXPECT_EQ(memory.at<uint64_t>(kOut), 4u);
  ASSERT_EQ(call("fd_seek", fd, -1, 1, kOut), Errno::Success);  // end
  EXPECT_EQ(memory.at<uint64_t>(kOut), 8u);
}

TEST_F(FunctionsTest, AppendWritesAtTheEnd) {
  const uint32_t fd = *open("dir/file", 0, rights::kFile, fd_flags::kAppend);
  EXPECT_EQ(write(fd, "!"), Errno::Success);
  EXPECT_EQ(write(fd, "!"), Errno::Success);
  ASSERT_EQ(call("fd_fdstat_set_flags", fd, 0), Errno::Success);
  ASSERT_EQ(call("fd_seek", fd, 0, 0, kOut), Errno::Success);
  EXPECT_EQ(read(fd, 100), "some text!!");
  EXPECT_EQ(call("fd_fdstat_set_flags", fd, 32), Errno::Invalid);
}

TEST_F(FunctionsTest, FileStatLayouts) {
  const uint32_t fd = *open("dir/file");
  memory.bytes.assign(memory.bytes.size(), 0xee);
  ASSERT_EQ(call("fd_filestat_get", fd, kOut), Errno::Success);
  const vfs::InodeRef inode = process.descriptors().find(fd)->inode;
  EXPECT_EQ(memory.at<uint64_t>(kOut + 8), inode->number());
  EXPECT_EQ(memory.at<uint8_t>(kOut + 16), 4u);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 24), 1u);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 32), 9u);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 48), 77u);
  EXPECT_EQ(memory.at<uint8_t>(kOut + 64), 0xee);
  dialect = Dialect::Unstable;
  memory.bytes.assign(memory.bytes.size(), 0xee);
  ASSERT_EQ(call("fd_filestat_get", fd, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint32_t>(kOut + 20), 1u);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 24), 9u);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 40), 77u);
  EXPECT_EQ(memory.at<uint8_t>(kOut + 56), 0xee);
}

TEST_F(FunctionsTest, DescriptorState) {
  ASSERT_EQ(call("fd_fdstat_get", kRoot, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint8_t>(kOut), 3u);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 8), rights::kDirectory);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 16), rights::kDirectory | rights::kFile);
  system.terminal = true;
  ASSERT_EQ(call("fd_fdstat_get", 1, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint8_t>(kOut), 2u);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 8) & (rights::kFdSeek | rights::kFdTell), 0u);
  ASSERT_EQ(call("fd_fdstat_get", 2, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint8_t>(kOut), 0u);
  ASSERT_EQ(call("fd_prestat_get", kRoot, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint32_t>(kOut + 4), 5u);
  ASSERT_EQ(call("fd_prestat_dir_name", kRoot, kOut, 5), Errno::Success);
  EXPECT_EQ(memory.text(kOut, 5), "/data");
  EXPECT_EQ(call("fd_prestat_dir_name", kRoot, kOut, 4), Errno::NameTooLong);
  EXPECT_EQ(call("fd_prestat_dir_name", kRoot, kOutside, 5), Errno::Fault);
  EXPECT_EQ(call("fd_prestat_get", 1, kOut), Errno::BadFd);
  EXPECT_EQ(call("fd_prestat_get", 4, kOut), Errno::BadFd);
}

TEST_F(FunctionsTest, SizesAndTimes) {
  const uint32_t fd = *open("dir/file");
  ASSERT_EQ(call("fd_filestat_set_size", fd, 4), Errno::Success);
  EXPECT_EQ(read(fd, 100), "some");
  ASSERT_EQ(call("fd_allocate", fd, 2, 10), Errno::Success);
  ASSERT_EQ(call("fd_filestat_get", fd, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 32), 12u);
  EXPECT_EQ(call("fd_allocate", fd, 0, 0), Errno::Invalid);
  EXPECT_EQ(call("fd_allocate", fd, 0, 1 << 21), Errno::NoSpace);
  EXPECT_EQ(call("fd_filestat_set_size", fd, uint64_t{1} << 63), Errno::Invalid);
  EXPECT_EQ(call("fd_filestat_set_size", fd, uint64_t{1} << 62), Errno::FileTooBig);
  ASSERT_EQ(call("fd_filestat_set_times", fd, 5, 6, 1 | 4), Errno::Success);
  ASSERT_EQ(call("fd_filestat_get", fd, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 40), 5u);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 48), 6u);
  ASSERT_EQ(call("fd_filestat_set_times", fd, 5, 6, 8), Errno::Success);
  ASSERT_EQ(call("fd_filestat_get", fd, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 40), 5u);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 48), system.now(Clock::Realtime));
  EXPECT_EQ(call("fd_filestat_set_times", fd, 0, 0, 1 | 2), Errno::Invalid);
  EXPECT_EQ(call("fd_filestat_set_times", fd, 0, 0, 16), Errno::Invalid);
  EXPECT_EQ(call("fd_advise", fd, 0, 10, 5), Errno::Success);
  EXPECT_EQ(call("fd_advise", fd, 0, 10, 6), Errno::Invalid);
  EXPECT_EQ(call("fd_sync", fd), Errno::Success);
  EXPECT_EQ(call("fd_datasync", 50), Errno::BadFd);
}

TEST_F(FunctionsTest, RightsOnlyShrink) {
  const uint32_t fd = *open("dir/file", 0, rights::kFdRead | rights::kFdSeek | rights::kFdTell);
  EXPECT_EQ(write(fd, "x"), Errno::NotCapable);
  EXPECT_EQ(call("fd_filestat_set_size", fd, 1), Errno::NotCapable);
  EXPECT_EQ(call("fd_fdstat_set_rights", fd, rights::kFile, 0), Errno::NotCapable);
  ASSERT_EQ(call("fd_fdstat_set_rights", fd, rights::kFdTell, 0), Errno::Success);
  EXPECT_EQ(call("fd_read", fd, vec(0, 1), 1, kOut), Errno::NotCapable);
  EXPECT_EQ(call("fd_seek", fd, 0, 1, kOut), Errno::Success);  // tells
  EXPECT_EQ(call("fd_seek", fd, 1, 1, kOut), Errno::NotCapable);
  ASSERT_EQ(call("fd_fdstat_set_rights", kRoot, rights::kPathOpen, rights::kFdRead),
            Errno::Success);
  EXPECT_EQ(open("dir/file", 0, rights::kFdWrite).error(), Errno::NotCapable);
  EXPECT_EQ(open("new", kCreate, rights::kFdRead).error(), Errno::NotCapable);
  EXPECT_TRUE(open("dir/file", 0, rights::kFdRead));
  EXPECT_EQ(path_call("path_create_directory", "x"), Errno::NotCapable);
}

TEST_F(FunctionsTest, KindsOfDescriptorsAreToldApart) {
  const uint32_t fd = *open("dir/file");
  EXPECT_EQ(call("fd_readdir", fd, 0, 10, 0, kOut), Errno::NotDirectory);
  EXPECT_EQ(call("path_create_directory", fd, 0, 1), Errno::NotDirectory);
  EXPECT_EQ(call("fd_read", kRoot, vec(0, 1), 1, kOut), Errno::BadFd);
  EXPECT_EQ(call("fd_seek", kRoot, 0, 0, kOut), Errno::BadFd);
  for (const auto& [name, arguments] :
       {std::pair{"sock_recv", std::vector<uint64_t>{fd, 0, 0, 0, kOut, kOut}},
        {"sock_send", {fd, 0, 0, 0, kOut}},
        {"sock_shutdown", {fd, 0}},
        {"sock_accept", {fd, 0, kOut}}}) {
    std::vector<uint64_t> with_bad_fd = arguments;
    with_bad_fd[0] = 77;
    EXPECT_EQ(testing::call_function(process, memory, name, arguments), Errno::NotSocket) << name;
    EXPECT_EQ(testing::call_function(process, memory, name, with_bad_fd), Errno::BadFd) << name;
  }
}

TEST_F(FunctionsTest, OpenChecksEverythingBeforeItActs) {
  const auto [address, length] = memory.place(0x1000, "new");
  const auto open_with = [&](uint32_t lookup, uint32_t open_flags, uint32_t flags,
                             uint32_t result) {
    return call("path_open", kRoot, lookup, address, length, open_flags, rights::kFile, 0, flags,
                result);
  };
  EXPECT_EQ(open_with(0, kCreate, 0, kOutside), Errno::Fault);
  EXPECT_EQ(open_with(2, kCreate, 0, kOut), Errno::Invalid);
  EXPECT_EQ(open_with(0, 16, 0, kOut), Errno::Invalid);
  EXPECT_EQ(open_with(0, kCreate, 32, kOut), Errno::Invalid);
  EXPECT_EQ(call("path_open", kRoot, 0, 65534, 3, kCreate, 0, 0, 0, kOut), Errno::Fault);
  EXPECT_EQ(open("new").error(), Errno::NoEntry);  // none of them created it
  EXPECT_TRUE(open("new", kCreate | kExclusive));
  EXPECT_EQ(open("new", kCreate | kExclusive).error(), Errno::Exist);
  EXPECT_EQ(open("new", kDirectory).error(), Errno::NotDirectory);
  EXPECT_TRUE(open("dir", kDirectory));
  EXPECT_TRUE(open("dir/file", kTruncate));
  EXPECT_TRUE(
      open("dir/file", 0, ~uint64_t{0}));  // rights without a meaning are not granted, but no error
}

TEST_F(FunctionsTest, DescriptorsRunOut) {
  uint32_t count = 0;
  Errno error = Errno::Success;
  for (; error == Errno::Success && count < 5000; ++count) {
    const auto fd = open("made", kCreate);
    error = fd ? Errno::Success : fd.error();
  }
  EXPECT_EQ(error, Errno::TooManyFiles);
  EXPECT_EQ(count, DescriptorTable::kMaxOpen - 4 + 1);
  ASSERT_EQ(call("fd_close", 10), Errno::Success);
  EXPECT_EQ(*open("made"), 10u);
}

TEST_F(FunctionsTest, Renumber) {
  const uint32_t a = *open("dir/file");
  const uint32_t b = *open("other", kCreate);
  EXPECT_EQ(call("fd_renumber", a, 99), Errno::BadFd);
  EXPECT_EQ(call("fd_renumber", 99, a), Errno::BadFd);
  ASSERT_EQ(call("fd_renumber", a, a), Errno::Success);
  ASSERT_EQ(call("fd_renumber", a, b), Errno::Success);
  EXPECT_EQ(read(b, 100), "some text");
  EXPECT_EQ(call("fd_close", a), Errno::BadFd);
  EXPECT_EQ(*open("other"), a);
}

TEST_F(FunctionsTest, ReaddirFillsTheBufferAndGoesOn) {
  for (const char* name : {"alpha", "beta", "gamma"}) ASSERT_TRUE(open(name, kCreate));
  ASSERT_EQ(call("fd_readdir", kRoot, 0x4000, 4096, 0, kOut), Errno::Success);
  const uint32_t whole = memory.at<uint32_t>(kOut);
  const std::string all = memory.text(0x4000, whole);
  EXPECT_EQ(whole, 6 * 24 + 1 + 2 + 3 + 5 + 4 + 5u);  // . .. dir alpha beta gamma
  // Every size of buffer that holds at least the longest entry must give the same names.
  for (uint32_t size = 24 + 5; size < 200; ++size) {
    std::vector<std::string> names;
    uint64_t cookie = 0;
    for (bool more = true; more;) {
      ASSERT_EQ(call("fd_readdir", kRoot, 0x4000, size, cookie, kOut), Errno::Success);
      const uint32_t used = memory.at<uint32_t>(kOut);
      ASSERT_LE(used, size);
      more = used == size;
      for (uint32_t at = 0; at + 24 <= used;) {
        const auto length = memory.at<uint32_t>(0x4000 + at + 16);
        if (at + 24 + length > used) break;
        cookie = memory.at<uint64_t>(0x4000 + at);
        names.push_back(memory.text(0x4000 + at + 24, length));
        at += 24 + length;
      }
    }
    EXPECT_EQ(names, (std::vector<std::string>{".", "..", "dir", "alpha", "beta", "gamma"}))
        << size;
  }
  EXPECT_EQ(call("fd_readdir", kRoot, 65000, 4096, 0, kOut), Errno::Fault);
  ASSERT_EQ(call("fd_readdir", kRoot, 0x4000, 100, ~uint64_t{0}, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint32_t>(kOut), 0u);
}

TEST_F(FunctionsTest, Paths) {
  EXPECT_EQ(path_call("path_create_directory", "d2"), Errno::Success);
  EXPECT_EQ(path_call("path_create_directory", "d2"), Errno::Exist);
  EXPECT_EQ(path_call("path_create_directory", "/abs"), Errno::Permission);
  EXPECT_EQ(path_call("path_create_directory", "../up"), Errno::Permission);
  EXPECT_EQ(path_call("path_remove_directory", "d2/"), Errno::Success);
  EXPECT_EQ(path_call("path_remove_directory", "dir"), Errno::NotEmpty);
  EXPECT_EQ(path_call("path_unlink_file", "dir"), Errno::IsDirectory);
  memory.place(0x5000, "dir/file");
  memory.place(0x5100, "again");
  EXPECT_EQ(call("path_link", kRoot, 1, 0x5000, 8, kRoot, 0x5100, 5), Errno::Invalid);
  EXPECT_EQ(call("path_link", kRoot, 0, 0x5000, 8, kRoot, 0x5100, 5), Errno::Success);
  EXPECT_EQ(call("path_rename", kRoot, 0x5100, 5, kRoot, 0x5000, 8), Errno::Success);
  EXPECT_EQ(path_call("path_unlink_file", "again"), Errno::Success);
  EXPECT_EQ(call("path_symlink", 0x5000, 8, kRoot, 0x5100, 5), Errno::Success);
  memory.place(0x5300, "/absolute");
  EXPECT_EQ(call("path_symlink", 0x5300, 9, kRoot, 0x5301, 5), Errno::Permission);
  ASSERT_EQ(path_call("path_readlink", "again", 0x6000, 100, kOut), Errno::Success);
  EXPECT_EQ(memory.text(0x6000, memory.at<uint32_t>(kOut)), "dir/file");
  ASSERT_EQ(path_call("path_readlink", "again", 0x6000, 3, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint32_t>(kOut), 3u);
  EXPECT_EQ(path_call("path_readlink", "dir", 0x6000, 3, kOut), Errno::Invalid);
  memory.place(0x5200, "again");
  ASSERT_EQ(call("path_filestat_get", kRoot, 0, 0x5200, 5, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint8_t>(kOut + 16), 7u);
  ASSERT_EQ(call("path_filestat_get", kRoot, 1, 0x5200, 5, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint8_t>(kOut + 16), 4u);
  EXPECT_EQ(call("path_filestat_get", kRoot, 2, 0x5200, 5, kOut), Errno::Invalid);
  ASSERT_EQ(call("path_filestat_set_times", kRoot, 0, 0x5200, 5, 1, 2, 5), Errno::Success);
  ASSERT_EQ(call("path_filestat_get", kRoot, 0, 0x5200, 5, kOut), Errno::Success);
  EXPECT_EQ(memory.at<uint64_t>(kOut + 48), 2u);
}

// ------------------------------------------------------------ poll_oneoff

class PollTest : public FunctionsTest {
 protected:
  void clock(uint32_t index, uint64_t user_data, uint32_t id, uint64_t timeout, uint16_t flags) {
    const uint32_t size = dialect == Dialect::Unstable ? 56 : 48;
    const uint32_t at = 0x7000 + index * size;
    const uint32_t fields = at + (dialect == Dialect::Unstable ? 24 : 16);
    memory.set<uint64_t>(at, user_data);
    memory.set<uint64_t>(at + 8, 0);
    memory.set<uint32_t>(fields, id);
    memory.set<uint64_t>(fields + 8, timeout);
    memory.set<uint16_t>(fields + 24, flags);
  }
  void ready(uint32_t index, uint64_t user_data, uint8_t type, uint32_t fd) {
    const uint32_t at = 0x7000 + index * (dialect == Dialect::Unstable ? 56 : 48);
    memory.set<uint64_t>(at, user_data);
    memory.set<uint64_t>(at + 8, type);
    memory.set<uint32_t>(at + 16, fd);
  }
  Errno poll(uint32_t count) { return call("poll_oneoff", 0x7000, 0x8000, count, kOut); }
  [[nodiscard]] uint32_t events() const { return memory.at<uint32_t>(kOut); }
  [[nodiscard]] uint64_t user_data(uint32_t i) const {
    return memory.at<uint64_t>(0x8000 + i * 32);
  }
  [[nodiscard]] auto error(uint32_t i) const {
    return static_cast<Errno>(memory.at<uint16_t>(0x8008 + i * 32));
  }
};

TEST_F(PollTest, EarliestClockFires) {
  for (const Dialect each : {Dialect::Preview1, Dialect::Unstable}) {
    dialect = each;
    const uint64_t begin = system.monotonic;
    clock(0, 100, 1, 5000, 0);
    clock(1, 200, 1, 3000, 0);
    clock(2, 300, 0, system.now(Clock::Realtime) + 3000, 1);
    ASSERT_EQ(poll(3), Errno::Success);
    EXPECT_EQ(events(), 2u);
    EXPECT_EQ(user_data(0), 200u);
    EXPECT_EQ(user_data(1), 300u);
    EXPECT_EQ(system.monotonic, begin + 3000);
  }
}

TEST_F(PollTest, PastDeadlinesDoNotWait) {
  clock(0, 1, 1, 5, 1);
  clock(1, 2, 0, 5, 1);
  ASSERT_EQ(poll(2), Errno::Success);
  EXPECT_EQ(events(), 2u);
  EXPECT_EQ(system.sleeps, 0);
}

TEST_F(PollTest, InputOrTime) {
  system.input_at = system.monotonic + 10'000;
  system.input = "abc";
  ready(0, 7, 1, 0);
  clock(1, 8, 1, 4'000, 0);
  ASSERT_EQ(poll(2), Errno::Success);
  EXPECT_EQ(events(), 1u);
  EXPECT_EQ(user_data(0), 8u);
  clock(1, 8, 1, 40'000, 0);
  ASSERT_EQ(poll(2), Errno::Success);
  EXPECT_EQ(events(), 1u);
  EXPECT_EQ(user_data(0), 7u);
  EXPECT_EQ(memory.at<uint64_t>(0x8000 + 16), 3u);
  EXPECT_EQ(memory.at<uint16_t>(0x8000 + 24), 0u);
  system.input.clear();
  ASSERT_EQ(poll(1), Errno::Success);
  EXPECT_EQ(memory.at<uint16_t>(0x8000 + 24), 1u);  // hang-up
}

TEST_F(PollTest, FilesAndOutputAreReadyAndErrorsAreEvents) {
  const uint32_t fd = *open("dir/file");
  EXPECT_EQ(read(fd, 4), "some");
  ready(0, 1, 1, fd);
  ready(1, 2, 2, 1);
  ready(2, 3, 1, 99);
  ready(3, 4, 2, 0);
  clock(4, 5, 9, 0, 0);
  clock(5, 6, 1, 1'000'000, 0);
  clock(6, 7, 2, 1, 0);
  ASSERT_EQ(poll(7), Errno::Success);
  ASSERT_EQ(events(), 6u);
  EXPECT_EQ(memory.at<uint64_t>(0x8000 + 16), 5u);
  EXPECT_EQ(error(1), Errno::Success);
  EXPECT_EQ(error(2), Errno::BadFd);
  EXPECT_EQ(error(3), Errno::NotCapable);
  EXPECT_EQ(error(4), Errno::Invalid);
  EXPECT_EQ(error(5), Errno::NotSupported);
  EXPECT_EQ(system.sleeps, 0);
}

TEST_F(PollTest, BadListsAreRefused) {
  EXPECT_EQ(poll(0), Errno::Invalid);
  EXPECT_EQ(poll(5000), Errno::Invalid);
  EXPECT_EQ(call("poll_oneoff", 65500, 0x8000, 1, kOut), Errno::Fault);
  clock(0, 1, 1, 1000, 0);
  EXPECT_EQ(call("poll_oneoff", 0x7000, 65520, 1, kOut), Errno::Fault);
  EXPECT_EQ(call("poll_oneoff", 0x7000, 0x8000, 1, kOutside), Errno::Fault);
  EXPECT_EQ(system.sleeps, 0);
  ready(0, 1, 3, 0);
  EXPECT_EQ(poll(1), Errno::Invalid);
}

// ------------------------------------------------------------ hostile callers

// Random arguments, biased to what is meaningful: nothing but an answer may come of it.
TEST_F(FunctionsTest, SurvivesRandomCalls) {
  std::mt19937_64 random(1);
  memory.place(0x1000, "dir/file/../new/./x");
  system.input = std::string(100000, 'i');
  int succeeded = 0;
  for (int i = 0; i < 200'000; ++i) {
    const auto all = functions();
    const Function& function = all[random() % all.size()];
    std::vector<uint64_t> arguments;
    for (size_t p = 0; p < function.parameters.size(); ++p) {
      switch (random() % 8) {
        case 0:
          arguments.push_back(random());
          break;
        case 1:
          arguments.push_back(0x1000 + random() % 16);
          break;
        case 2:
          arguments.push_back(65536 - random() % 64);
          break;
        case 3:
          arguments.push_back(~uint64_t{0} - random() % 4);
          break;
        case 4:
          arguments.push_back(rights::kFile & random());
          break;
        default:
          arguments.push_back(random() % 12);
      }
    }
    dialect = random() % 4 == 0 ? Dialect::Unstable : Dialect::Preview1;
    if (function.name == "poll_oneoff") {
      // Only lists that end: a clock that fires.
      memory.bytes.assign(memory.bytes.size(), 0);
      memory.place(0x1000, "dir/file/../new/./x");
      arguments[0] = 0x7000;
    }
    // Keep the process in a state where there is something to do.
    if (function.name == "fd_close" || function.name == "fd_renumber" ||
        function.name == "fd_fdstat_set_rights") {
      if (static_cast<uint32_t>(arguments[0]) <= kRoot) arguments[0] = 4;
      if (function.name == "fd_renumber") arguments[1] = 5;
    }
    const Errno error = testing::call_function(process, memory, function.name, arguments, dialect);
    if (error == Errno::Success) ++succeeded;
    ASSERT_LE(static_cast<uint16_t>(error), 76);
    system.output.clear();
    system.errors.clear();
  }
  EXPECT_GT(succeeded, 10'000);
}

// A function that is refused for one bad result address must not have had an effect: for every function and every
// parameter, an address outside the memory either does not matter or ends in an error.
TEST_F(FunctionsTest, EveryOutPointerIsCheckedBeforeAnEffect) {
  const uint64_t used = budget.used();
  struct Try {
    const char* name;
    std::vector<uint64_t> arguments;
  };
  memory.place(0x1000, "new");
  vec(0x3000, 4);
  const uint32_t file = *open("dir/file");
  const Try tries[] = {
      {"path_open", {kRoot, 0, 0x1000, 3, kCreate, rights::kFile, 0, 0, 0x10000}},
      {"fd_read", {0, 0x200, 1, 0x10000}},
      {"fd_read", {file, 0x200, 1, 0xfffffffd}},
      {"fd_write", {1, 0x200, 1, 0x10000}},
      {"fd_write", {file, 0x200, 1, 0x10000}},
      {"fd_pwrite", {file, 0x200, 1, 0, 0x10000}},
      {"fd_pread", {file, 0x200, 1, 0, 0x10000}},
      {"fd_seek", {file, 3, 0, 0x10000}},
      {"fd_tell", {file, 0x10000}},
      {"fd_readdir", {kRoot, 0x3000, 100, 0, 0x10000}},
      {"fd_filestat_get", {file, 0x10000 - 63}},
      {"path_filestat_get", {kRoot, 0, 0x1000, 0, 0x10000 - 63}},
      {"args_sizes_get", {0x10000, kOut}},
      {"clock_time_get", {0, 0, 0x10000}},
      {"path_readlink", {kRoot, 0x1000, 3, 0x3000, 10, 0x10000}},
  };
  system.input = "input";
  const std::vector<uint8_t> before = memory.bytes;
  for (const Try& each : tries) {
    const Errno error = testing::call_function(process, memory, each.name, each.arguments);
    EXPECT_TRUE(error == Errno::Fault || error == Errno::NoEntry) << each.name;
    EXPECT_EQ(memory.bytes, before) << each.name;
  }
  EXPECT_EQ(budget.used(), used);
  EXPECT_EQ(system.input, "input");
  EXPECT_EQ(system.output, "");
  EXPECT_EQ(process.descriptors().find(file)->offset, 0u);
  EXPECT_EQ(open("new").error(), Errno::NoEntry);
}

}  // namespace
}  // namespace nacre::wasi
