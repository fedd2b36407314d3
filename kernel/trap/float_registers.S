# The kernel's only float instructions: moving a thread's F and D registers to and from its context.

#include "layout.h"

    .option arch, +d
    .section .text.nacre_float, "ax", @progbits

    # void nacre_store_float(uint64_t* f): f[0] to f[31], then fcsr
    .globl nacre_store_float
    .hidden nacre_store_float
nacre_store_float:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fsd  f\n, 8 * \n(a0)
    .endr
    frcsr t0
    sd   t0, CONTEXT_FCSR - CONTEXT_F(a0)
    ret

    # void nacre_load_float(const uint64_t* f)
    .globl nacre_load_float
    .hidden nacre_load_float
nacre_load_float:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fld  f\n, 8 * \n(a0)
    .endr
    ld   t0, CONTEXT_FCSR - CONTEXT_F(a0)
    fscsr t0
    ret

    # void nacre_store_float_arguments(uint64_t* values): fa0 to fa7
    .globl nacre_store_float_arguments
    .hidden nacre_store_float_arguments
nacre_store_float_arguments:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    fsd  fa\n, 8 * \n(a0)
    .endr
    ret

    # void nacre_load_float_results(uint64_t fa0, uint64_t fa1)
    .globl nacre_load_float_results
    .hidden nacre_load_float_results
nacre_load_float_results:
    fmv.d.x fa0, a0
    fmv.d.x fa1, a1
    ret

    .section .note.GNU-stack, "", @progbits
