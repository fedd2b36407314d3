// many_calls: keeps the system busy with everything that makes it allocate: files, directories, output, more memory. Needs a
// directory that it may write to, preopened as /data. Prints a line a round and "done" at the end; a call that fails is named on
// standard error, and the exit status is 3 then.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(const char* what) {
  fprintf(stderr, "many_calls: %s: %s\n", what, strerror(errno));
  exit(3);
}

int main(void) {
  static char text[8192];
  memset(text, 'x', sizeof text);
  for (int round = 0; round < 100; ++round) {
    char name[64];
    char other[64];
    snprintf(name, sizeof name, "/data/file%d", round);
    snprintf(other, sizeof other, "/data/other%d", round);
    const int file = open(name, O_CREAT | O_RDWR | O_TRUNC, 0666);
    if (file < 0) fail("open");
    if (write(file, text, sizeof text) != (ssize_t)sizeof text) fail("write");
    struct stat status;
    if (fstat(file, &status) != 0 || status.st_size != (off_t)sizeof text) fail("fstat");
    if (lseek(file, 0, SEEK_SET) != 0) fail("lseek");
    if (read(file, text, sizeof text) != (ssize_t)sizeof text) fail("read");
    if (close(file) != 0) fail("close");
    if (rename(name, other) != 0) fail("rename");
    DIR* directory = opendir("/data");
    if (directory == NULL) fail("opendir");
    int entries = 0;
    while (readdir(directory) != NULL) ++entries;
    closedir(directory);
    if (round % 2 == 1 && unlink(other) != 0) fail("unlink");
    // Never freed: the memory has to grow.
    char* block = malloc(100000);
    if (block == NULL) fail("malloc");
    memset(block, round, 100000);
    if (printf("round %d: %d entries\n", round, entries) < 0 || fflush(stdout) != 0) fail("printf");
  }
  puts("done");
  return 0;
}
