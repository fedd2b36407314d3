// void nacre_switch_stack(uint64_t* save, uint64_t load): see stack_switch.cc for what lies on a stack that is not running.

    .section .text.nacre_switch_stack, "ax", @progbits
    .globl nacre_switch_stack
    .type nacre_switch_stack, @function
nacre_switch_stack:
    .cfi_startproc
    addi sp, sp, -112
    .cfi_def_cfa_offset 112
    sd   ra, 0(sp)
    .cfi_offset ra, -112
    sd   s0, 8(sp)
    sd   s1, 16(sp)
    sd   s2, 24(sp)
    sd   s3, 32(sp)
    sd   s4, 40(sp)
    sd   s5, 48(sp)
    sd   s6, 56(sp)
    sd   s7, 64(sp)
    sd   s8, 72(sp)
    sd   s9, 80(sp)
    sd   s10, 88(sp)
    sd   s11, 96(sp)
    sd   sp, 0(a0)
    mv   sp, a1
    ld   ra, 0(sp)
    ld   s0, 8(sp)
    ld   s1, 16(sp)
    ld   s2, 24(sp)
    ld   s3, 32(sp)
    ld   s4, 40(sp)
    ld   s5, 48(sp)
    ld   s6, 56(sp)
    ld   s7, 64(sp)
    ld   s8, 72(sp)
    ld   s9, 80(sp)
    ld   s10, 88(sp)
    ld   s11, 96(sp)
    addi sp, sp, 112
    .cfi_def_cfa_offset 0
    .cfi_restore ra
    ret
    .cfi_endproc
    .size nacre_switch_stack, . - nacre_switch_stack

// Where a new flow begins: the end of every backtrace on its stack.
    .section .text.nacre_flow_start, "ax", @progbits
    .globl nacre_flow_start
    .type nacre_flow_start, @function
nacre_flow_start:
    .cfi_startproc
    .cfi_undefined ra
    mv   a0, s0
    jalr s1
    ebreak
    .cfi_endproc
    .size nacre_flow_start, . - nacre_flow_start

    .section .note.GNU-stack, "", @progbits
