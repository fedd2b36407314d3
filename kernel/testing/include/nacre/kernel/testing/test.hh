// Tests that run inside the booted kernel, for what only a machine shows. They lie in files *_ktest.cc beside the sources and
// are collected by the CMake function nacre_kernel_test() into one image, nacre-test.img:
//
//   NACRE_KERNEL_TEST(mm, faults_are_served) { EXPECT_EQ(1 + 1, 2); }
//   NACRE_KERNEL_TASK_TEST(exec, sleeps) { co_await coro::sleep_until(…); EXPECT(…); }
//
// Every test runs as a task of CPU 0's executor while the other CPUs run theirs. A failed EXPECT is noted and the test goes on;
// a failed REQUIRE, a panic or any other exception ends the test, its destructors run, and the next test begins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nacre/base/core/format.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/kernel/init/boot_context.hh"

namespace nacre::testing {

class Test {
 public:
  using Run = coro::Task<void> (*)();

  // Registers itself: an object with static storage. Names are literals.
  Test(const char* suite, const char* name, Run run);
  Test(const Test&) = delete;
  Test& operator=(const Test&) = delete;

  [[nodiscard]] std::string_view suite() const { return suite_; }
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] std::string full_name() const;
  [[nodiscard]] Run run() const { return run_; }
  // The registered tests, in no particular order.
  [[nodiscard]] static const Test* first();
  [[nodiscard]] const Test* next() const { return next_; }

 private:
  const char* suite_;
  const char* name_;
  Run run_;
  const Test* next_;
};

// ---- For the macros below ----

// Thrown by REQUIRE and SKIP; ends the test.
struct TestEnded {};

// From any CPU; the first failure of a test is the one that its result line shows, all are printed.
void note_failure(const char* file, int line, std::string_view what);
[[noreturn]] void skip(std::string_view why);

// Only the boot context of the running kernel.
[[nodiscard]] const init::BootContext& boot_context();

namespace detail {

template <class T>
constexpr bool kIsPrintable =
    std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_pointer_v<T> ||
    std::is_convertible_v<const T&, std::string_view> ||
    requires(FormatSink& sink, const T& value) { format_value(sink, value); };

template <class T>
std::string to_text(const T& value) {
  if constexpr (kIsPrintable<T>) {
    return format("{}", value);
  } else {
    return "?";
  }
}

template <class A, class B>
void note_comparison(const char* file, int line, const char* text, const A& a, const B& b) {
  note_failure(file, line, format("{} ({} and {})", text, to_text(a), to_text(b)));
}

// Whether `action` panicked; its message then lies in `message`.
bool panics(void (*action)(void*), void* argument, std::string& message);

template <class Action>
void expect_panic(const char* file, int line, std::string_view fragment, Action&& action) {
  std::string message;
  const auto call = [](void* self) { (*static_cast<std::remove_reference_t<Action>*>(self))(); };
  if (!panics(call, &action, message)) {
    note_failure(file, line, "no panic");
  } else if (message.find(fragment) == std::string::npos) {
    note_failure(file, line, format("panic '{}' instead of '{}'", message, fragment));
  }
}

}  // namespace detail
}  // namespace nacre::testing

#define NACRE_KERNEL_TEST(suite, name)                                   \
  static void nacre_test_##suite##_##name();                             \
  static const ::nacre::testing::Test nacre_registered_##suite##_##name( \
      #suite, #name, []() -> ::nacre::coro::Task<void> {                 \
        nacre_test_##suite##_##name();                                   \
        co_return;                                                       \
      });                                                                \
  static void nacre_test_##suite##_##name()

// The body is a coroutine: it needs a co_await or co_return.
#define NACRE_KERNEL_TASK_TEST(suite, name)                              \
  static ::nacre::coro::Task<void> nacre_test_##suite##_##name();        \
  static const ::nacre::testing::Test nacre_registered_##suite##_##name( \
      #suite, #name, &nacre_test_##suite##_##name);                      \
  static ::nacre::coro::Task<void> nacre_test_##suite##_##name()

#define EXPECT(condition)                                                             \
  do {                                                                                \
    if (!(condition)) ::nacre::testing::note_failure(__FILE__, __LINE__, #condition); \
  } while (false)

// Ends the test.
#define REQUIRE(condition)                                            \
  do {                                                                \
    if (!(condition)) {                                               \
      ::nacre::testing::note_failure(__FILE__, __LINE__, #condition); \
      throw ::nacre::testing::TestEnded();                            \
    }                                                                 \
  } while (false)

#define NACRE_EXPECT_COMPARISON(a, op, b)                                                       \
  do {                                                                                          \
    const auto& nacre_a = (a);                                                                  \
    const auto& nacre_b = (b);                                                                  \
    if (!(nacre_a op nacre_b)) {                                                                \
      ::nacre::testing::detail::note_comparison(__FILE__, __LINE__, #a " " #op " " #b, nacre_a, \
                                                nacre_b);                                       \
    }                                                                                           \
  } while (false)
#define EXPECT_EQ(a, b) NACRE_EXPECT_COMPARISON(a, ==, b)
#define EXPECT_NE(a, b) NACRE_EXPECT_COMPARISON(a, !=, b)
#define EXPECT_LT(a, b) NACRE_EXPECT_COMPARISON(a, <, b)
#define EXPECT_LE(a, b) NACRE_EXPECT_COMPARISON(a, <=, b)
#define EXPECT_GT(a, b) NACRE_EXPECT_COMPARISON(a, >, b)
#define EXPECT_GE(a, b) NACRE_EXPECT_COMPARISON(a, >=, b)

// The statement panics, with a message that holds `fragment`.
#define EXPECT_PANIC(statement, fragment) \
  ::nacre::testing::detail::expect_panic(__FILE__, __LINE__, fragment, [&] { statement; })

// Ends the test, which counts as skipped.
#define SKIP(why) ::nacre::testing::skip(why)
