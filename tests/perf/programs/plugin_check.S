# Regions of known length, to check the counting plug-in: 0 holds nothing, 1 holds 2 + 3 * 1000 instructions, 2 is entered
# ten times with 4 instructions more each time (a division by zero among them, which does not trap), 3 is closed without
# having been opened, and 4 encloses region 5.
.globl _start
_start:
  slti x0, x0, 1
  slti x0, x0, 2

  slti x0, x0, 3
  li t0, 1000
  li t1, 0
1:
  addi t1, t1, 2
  addi t0, t0, -1
  bnez t0, 1b
  slti x0, x0, 4

  li t2, 1
2:
  mv t0, t2
  slti x0, x0, 5
3:
  div t3, t0, x0
  c.nop
  addi t0, t0, -1
  bnez t0, 3b
  slti x0, x0, 6
  addi t2, t2, 1
  li t4, 11
  bne t2, t4, 2b

  slti x0, x0, 8

  slti x0, x0, 9
  nop
  slti x0, x0, 11
  nop
  nop
  slti x0, x0, 12
  nop
  slti x0, x0, 10

  li a7, 93
  li a0, 0
  ecall
