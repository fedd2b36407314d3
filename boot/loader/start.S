# The first instruction of the machine's supervisor: a0 = hart id, a1 = physical address of the device tree, translation
# off. Firmware starts one hart only; the others wait in firmware until the kernel starts them.

    .section .text.start, "ax", @progbits
    .globl nacre_loader_start
nacre_loader_start:
    rdtime a2
    csrw sie, zero
    csrci sstatus, 2
    lla  t0, loader_bss_start
    lla  t1, loader_bss_end
1:  bgeu t0, t1, 2f
    sd   zero, 0(t0)
    addi t0, t0, 8
    j    1b
2:  lla  sp, loader_stack_top
    call nacre_loader_main

    # void nacre_enter_kernel(boot_info, satp, entry, stack_top, tls)
    # Once satp is written the next fetch faults, since the loader is not mapped, and the trap vector is the kernel's
    # entry: no table has to map the loader.
    .section .text.nacre_enter_kernel, "ax", @progbits
    .globl nacre_enter_kernel
nacre_enter_kernel:
    csrw stvec, a2
    mv   sp, a3
    mv   tp, a4
    li   gp, 0
    li   ra, 0
    sfence.vma
    csrw satp, a1
1:  j    1b

    .section .bss
    .balign 16
    .space 65536
loader_stack_top:

    .section .note.GNU-stack, "", @progbits
