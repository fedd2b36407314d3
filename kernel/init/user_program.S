# Programs for the self-test of user mode: position-independent, mapped as one page. Each starts at its label with the
# registers that the test chose.

    .option arch, +d
    .section .rodata.nacre_user_program, "a", @progbits
    .balign 4096
    .globl nacre_user_program
    .globl nacre_user_program_end
    .globl nacre_user_registers
    .globl nacre_user_calls
    .globl nacre_user_spin
    .globl nacre_user_fault
    .globl nacre_user_float
    .globl nacre_user_break
nacre_user_program:

# Every register is replaced by its double; then a trap.
nacre_user_registers:
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    add  x\n, x\n, x\n
    .endr
    ebreak

# s0 environment calls with the number t0 = s1, a0 counted up by the kernel; then a breakpoint.
nacre_user_calls:
1:  beqz s0, 2f
    mv   t0, s1
    ecall
    addi s0, s0, -1
    j    1b
2:  ebreak

nacre_user_spin:
1:  addi a0, a0, 1
    j    1b

# Loads from a0.
nacre_user_fault:
    ld   a1, 0(a0)
    ebreak

# fa0 += fa1, for ever, with an environment call in between.
nacre_user_float:
1:  fadd.d fa0, fa0, fa1
    li   t0, 1
    ecall
    j    1b

nacre_user_break:
    ebreak
nacre_user_program_end:

    .section .note.GNU-stack, "", @progbits
