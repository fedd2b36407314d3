#include "nacre/base/coro/task.hh"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace {

bool g_frames_available = true;

}  // namespace

// Coroutine frames are the only thing here that is allocated in this way.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return g_frames_available ? ::operator new(size) : nullptr;
}

namespace nacre::coro {
namespace {

// Not inlined: then the compiler may put the frame where it needs no memory.
[[gnu::noinline]] Task<int> answer() {
  co_return 42;
}
Task<std::string> text() {
  co_return std::to_string(co_await answer());
}
Task<int> thrower() {
  throw 7;
  co_return 0;
}
[[gnu::noinline]] Task<Result<int>> failing() {
  co_return fail(ErrorCode::Io, "broken");
}

TEST(Task, HandsItsResultUp) {
  EXPECT_EQ(run_inline(text()), "42");
  EXPECT_EQ(run_inline(failing()).error().code(), ErrorCode::Io);
}

TEST(Task, HandsExceptionsUp) {
  const auto catcher = []() -> Task<int> {
    try {
      co_await thrower();
    } catch (int value) {
      co_return value;
    }
    co_return 0;
  };
  EXPECT_EQ(run_inline(catcher()), 7);
}

TEST(Task, StartsOnlyWhenAwaited) {
  bool started = false;
  const auto start = [](bool* flag) -> Task<void> {
    *flag = true;
    co_return;
  };
  {
    Task<void> task = start(&started);
  }
  EXPECT_FALSE(started);
  run_inline(start(&started));
  EXPECT_TRUE(started);
}

TEST(Task, DeepChainsNeedNoStack) {
  struct Recursive {
    static Task<int> depth(int n) { co_return n == 0 ? 0 : 1 + co_await depth(n - 1); }
  };
  EXPECT_EQ(run_inline(Recursive::depth(100000)), 100000);
}

TEST(Task, DestroyingASuspendedChainDestroysItsLocals) {
  auto witness = std::make_shared<int>(1);
  const auto leaf = [](std::shared_ptr<int>) -> Task<void> { co_await std::suspend_always(); };
  const auto root = [](auto inner, std::shared_ptr<int> w) -> Task<void> { co_await inner(w); };
  {
    Task<void> task = root(leaf, witness);
    task.resume();
    EXPECT_FALSE(task.done());
    EXPECT_GE(witness.use_count(), 3);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(Task, WithoutMemoryForAFrame) {
  const auto outcome = [](auto make) {
    g_frames_available = false;
    auto task = make();
    g_frames_available = true;
    return run_inline(std::move(task));
  };
  EXPECT_EQ(outcome(failing).error().code(), ErrorCode::OutOfMemory);
  EXPECT_THROW(outcome(answer), std::bad_alloc);
  // Inside a chain it is the awaiting side that sees it.
  const auto parent = []() -> Task<bool> {
    g_frames_available = false;
    Task<Result<int>> child = failing();
    g_frames_available = true;
    const Result<int> result = co_await std::move(child);
    co_return result.error().code() == ErrorCode::OutOfMemory;
  };
  EXPECT_TRUE(run_inline(parent()));
}

}  // namespace
}  // namespace nacre::coro
