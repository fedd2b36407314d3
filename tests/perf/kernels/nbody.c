// Bodies under gravity in double precision, with the square root by Newton's method so that both builds run the same
// operations.
#include "kernel.h"

struct body {
  double x, y, z, vx, vy, vz, mass;
};
#define BODIES 6
static struct body bodies[BODIES];

static double square_root(double value) {
  union {
    double number;
    uint64_t bits;
  } guess = {value};
  guess.bits = (guess.bits >> 1) + 0x1ff8000000000000ull;
  for (int i = 0; i < 4; ++i) guess.number = 0.5 * (guess.number + value / guess.number);
  return guess.number;
}

static void advance(double dt) {
  for (int i = 0; i < BODIES; ++i) {
    struct body* a = &bodies[i];
    for (int j = i + 1; j < BODIES; ++j) {
      struct body* b = &bodies[j];
      const double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
      const double distance2 = dx * dx + dy * dy + dz * dz + 0.01;
      const double magnitude = dt / (distance2 * square_root(distance2));
      a->vx -= dx * b->mass * magnitude;
      a->vy -= dy * b->mass * magnitude;
      a->vz -= dz * b->mass * magnitude;
      b->vx += dx * a->mass * magnitude;
      b->vy += dy * a->mass * magnitude;
      b->vz += dz * a->mass * magnitude;
    }
  }
  for (int i = 0; i < BODIES; ++i) {
    bodies[i].x += dt * bodies[i].vx;
    bodies[i].y += dt * bodies[i].vy;
    bodies[i].z += dt * bodies[i].vz;
  }
}

uint64_t kernel(uint32_t n) {
  uint64_t random = 17;
  for (int i = 0; i < BODIES; ++i) {
    double* field = &bodies[i].x;
    for (int j = 0; j < 7; ++j)
      field[j] = (double)(int32_t)(next_random(&random) >> 32) / 2147483648.0;
    bodies[i].mass = bodies[i].mass < 0 ? -bodies[i].mass : bodies[i].mass;
  }
  for (uint32_t i = 0; i < n; ++i) advance(0.001);
  uint64_t sum = 0;
  for (int i = 0; i < BODIES; ++i) sum = fold(sum, (uint64_t)(int64_t)(bodies[i].x * 1e6));
  return sum;
}
