// args CODE …: prints the arguments and the environment, a line to standard error, and exits with CODE.
#include <stdio.h>
#include <stdlib.h>

extern char** environ;

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) printf("arg %d <%s>\n", i, argv[i]);
  for (char** variable = environ; *variable != NULL; ++variable) printf("env <%s>\n", *variable);
  fprintf(stderr, "to standard error\n");
  return argc > 1 ? atoi(argv[1]) : 0;
}
