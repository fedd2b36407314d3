// fill_disk DIRECTORY: writes until there is no more space, then frees it and writes again. The file system must answer
// ENOSPC and go on working.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static long fill(const char* name) {
  static char block[1 << 20];
  memset(block, 0x5a, sizeof block);
  const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return -1;
  long total = 0;
  for (ssize_t count; (count = write(fd, block, sizeof block)) > 0;) total += count;
  const int why = errno;
  close(fd);
  errno = why;
  return total;
}

int main(int argc, char** argv) {
  if (argc != 2 || chdir(argv[1]) != 0) return 2;
  const long first = fill("full");
  if (errno != ENOSPC) return printf("stopped by %s\n", strerror(errno)), 1;
  if (unlink("full") != 0) return 1;
  const long second = fill("full again");
  if (first < (1 << 20) || second < first - (1 << 20))
    return printf("%ld, %ld\n", first, second), 1;
  puts("fill_disk: no space, and then space again");
  return 0;
}
