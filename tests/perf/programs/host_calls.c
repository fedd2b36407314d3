// host_calls KIND COUNT: calls the host COUNT times between the marks that the imports `bench.start` and `bench.end` set.
// Both marks are made while the host serves the call, so what lies between them is one crossing back and forth, and the loop.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

__attribute__((import_module("bench"), import_name("start"))) void bench_start(void);
__attribute__((import_module("bench"), import_name("end"))) void bench_end(void);

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const char* kind = argv[1];
  const uint32_t count = (uint32_t)strtoul(argv[2], 0, 10);
  if (strcmp(kind, "crossing") == 0) {
    // Nothing but the marks, each time.
    for (uint32_t i = 0; i < count; ++i) {
      bench_start();
      bench_end();
    }
    return 0;
  }
  int failed = 0;
  bench_start();
  if (strcmp(kind, "refused") == 0) {
    // A file descriptor that does not exist: through the whole path, and no work there.
    for (uint32_t i = 0; i < count; ++i) failed |= __wasi_fd_sync(1000) != __WASI_ERRNO_BADF;
  } else if (strcmp(kind, "clock") == 0) {
    __wasi_timestamp_t previous = 0;
    for (uint32_t i = 0; i < count; ++i) {
      __wasi_timestamp_t now = 0;
      failed |= __wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &now) != 0 || now < previous;
      previous = now;
    }
  } else if (strcmp(kind, "yield") == 0) {
    for (uint32_t i = 0; i < count; ++i) failed |= __wasi_sched_yield() != 0;
  } else if (strcmp(kind, "write") == 0) {
    const __wasi_ciovec_t nothing = {(const uint8_t*)"", 0};
    for (uint32_t i = 0; i < count; ++i) {
      __wasi_size_t written = 1;
      failed |= __wasi_fd_write(1, &nothing, 1, &written) != 0 || written != 0;
    }
  } else if (strcmp(kind, "byte") == 0) {
    const __wasi_ciovec_t byte = {(const uint8_t*)".", 1};
    for (uint32_t i = 0; i < count; ++i) {
      __wasi_size_t written = 0;
      failed |= __wasi_fd_write(1, &byte, 1, &written) != 0 || written != 1;
    }
  } else {
    failed = 1;
  }
  bench_end();
  return failed;
}
