/* Offsets that entry.S knows; user_mode.cc and kernel_trap.cc check each against the C++ types. */
#pragma once

/* arch::PerCpu, at tp */
#define CPU_KERNEL_SP 0
#define CPU_CONTEXT 8
#define CPU_FAST_HANDLER 16
#define CPU_SCRATCH0 24
#define CPU_SCRATCH1 32
#define CPU_STACK_BOTTOM 40
#define CPU_STACK_TOP 48
#define CPU_EMERGENCY_TOP 56

/* trap::UserContext: x[n] at 8 * n */
#define CONTEXT_PC 256
#define CONTEXT_F 264
#define CONTEXT_FCSR 520

/* trap::SyscallRegisters: a[n] at 8 * n */
#define SYSCALL_NUMBER 64
#define SYSCALL_VM_CONTEXT 72
#define SYSCALL_RA 80
#define SYSCALL_SP 88
#define SYSCALL_TP 96
#define SYSCALL_PC 104
#define SYSCALL_SIZE 128

/* What enter_user pushes: s0 to s11 and ra. */
#define ENTER_FRAME_SIZE 112

/* trap::KernelFrame: x[n] at 8 * n */
#define KERNEL_FRAME_UNWIND_PC 0 /* x[0], which needs no place */
#define KERNEL_FRAME_PC 256
#define KERNEL_FRAME_CAUSE 264
#define KERNEL_FRAME_VALUE 272
#define KERNEL_FRAME_STATUS 280
#define KERNEL_FRAME_SIZE 288

/* A trap from the kernel with less than this left on its stack is a stack overflow. */
#define STACK_RESERVE 4096
