// files DIRECTORY: creates, writes, grows, renames, links and removes files there, checking every answer.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      printf("line %d: %s (%s)\n", __LINE__, #condition, strerror(errno)); \
      exit(1);                                                             \
    }                                                                      \
  } while (0)

static uint8_t pattern(size_t i) {
  return (uint8_t)(i * 31 + (i >> 8));
}

static void check_large_file(void) {
  enum { kSize = 3000000 };
  uint8_t* bytes = malloc(kSize);
  CHECK(bytes != NULL);
  for (size_t i = 0; i < kSize; ++i) bytes[i] = pattern(i);
  FILE* file = fopen("large", "wb+");
  CHECK(file != NULL);
  CHECK(fwrite(bytes, 1, kSize, file) == kSize);
  CHECK(fseek(file, 1234567, SEEK_SET) == 0);
  CHECK(fgetc(file) == pattern(1234567));
  CHECK(fseek(file, -1, SEEK_END) == 0);
  CHECK(fgetc(file) == pattern(kSize - 1));
  CHECK(fgetc(file) == EOF);
  CHECK(fclose(file) == 0);
  memset(bytes, 0, kSize);
  file = fopen("large", "rb");
  CHECK(file != NULL);
  CHECK(fread(bytes, 1, kSize, file) == kSize);
  for (size_t i = 0; i < kSize; ++i) CHECK(bytes[i] == pattern(i));
  CHECK(fclose(file) == 0);
  free(bytes);
}

static void check_holes(void) {
  const int fd = open("holes", O_RDWR | O_CREAT | O_EXCL, 0644);
  CHECK(fd >= 0);
  CHECK(pwrite(fd, "x", 1, 5000000000) == 1);
  struct stat info;
  CHECK(fstat(fd, &info) == 0 && info.st_size == 5000000001);
  char byte = 'y';
  CHECK(pread(fd, &byte, 1, 2500000000) == 1 && byte == 0);
  CHECK(ftruncate(fd, 3) == 0);
  CHECK(ftruncate(fd, 10) == 0);
  CHECK(lseek(fd, 0, SEEK_END) == 10);
  CHECK(write(fd, "end", 3) == 3);
  char text[16] = "";
  CHECK(pread(fd, text, 16, 8) == 5 && memcmp(text, "\0\0end", 5) == 0);
  CHECK(close(fd) == 0);
  CHECK(open("holes", O_RDWR | O_CREAT | O_EXCL, 0644) < 0 && errno == EEXIST);
}

static void check_names(void) {
  CHECK(mkdir("a", 0755) == 0);
  CHECK(mkdir("a", 0755) < 0 && errno == EEXIST);
  CHECK(mkdir("a/b", 0755) == 0);
  CHECK(rename("holes", "a/b/moved") == 0);
  CHECK(access("holes", F_OK) < 0 && errno == ENOENT);
  CHECK(link("a/b/moved", "again") == 0);
  struct stat info;
  CHECK(stat("again", &info) == 0 && info.st_nlink == 2);
  CHECK(symlink("a/b", "short") == 0);
  CHECK(stat("short/moved", &info) == 0 && info.st_size == 13);
  CHECK(lstat("short", &info) == 0 && S_ISLNK(info.st_mode));
  CHECK(symlink("loop", "loop") == 0);
  CHECK(open("loop", O_RDONLY) < 0 && errno == ELOOP);
  CHECK(rmdir("a") < 0 && errno == ENOTEMPTY);
  CHECK(rename("a", "a/b/inside") < 0 && errno == EINVAL);
  CHECK(unlink("a") < 0);
  CHECK(unlink("again") == 0 && unlink("a/b/moved") == 0 && unlink("short") == 0);
  CHECK(rmdir("a/b") == 0 && rmdir("a") == 0 && unlink("loop") == 0);
}

static void check_unlinked_file(void) {
  const int fd = open("gone", O_RDWR | O_CREAT, 0644);
  CHECK(fd >= 0);
  CHECK(write(fd, "still here", 10) == 10);
  CHECK(unlink("gone") == 0);
  char text[16] = "";
  CHECK(pread(fd, text, sizeof text, 0) == 10 && memcmp(text, "still here", 10) == 0);
  CHECK(close(fd) == 0);
  CHECK(open("gone", O_RDONLY) < 0 && errno == ENOENT);
}

static void check_listing(void) {
  char name[32];
  for (int i = 0; i < 500; ++i) {
    snprintf(name, sizeof name, "entry-%d", i);
    const int fd = open(name, O_WRONLY | O_CREAT, 0644);
    CHECK(fd >= 0 && close(fd) == 0);
  }
  DIR* directory = opendir(".");
  CHECK(directory != NULL);
  int seen = 0;
  for (const struct dirent* entry; (entry = readdir(directory)) != NULL;) {
    if (strncmp(entry->d_name, "entry-", 6) != 0) continue;
    ++seen;
    CHECK(unlink(entry->d_name) == 0);  // removing while listing must not hide the others
  }
  CHECK(closedir(directory) == 0);
  CHECK(seen == 500);
}

int main(int argc, char** argv) {
  CHECK(argc == 2 && chdir(argv[1]) == 0);
  check_large_file();
  check_holes();
  check_names();
  check_unlinked_file();
  check_listing();
  CHECK(unlink("large") == 0);
  puts("files: all right");
  return 0;
}
