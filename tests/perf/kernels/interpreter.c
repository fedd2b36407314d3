// An interpreter for a small register machine, running a program of its own: the loop and switch of every emulator.
#include "kernel.h"

enum {
  LOAD_IMM,
  ADD,
  SUB,
  MUL,
  AND,
  XOR,
  SHIFT_RIGHT,
  LOAD,
  STORE,
  JUMP_NOT_ZERO,
  JUMP_LESS,
  MOVE,
  HALT
};
struct instruction {
  uint8_t operation, target, left, right;
  int32_t immediate;
};

// for (i = count; i != 0; --i) { x = x * 1103515245 + 12345; m[(x >> 16) & 255] ^= x; s += m[i & 255]; if (s < x) s ^= i }
static const struct instruction program[] = {
    {LOAD_IMM, 1, 0, 0, 1},
    {LOAD_IMM, 2, 0, 0, 1103515245},
    {LOAD_IMM, 3, 0, 0, 12345},
    {LOAD_IMM, 4, 0, 0, 16},
    {LOAD_IMM, 5, 0, 0, 255},
    {LOAD_IMM, 6, 0, 0, 99},
    {LOAD_IMM, 7, 0, 0, 0},
    {MUL, 6, 6, 2, 0},
    {ADD, 6, 6, 3, 0},
    {SHIFT_RIGHT, 8, 6, 4, 0},
    {AND, 8, 8, 5, 0},
    {LOAD, 9, 8, 0, 0},
    {XOR, 9, 9, 6, 0},
    {STORE, 9, 8, 0, 0},
    {AND, 8, 0, 5, 0},
    {LOAD, 9, 8, 0, 0},
    {ADD, 7, 7, 9, 0},
    {JUMP_LESS, 0, 7, 6, 2},
    {MOVE, 10, 7, 0, 0},
    {JUMP_NOT_ZERO, 0, 1, 0, 2},
    {XOR, 7, 7, 0, 0},
    {SUB, 0, 0, 1, 0},
    {JUMP_NOT_ZERO, 0, 0, 0, -15},
    {HALT, 0, 0, 0, 0},
};

static uint32_t memory[256];

static uint32_t run(uint32_t count) {
  uint32_t r[16] = {count};
  const struct instruction* at = program;
  for (;;) {
    const struct instruction i = *at++;
    switch (i.operation) {
      case LOAD_IMM:
        r[i.target] = (uint32_t)i.immediate;
        break;
      case ADD:
        r[i.target] = r[i.left] + r[i.right];
        break;
      case SUB:
        r[i.target] = r[i.left] - r[i.right];
        break;
      case MUL:
        r[i.target] = r[i.left] * r[i.right];
        break;
      case AND:
        r[i.target] = r[i.left] & r[i.right];
        break;
      case XOR:
        r[i.target] = r[i.left] ^ r[i.right];
        break;
      case SHIFT_RIGHT:
        r[i.target] = r[i.left] >> (r[i.right] & 31);
        break;
      case LOAD:
        r[i.target] = memory[r[i.left] & 255];
        break;
      case STORE:
        memory[r[i.left] & 255] = r[i.target];
        break;
      case JUMP_NOT_ZERO:
        if (r[i.left] != 0) at += i.immediate - 1;
        break;
      case JUMP_LESS:
        if (r[i.left] < r[i.right]) at += i.immediate - 1;
        break;
      case MOVE:
        r[i.target] = r[i.left];
        break;
      case HALT:
        return r[7];
    }
  }
}

uint64_t kernel(uint32_t n) {
  for (int i = 0; i < 256; ++i) memory[i] = (uint32_t)i;
  const uint32_t result = run(n);
  uint64_t sum = fold(0, result);
  for (int i = 0; i < 256; ++i) sum = fold(sum, memory[i]);
  return sum;
}
