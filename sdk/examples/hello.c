// The smallest guest.
#include <stdio.h>

int main(void) {
  puts("Hello from WebAssembly on Nacre!");
  return 0;
}
