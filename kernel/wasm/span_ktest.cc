// Lines and reports from inside a host call name it, whichever way it was served.
#include <string>

#include "guest_ktest.hh"
#include "nacre/base/coro/scheduler.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/trace/line.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/panic.hh"
#include "nacre/kernel/trace/span.hh"

namespace nacre::kwasm {
namespace {

std::string spans() {
  trace::FixedLine<200> line;
  trace::describe_spans(line);
  return std::string(line.text());
}

struct Seen {
  std::string inside;
  bool in_call = false;
  bool in_other = false;

  void look() {
    inside = spans();
    in_call = trace::is_in_span("call", "wait");
    in_other = trace::is_in_span("call", "other");
  }
  static runtime::HostOutcome fast(void* self, runtime::HostCall&) {
    static_cast<Seen*>(self)->look();
    return runtime::HostOutcome::exited(0);
  }
  static coro::Task<runtime::HostOutcome> slow(void* self, runtime::HostCall&) {
    co_await coro::yield();
    static_cast<Seen*>(self)->look();
    co_return runtime::HostOutcome::exited(0);
  }
  static runtime::HostOutcome broken(void*, runtime::HostCall&) { panic("in a host function"); }
};

using Handler = std::variant<runtime::SyncHandler, runtime::AsyncHandler>;

coro::Task<void> expect_span(Handler handler) {
  const std::string outside = spans();
  Seen seen;
  const runtime::HostFunction function = {
      .module = "t", .name = "wait", .type = {}, .handler = handler, .self = &seen};
  GuestProgram program(kWaitModule);
  const auto guest = Guest::create(program, {}, std::span(&function, 1));
  REQUIRE(guest != nullptr);
  {
    const trace::Span span("invoke", "run", &guest->thread());
    co_await guest->run(runtime::InvokeOutcome::Kind::Exited);
    EXPECT_EQ(spans(), outside + "invoke{run}: ");
  }
  EXPECT_EQ(seen.inside, outside + "invoke{run}: call{wait}: ");
  EXPECT(seen.in_call);
  EXPECT(!seen.in_other);
  EXPECT_EQ(spans(), outside);
}

NACRE_KERNEL_TASK_TEST(span, host_call_on_the_fast_path) {
  co_await expect_span(&Seen::fast);
}

NACRE_KERNEL_TASK_TEST(span, host_call_that_waits) {
  co_await expect_span(&Seen::slow);
}

// After the panic of a fast handler the CPU is in no call any more.
NACRE_KERNEL_TASK_TEST(span, panic_in_a_host_call) {
  const runtime::HostFunction function = {
      .module = "t", .name = "wait", .type = {}, .handler = &Seen::broken, .self = nullptr};
  GuestProgram program(kWaitModule);
  const auto guest = Guest::create(program, {}, std::span(&function, 1));
  REQUIRE(guest != nullptr);
  const std::string outside = spans();
  const trace::Span span("invoke", "run", &guest->thread());
  bool caught = false;
  try {
    co_await guest->run();
  } catch (const trace::PanicException& panic) {
    caught = panic.report.message() == "in a host function";
  }
  EXPECT(caught);
  EXPECT_EQ(spans(), outside + "invoke{run}: ");
  std::string history;
  trace::append_history(history);
  const size_t report = history.rfind(": in a host function\n  at ");
  REQUIRE(report != std::string::npos);
  EXPECT(history.find(outside + "invoke{run}: call{wait}\n", report) != std::string::npos);
}

}  // namespace
}  // namespace nacre::kwasm
