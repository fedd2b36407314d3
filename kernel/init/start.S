# The kernel's first instruction, reached from the loader through the trap vector: on every CPU: a0 = BootInfo, a1 = its
# index, sp and tp set, translation on, interrupts off (abi/boot_info.hh). Nothing called this, so nothing is above it for an unwinder.

    .section .text.nacre_start, "ax", @progbits
    .globl nacre_kernel_start
    .type nacre_kernel_start, @function
    .balign 4
nacre_kernel_start:
    .cfi_startproc
    .cfi_undefined ra
    call nacre_kernel_main
    .cfi_endproc
    .size nacre_kernel_start, . - nacre_kernel_start

    .section .note.GNU-stack, "", @progbits
