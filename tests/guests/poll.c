// poll: sleeps by the clock and waits for standard input.
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(void) {
  const double begin = seconds();
  const struct timespec pause = {0, 120000000};
  if (nanosleep(&pause, NULL) != 0) return 1;
  const double slept = seconds() - begin;
  printf("slept %s\n", slept >= 0.12 && slept < 20 ? "long enough" : "wrongly");

  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  printf("the year is %s\n", wall.tv_sec > 1600000000 ? "plausible" : "wrong");

  struct pollfd files[2] = {{STDIN_FILENO, POLLIN, 0}, {STDOUT_FILENO, POLLOUT, 0}};
  if (poll(files, 2, 10000) < 1) return 1;
  printf("stdout is %s\n", (files[1].revents & POLLOUT) != 0 ? "ready" : "not ready");
  if (poll(files, 1, 10000) != 1) return 1;
  char text[64];
  const ssize_t count = read(STDIN_FILENO, text, sizeof text);
  printf("read %.*s\n", (int)(count > 0 ? count : 0), text);
  return 0;
}
