# All ways into and out of user mode, and the trap vector.
#
# sscratch holds, in user mode, the kernel's tp (this CPU's TLS block, which begins with arch::PerCpu), and 0 in the kernel.
# One swap with tp therefore tells where a trap came from and recovers tp.
#
# sstatus: SPP and SPIE are set by nacre_enter_user; a return from the fast path finds them as the trap left them (user,
# on). FS is never off. The kernel contains no float instruction but those of float_registers.S.
#
# gp is not used by the kernel.

#include "layout.h"

    # Registers s0 to s11 and ra in enter_user's frame; `cfa` is the distance from sp to the frame's end.
    .macro describe_enter_frame
    .cfi_offset ra, -8
    .cfi_offset s0, -16
    .cfi_offset s1, -24
    .cfi_offset s2, -32
    .cfi_offset s3, -40
    .cfi_offset s4, -48
    .cfi_offset s5, -56
    .cfi_offset s6, -64
    .cfi_offset s7, -72
    .cfi_offset s8, -80
    .cfi_offset s9, -88
    .cfi_offset s10, -96
    .cfi_offset s11, -104
    .endm

    .macro enter_frame_registers instruction
    \instruction ra, 104(sp)
    \instruction s0, 96(sp)
    \instruction s1, 88(sp)
    \instruction s2, 80(sp)
    \instruction s3, 72(sp)
    \instruction s4, 64(sp)
    \instruction s5, 56(sp)
    \instruction s6, 48(sp)
    \instruction s7, 40(sp)
    \instruction s8, 32(sp)
    \instruction s9, 24(sp)
    \instruction s10, 16(sp)
    \instruction s11, 8(sp)
    .endm

# ---- ExitReason nacre_enter_user(UserContext* context) --------------------------------------------------------------
# Returns through .Lleave, after a trap.

    .section .text.nacre_trap, "ax", @progbits
    .globl nacre_enter_user
    .hidden nacre_enter_user
    .type nacre_enter_user, @function
nacre_enter_user:
    .cfi_startproc
    addi sp, sp, -ENTER_FRAME_SIZE
    .cfi_def_cfa_offset ENTER_FRAME_SIZE
    enter_frame_registers sd
    describe_enter_frame
    sd   sp, CPU_KERNEL_SP(tp)
    sd   a0, CPU_CONTEXT(tp)
    csrw sscratch, tp
    ld   t0, CONTEXT_PC(a0)
    csrw sepc, t0
    li   t0, 0x100            # SPP: to user mode
    csrc sstatus, t0
    li   t0, 0x20             # SPIE: with interrupts on
    csrs sstatus, t0
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld   x\n, 8 * \n(a0)
    .endr
    ld   a0, 8 * 10(a0)
    sret
    .cfi_endproc
    .size nacre_enter_user, . - nacre_enter_user

# ---- The trap vector ------------------------------------------------------------------------------------------------

    .globl nacre_trap_entry
    .hidden nacre_trap_entry
    .type nacre_trap_entry, @function
    .balign 4
nacre_trap_entry:
    .cfi_startproc
    .cfi_undefined ra
    csrrw tp, sscratch, tp
    beqz tp, .Lfrom_kernel

    # From user mode, with all of the user's registers but tp, which is in sscratch.
    sd   t6, CPU_SCRATCH0(tp)
    csrr t6, scause
    addi t6, t6, -8           # an environment call?
    bnez t6, .Lslow
    ld   t6, CPU_FAST_HANDLER(tp)
    bnez t6, .Lfast

    # Everything into the context.
.Lslow:
    ld   t6, CPU_CONTEXT(tp)
    .irp n, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    sd   x\n, 8 * \n(t6)
    .endr
    ld   t0, CPU_SCRATCH0(tp)
    sd   t0, 8 * 31(t6)
    csrrw t0, sscratch, zero
    sd   t0, 8 * 4(t6)
    csrr t0, sepc
    sd   t0, CONTEXT_PC(t6)
    csrr a0, scause
    csrr a1, stval
.Lleave:
    sd   zero, CPU_CONTEXT(tp)
    ld   sp, CPU_KERNEL_SP(tp)
    enter_frame_registers ld
    addi sp, sp, ENTER_FRAME_SIZE
    ret
    .cfi_endproc
    .size nacre_trap_entry, . - nacre_trap_entry

# ---- Fast system calls ----------------------------------------------------------------------------------------------
# t6 = handler. For the user this is a C call, so t1 to t5 are free. To an unwinder the frame here and enter_user's are one:
# a panic in the handler continues in enter_user's caller.

    .type nacre_fast_syscall, @function
nacre_fast_syscall:
    .cfi_startproc
    .cfi_def_cfa sp, SYSCALL_SIZE + ENTER_FRAME_SIZE
    describe_enter_frame
