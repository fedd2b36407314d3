# The first instruction of the machine's supervisor: a0 = hart id, a1 = physical address of the device tree, translation
# off. Firmware starts one hart only; the others wait in firmware until nacre_loader_main starts them.

    .macro clear_bss
    lla  t0, loader_bss_start
    lla  t1, loader_bss_end
1:  bgeu t0, t1, 2f
    sd   zero, 0(t0)
    addi t0, t0, 8
    j    1b
2:
    .endm

    .macro catch_traps
    csrw sie, zero
    csrci sstatus, 2
    lla  t0, loader_trap
    csrw stvec, t0
    .endm

    .section .text.start, "ax", @progbits
    .globl nacre_loader_start
nacre_loader_start:
    lla  t0, nacre_loader_asked_count
    ld   t0, 0(t0)
    bnez t0, late_hart
    rdtime a2
    catch_traps
    clear_bss
    lla  sp, loader_stack_top
    call nacre_loader_main

    # UEFI's way in: a0 = image handle, a1 = system table; firmware's stack, traps and translation, which maps all memory to
    # itself. Returns to firmware if nothing can be done. s0 and s1 are kept for it.
    .globl nacre_loader_efi_start
nacre_loader_efi_start:
    addi sp, sp, -32
    sd   ra, 0(sp)
    sd   s0, 8(sp)
    sd   s1, 16(sp)
    mv   s0, a0
    mv   s1, a1
    clear_bss
    call nacre_loader_relocate
    mv   a0, s0
    mv   a1, s1
    rdtime a2
    call nacre_loader_leave_firmware
    bnez a0, firmware_left
    ld   ra, 0(sp)
    ld   s0, 8(sp)
    ld   s1, 16(sp)
    addi sp, sp, 32
    li   a0, 0x8000000000000001   # EFI_LOAD_ERROR
    ret
firmware_left:
    catch_traps
    csrw satp, zero
    sfence.vma
    lla  sp, loader_stack_top
    call nacre_loader_run

    # A hart that the loader asked for (machine.hh) and that firmware sends here instead. OpenSBI 1.1 lets a hart go
    # before it notes the address, and one that is only now on its way through its own start takes the address that the boot
    # hart was given. t0 harts were asked for so far, this one among them.
late_hart:
    csrw sie, zero
    csrci sstatus, 2
    lla  t1, nacre_loader_asked
1:  beqz t0, 2f
    ld   t2, 0(t1)
    ld   a1, 8(t1)
    addi t1, t1, 16
    addi t0, t0, -1
    bne  t2, a0, 1b
    j    nacre_loader_hart_start
2:  wfi                       # not asked for: nothing to do here
    j    2b

    # The loader takes no traps: there is a bug, or the machine lacks an instruction set that we are built for. Base
    # instructions and firmware calls only, since nothing can be relied on.
    .balign 4
loader_trap:
    lla  t0, 3f               # if the test device is none
    csrw stvec, t0
    lla  s0, loader_trap_text
1:  lbu  a0, 0(s0)
    beqz a0, 2f
    li   a7, 1                # legacy console
    li   a6, 0
    ecall
    addi s0, s0, 1
    j    1b
2:  lla  t0, nacre_loader_test_device
    ld   t0, 0(t0)
    beqz t0, 3f
    li   t1, 0x3333 | 102 << 16
    sw   t1, 0(t0)
    .balign 4
3:  li   a7, 0x53525354       # system reset: shut down, for a system failure
    li   a6, 0
    li   a0, 0
    li   a1, 1
    ecall
4:  wfi
    j    4b

    .section .rodata.loader_trap, "a", @progbits
loader_trap_text:
    .asciz "loader: unexpected trap; does this machine have the extensions Zba, Zbb and Zbs?\n"

    # Another hart, started by start_hart(): a0 = hart id, a1 = its KernelEntry, translation off.
    .section .text.nacre_enter_kernel, "ax", @progbits
    .balign 4
    .globl nacre_loader_hart_start
nacre_loader_hart_start:
    csrw sie, zero
    csrci sstatus, 2
    mv   a0, a1

    # void nacre_enter_kernel(const KernelEntry& entry)
    # Once satp is written the next fetch faults, since the loader is not mapped, and the trap vector is the kernel's
    # entry: no table has to map the loader.
    .globl nacre_enter_kernel
nacre_enter_kernel:
    ld   a1, 8(a0)
    ld   t1, 16(a0)
    ld   t0, 24(a0)
    ld   sp, 32(a0)
    ld   tp, 40(a0)
    ld   a0, 0(a0)
    csrw stvec, t0
    li   gp, 0
    li   ra, 0
    fence.i
    sfence.vma
    csrw satp, t1
1:  j    1b

    .section .bss
    .balign 16
    .space 65536
loader_stack_top:

    .section .note.GNU-stack, "", @progbits
