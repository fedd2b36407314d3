# User programs for vectors_ktest.cc.

    .option arch, +v
    .option arch, +d
    .section .rodata.nacre_vector_program, "a", @progbits
    .balign 16
    .globl nacre_vector_program
    .globl nacre_vector_program_end
    .globl nacre_vector_count
    .globl nacre_vector_once
    .globl nacre_no_vector
    .globl nacre_float_once
nacre_vector_program:

# Counts for ever: s0 by 1, every byte of v0 to v31 (s1 at first) by s2, fa0 by fa1.
nacre_vector_count:
    vsetvli t0, zero, e8, m8, ta, ma
    .irp n, 0, 8, 16, 24
    vmv.v.x v\n, s1
    .endr
1:  addi s0, s0, 1
    .irp n, 0, 8, 16, 24
    vadd.vx v\n, v\n, s2
    .endr
    fadd.d fa0, fa0, fa1
    j    1b

nacre_vector_once:
    vsetivli t0, 4, e16, m1, ta, ma
    vmv.v.x v9, s1
    ebreak

nacre_no_vector:
    addi s0, s0, 1
    ebreak

nacre_float_once:
    fadd.d fa0, fa0, fa1
    ebreak
nacre_vector_program_end:

    .section .note.GNU-stack, "", @progbits
