// ls [DIRECTORY]…: type, size and name of every entry, sorted by name; directories are listed with what is in them.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int by_name(const struct dirent** a, const struct dirent** b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static int list(const char* path) {
  struct dirent** entries;
  const int count = scandir(path, &entries, NULL, by_name);
  if (count < 0) {
    fprintf(stderr, "ls: %s: %s\n", path, strerror(errno));
    return 1;
  }
  int status = 0;
  for (int i = 0; i < count; ++i) {
    const char* name = entries[i]->d_name;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
      char full[4096];
      struct stat info;
      snprintf(full, sizeof full, "%s/%s", path, name);
      if (lstat(full, &info) != 0) {
        fprintf(stderr, "ls: %s: %s\n", full, strerror(errno));
        status = 1;
      } else if (S_ISDIR(info.st_mode)) {
        printf("d %8s %s\n", "-", full);
        status |= list(full);
      } else {
        printf("%c %8lld %s\n", S_ISLNK(info.st_mode) ? 'l' : 'f', (long long)info.st_size, full);
      }
    }
    free(entries[i]);
  }
  free(entries);
  return status;
}

int main(int argc, char** argv) {
  if (argc == 1) return list(".");
  int status = 0;
  for (int i = 1; i < argc; ++i) status |= list(argv[i]);
  return status;
}
