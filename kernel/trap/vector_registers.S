# The kernel's only vector instructions: moving a thread's V registers to and from their area (vectors.hh). The whole-register
# forms look at neither vl nor vtype, but at vstart.

    .option arch, +v
    .section .text.nacre_vector, "ax", @progbits

    # void nacre_store_vectors(VectorArea* area)
    .globl nacre_store_vectors
    .hidden nacre_store_vectors
nacre_store_vectors:
    csrr t0, vstart
    sd   t0, 0(a0)
    csrr t0, vcsr
    sd   t0, 8(a0)
    csrr t0, vl
    sd   t0, 16(a0)
    csrr t0, vtype
    sd   t0, 24(a0)
    csrw vstart, zero
    csrr t0, vlenb
    slli t0, t0, 3            # bytes of eight registers
    addi a0, a0, 32
    .irp n, 0, 8, 16, 24
    vs8r.v v\n, (a0)
    add  a0, a0, t0
    .endr
    ret

    # void nacre_load_vectors(const VectorArea* area)
    .globl nacre_load_vectors
    .hidden nacre_load_vectors
nacre_load_vectors:
    csrw vstart, zero
    csrr t0, vlenb
    slli t0, t0, 3
    addi t1, a0, 32
    .irp n, 0, 8, 16, 24
    vl8re8.v v\n, (t1)
    add  t1, t1, t0
    .endr
    ld   t0, 16(a0)
    ld   t1, 24(a0)
    vsetvl zero, t0, t1       # an illegal type stays illegal
    ld   t0, 8(a0)
    csrw vcsr, t0
    ld   t0, 0(a0)
    csrw vstart, t0           # last: everything above clears it
    ret

    .section .note.GNU-stack, "", @progbits
