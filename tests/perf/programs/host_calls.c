// host_calls KIND COUNT: calls the host COUNT times. Two runs with different counts tell what one call costs, with the loop
// around it.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const char* kind = argv[1];
  const uint32_t count = (uint32_t)strtoul(argv[2], 0, 10);
  if (strcmp(kind, "refused") == 0) {
    // A file descriptor that does not exist: through the whole path, and no work there.
    for (uint32_t i = 0; i < count; ++i) {
      if (__wasi_fd_sync(1000) != __WASI_ERRNO_BADF) return 1;
    }
  } else if (strcmp(kind, "clock") == 0) {
    __wasi_timestamp_t previous = 0;
    for (uint32_t i = 0; i < count; ++i) {
      __wasi_timestamp_t now = 0;
      if (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &now) != 0 || now < previous) return 1;
      previous = now;
    }
  } else {
    return 2;
  }
  return 0;
}
