// What libc++, libc++abi, libunwind and picolibc ask of the system they run on. The heap's part (malloc, operator new) is
// kernel/mm's.
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <ctime>
#include <mutex>

#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/trace/line.hh"
#include "nacre/kernel/trace/log.hh"

namespace {

using std::nacre_rt_condition;
using std::nacre_rt_mutex;

// 0 free, 1 taken; the acquire of whoever takes it pairs with the release of whoever had it.
bool try_take(unsigned& word) {
  return std::atomic_ref(word).exchange(1, std::memory_order_acquire) == 0;
}
void take(unsigned& word) {
  while (!try_take(word)) {
  }
}
void give_back(unsigned& word) {
  std::atomic_ref(word).store(0, std::memory_order_release);
}

}  // namespace

_LIBCPP_BEGIN_NAMESPACE_STD

extern "C" {

// A CPU is what the runtime takes for a thread; 0 means none.
unsigned long nacre_rt_self() {
  return nacre::arch::this_cpu().id.value + 1;
}

void nacre_rt_mutex_lock(nacre_rt_mutex* mutex) {
  take(mutex->locked);
}
bool nacre_rt_mutex_try_lock(nacre_rt_mutex* mutex) {
  return try_take(mutex->locked);
}
void nacre_rt_mutex_unlock(nacre_rt_mutex* mutex) {
  give_back(mutex->locked);
}

bool nacre_rt_recursive_try_lock(nacre_rt_mutex* mutex) {
  const unsigned long self = nacre_rt_self();
  // Only its owner stores its own number, so seeing ours means that we hold it.
  if (std::atomic_ref(mutex->owner).load(std::memory_order_relaxed) != self) {
    if (!try_take(mutex->locked)) return false;
    std::atomic_ref(mutex->owner).store(self, std::memory_order_relaxed);
  }
  ++mutex->depth;
  return true;
}
void nacre_rt_recursive_lock(nacre_rt_mutex* mutex) {
  while (!nacre_rt_recursive_try_lock(mutex)) {
  }
}
void nacre_rt_recursive_unlock(nacre_rt_mutex* mutex) {
  if (--mutex->depth != 0) return;
  std::atomic_ref(mutex->owner).store(0, std::memory_order_relaxed);
  give_back(mutex->locked);
}

void nacre_rt_condition_signal(nacre_rt_condition* condition) {
  std::atomic_ref(condition->sequence).fetch_add(1, std::memory_order_release);
}
void nacre_rt_condition_wait(nacre_rt_condition* condition, nacre_rt_mutex* mutex) {
  const std::atomic_ref sequence(condition->sequence);
  const unsigned before = sequence.load(std::memory_order_relaxed);
  nacre_rt_mutex_unlock(mutex);
  while (sequence.load(std::memory_order_acquire) == before) {
  }
  nacre_rt_mutex_lock(mutex);
}

// 0 untouched → 1 running → 2 done.
void nacre_rt_once(int* flag, void (*action)()) {
  const std::atomic_ref state(*flag);
  int expected = 0;
  if (state.compare_exchange_strong(expected, 1, std::memory_order_acquire)) {
    action();
    state.store(2, std::memory_order_release);
    return;
  }
  while (state.load(std::memory_order_acquire) != 2) {
  }
}

}  // extern "C"

// Hardening: the text names the failed check with its file and line.
void __libcpp_verbose_abort(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  // libc++ calls it with "%s" and the whole text.
  const std::string_view pattern = format;
  std::string_view text = pattern == "%s" ? va_arg(arguments, const char*) : pattern;
  va_end(arguments);
  if (text.ends_with('\n')) text.remove_suffix(1);
  nacre::panic(text);
}

_LIBCPP_END_NAMESPACE_STD

extern "C" {

// libunwind's table of frames registered at run time: readers count in twos, bit 0 is the writer.
struct RuntimeLock {
  unsigned readers_and_writer;
};
int pthread_rwlock_rdlock(RuntimeLock* lock) {
  const std::atomic_ref state(lock->readers_and_writer);
  while (true) {
    unsigned seen = state.load(std::memory_order_relaxed) & ~1u;
    if (state.compare_exchange_weak(seen, seen + 2, std::memory_order_acquire)) return 0;
  }
}
int pthread_rwlock_wrlock(RuntimeLock* lock) {
  const std::atomic_ref state(lock->readers_and_writer);
  while (true) {
    unsigned nobody = 0;
    if (state.compare_exchange_weak(nobody, 1, std::memory_order_acquire)) return 0;
  }
}
int pthread_rwlock_unlock(RuntimeLock* lock) {
  const std::atomic_ref state(lock->readers_and_writer);
  if ((state.load(std::memory_order_relaxed) & 1) != 0) {
    state.store(0, std::memory_order_release);
  } else {
    state.fetch_sub(2, std::memory_order_release);
  }
  return 0;
}

// The kernel never exits, so nothing is torn down.
void* __dso_handle = &__dso_handle;
int __cxa_atexit(void (*)(void*), void*, void*) {
  return 0;
}

void abort() {
  nacre::panic("abort");
}

int clock_gettime(clockid_t, timespec* time) {
  const uint64_t ns = nacre::arch::now_ns();
  time->tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  time->tv_nsec = static_cast<long>(ns % 1'000'000'000);
  return 0;
}

}  // extern "C"
