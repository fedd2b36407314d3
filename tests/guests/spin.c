// spin: never ends.
#include <stdio.h>

int main(void) {
  puts("spinning");
  fflush(stdout);
  for (volatile unsigned i = 0;; ++i) {
  }
}
