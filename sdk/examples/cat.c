// cat [FILE]…: copies files, or standard input, to standard output.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_all(const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t count = write(STDOUT_FILENO, bytes, size);
    if (count < 0) return -1;
    bytes += count;
    size -= (size_t)count;
  }
  return 0;
}

static int copy(int from, const char* name) {
  static char buffer[65536];
  for (;;) {
    const ssize_t count = read(from, buffer, sizeof buffer);
    if (count == 0) return 0;
    if (count < 0 || write_all(buffer, (size_t)count) != 0) {
      fprintf(stderr, "cat: %s: %s\n", name, strerror(errno));
      return 1;
    }
  }
}

int main(int argc, char** argv) {
  if (argc == 1) return copy(STDIN_FILENO, "standard input");
  int status = 0;
  for (int i = 1; i < argc; ++i) {
    const int fd = open(argv[i], O_RDONLY);
    if (fd < 0) {
      fprintf(stderr, "cat: %s: %s\n", argv[i], strerror(errno));
      status = 1;
      continue;
    }
    status |= copy(fd, argv[i]);
    close(fd);
  }
  return status;
}