.Lfast:
    mv   t5, sp
    ld   sp, CPU_KERNEL_SP(tp)
    addi sp, sp, -SYSCALL_SIZE
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    sd   a\n, 8 * \n(sp)
    .endr
    sd   t0, SYSCALL_NUMBER(sp)
    sd   s10, SYSCALL_VM_CONTEXT(sp)
    sd   ra, SYSCALL_RA(sp)
    sd   t5, SYSCALL_SP(sp)
    csrrw t5, sscratch, zero
    sd   t5, SYSCALL_TP(sp)
    csrr t5, sepc             # a guarded access in the handler may trap and overwrite sepc
    sd   t5, SYSCALL_PC(sp)
    mv   a0, sp
    jalr t6
    bnez a0, .Lslow_after_fast

    ld   t0, SYSCALL_PC(sp)
    addi t0, t0, 4
    csrw sepc, t0
    csrw sscratch, tp
    ld   a0, 0(sp)
    ld   a1, 8(sp)
    ld   ra, SYSCALL_RA(sp)
    ld   tp, SYSCALL_TP(sp)
    # Nothing of the kernel's may be left to read.
    .irp r, t0, t1, t2, t3, t4, t5, t6, a2, a3, a4, a5, a6, a7
    li   \r, 0
    .endr
    ld   sp, SYSCALL_SP(sp)
    sret

.Lslow_after_fast:
    ld   t6, CPU_CONTEXT(tp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    ld   t0, 8 * \n(sp)
    sd   t0, 8 * (10 + \n)(t6)
    .endr
    ld   t0, SYSCALL_NUMBER(sp)
    sd   t0, 8 * 5(t6)
    ld   t0, SYSCALL_RA(sp)
    sd   t0, 8 * 1(t6)
    ld   t0, SYSCALL_SP(sp)
    sd   t0, 8 * 2(t6)
    sd   gp, 8 * 3(t6)
    ld   t0, SYSCALL_TP(sp)
    sd   t0, 8 * 4(t6)
    ld   t0, SYSCALL_PC(sp)
    sd   t0, CONTEXT_PC(t6)
    .irp n, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    sd   x\n, 8 * \n(t6)
    .endr
    .irp n, 6, 7, 28, 29, 30, 31
    sd   zero, 8 * \n(t6)
    .endr
    li   a0, 8
    li   a1, 0
    j    .Lleave
    .cfi_endproc
    .size nacre_fast_syscall, . - nacre_fast_syscall

# ---- Traps of the kernel itself -------------------------------------------------------------------------------------
# The frame is described as a signal frame: the unwinder goes on at the interrupted instruction (column 64) with every
# register as it was there, sp included, since the frame may lie on another stack. Its address is given as one byte further:
# libunwind applies what a table says from an address on only behind it, as is right behind a call, and libc++abi looks up handlers
# one byte before it.

    .type nacre_kernel_trap, @function
nacre_kernel_trap:
    .cfi_startproc
    .cfi_signal_frame
    .cfi_def_cfa sp, KERNEL_FRAME_SIZE
    .cfi_return_column 64
    .cfi_offset 64, KERNEL_FRAME_UNWIND_PC - KERNEL_FRAME_SIZE
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    .cfi_offset \n, 8 * \n - KERNEL_FRAME_SIZE
    .endr
.Lfrom_kernel:
    csrrw tp, sscratch, tp    # both as they were: tp ours, sscratch 0
    sd   sp, CPU_SCRATCH0(tp)
    sd   t0, CPU_SCRATCH1(tp)
    ld   t0, CPU_STACK_TOP(tp)
    bltu t0, sp, .Loff_stack
    ld   t0, CPU_STACK_BOTTOM(tp)
    sub  t0, sp, t0           # wraps to a huge number below the bottom
    srli t0, t0, 12
    beqz t0, .Loff_stack
    srli t0, t0, 40
    beqz t0, .Lon_stack
.Loff_stack:
    ld   sp, CPU_EMERGENCY_TOP(tp)
.Lon_stack:
    addi sp, sp, -KERNEL_FRAME_SIZE
    .irp n, 1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd   x\n, 8 * \n(sp)
    .endr
    ld   t0, CPU_SCRATCH0(tp)
    sd   t0, 8 * 2(sp)
    ld   t0, CPU_SCRATCH1(tp)
    sd   t0, 8 * 5(sp)
    csrr t0, sepc
    sd   t0, KERNEL_FRAME_PC(sp)
    addi t0, t0, 1
    sd   t0, KERNEL_FRAME_UNWIND_PC(sp)
    csrr t0, scause
    sd   t0, KERNEL_FRAME_CAUSE(sp)
    csrr t0, stval
    sd   t0, KERNEL_FRAME_VALUE(sp)
    csrr t0, sstatus
    sd   t0, KERNEL_FRAME_STATUS(sp)
    mv   a0, sp
    call nacre_trap_from_kernel
    ld   t0, KERNEL_FRAME_STATUS(sp)
    csrw sstatus, t0
    ld   t0, KERNEL_FRAME_PC(sp)
    csrw sepc, t0
    .irp n, 1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld   x\n, 8 * \n(sp)
    .endr
    ld   sp, 8 * 2(sp)
    sret
    .cfi_endproc
    .size nacre_kernel_trap, . - nacre_kernel_trap

    .section .note.GNU-stack, "", @progbits
