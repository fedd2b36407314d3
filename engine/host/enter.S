// Into compiled code and out of it, within one process (riscv64, lp64d). The calling convention of compiled code is in
// abi/vm_context.hh; offsets of Entry are checked in entry.hh.
//
// States: outside → (enter) guest → (gate) host call → guest … → (thread_exit, or stopped by a signal or a host call)
// outside. Entry::in_guest is 1 exactly in state guest.

#define ENTRY_PC 128
#define ENTRY_SP 136
#define ENTRY_VM 144
#define ENTRY_MEMORY0 152
#define ENTRY_HOST_SP 160
#define ENTRY_GUEST_SP 168
#define ENTRY_GUEST_RA 176
#define ENTRY_IN_GUEST 184

#define SYSCALL_MEMORY_GROW 1
#define SYSCALL_TABLE_GROW 3

#define FRAME 208

  .text

.macro current reg
  la \reg, nacre_host_current
  ld \reg, 0(\reg)
.endm

  .balign 4
  .global nacre_host_enter
nacre_host_enter:
  addi sp, sp, -FRAME
  sd ra, 0(sp)
  sd s0, 8(sp)
  sd s1, 16(sp)
  sd s2, 24(sp)
  sd s3, 32(sp)
  sd s4, 40(sp)
  sd s5, 48(sp)
  sd s6, 56(sp)
  sd s7, 64(sp)
  sd s8, 72(sp)
  sd s9, 80(sp)
  sd s10, 88(sp)
  sd s11, 96(sp)
  fsd fs0, 104(sp)
  fsd fs1, 112(sp)
  fsd fs2, 120(sp)
  fsd fs3, 128(sp)
  fsd fs4, 136(sp)
  fsd fs5, 144(sp)
  fsd fs6, 152(sp)
  fsd fs7, 160(sp)
  fsd fs8, 168(sp)
  fsd fs9, 176(sp)
  fsd fs10, 184(sp)
  fsd fs11, 192(sp)

  mv t0, a0
  sd sp, ENTRY_HOST_SP(t0)
  li t1, 1
  sd t1, ENTRY_IN_GUEST(t0)
  ld t1, ENTRY_PC(t0)
  ld s10, ENTRY_VM(t0)
  ld s11, ENTRY_MEMORY0(t0)
  ld sp, ENTRY_SP(t0)
  ld a0, 0(t0)
  ld a1, 8(t0)
  ld a2, 16(t0)
  ld a3, 24(t0)
  ld a4, 32(t0)
  ld a5, 40(t0)
  ld a6, 48(t0)
  ld a7, 56(t0)
  fld fa0, 64(t0)
  fld fa1, 72(t0)
  fld fa2, 80(t0)
  fld fa3, 88(t0)
  fld fa4, 96(t0)
  fld fa5, 104(t0)
  fld fa6, 112(t0)
  fld fa7, 120(t0)
  la ra, nacre_host_thread_exit
  jr t1

  // An invoked function returns to here.
  .balign 4
  .global nacre_host_thread_exit
nacre_host_thread_exit:
  current t0
  sd a0, 0(t0)
  sd a1, 8(t0)
  fsd fa0, 64(t0)
  fsd fa1, 72(t0)
  li a0, 0
  j leave

  // The signal handler and the gate send a guest here that must not go on; every register but tp and gp may hold anything.
  .balign 4
  .global nacre_host_stopped
nacre_host_stopped:
  current t0
  li a0, 1

leave:
  sd zero, ENTRY_IN_GUEST(t0)
  ld sp, ENTRY_HOST_SP(t0)
  ld ra, 0(sp)
  ld s0, 8(sp)
  ld s1, 16(sp)
  ld s2, 24(sp)
  ld s3, 32(sp)
  ld s4, 40(sp)
  ld s5, 48(sp)
  ld s6, 56(sp)
  ld s7, 64(sp)
  ld s8, 72(sp)
  ld s9, 80(sp)
  ld s10, 88(sp)
  ld s11, 96(sp)
  fld fs0, 104(sp)
  fld fs1, 112(sp)
  fld fs2, 120(sp)
  fld fs3, 128(sp)
  fld fs4, 136(sp)
  fld fs5, 144(sp)
  fld fs6, 152(sp)
  fld fs7, 160(sp)
  fld fs8, 168(sp)
  fld fs9, 176(sp)
  fld fs10, 184(sp)
  fld fs11, 192(sp)
  addi sp, sp, FRAME
  ret

  .balign 4
  .global nacre_host_memory_grow
nacre_host_memory_grow:
  li t0, SYSCALL_MEMORY_GROW
  j nacre_host_gate

  .balign 4
  .global nacre_host_table_grow
nacre_host_table_grow:
  li t0, SYSCALL_TABLE_GROW

  // t0 = number, s10 = the calling instance. The host's functions run on the host's stack, below what enter saved there;
  // s registers are theirs to preserve.
  .balign 4
  .global nacre_host_gate
nacre_host_gate:
  current t1
  sd zero, ENTRY_IN_GUEST(t1)
  sd a0, 0(t1)
  sd a1, 8(t1)
  sd a2, 16(t1)
  sd a3, 24(t1)
  sd a4, 32(t1)
  sd a5, 40(t1)
  sd a6, 48(t1)
  sd a7, 56(t1)
  fsd fa0, 64(t1)
  fsd fa1, 72(t1)
  fsd fa2, 80(t1)
  fsd fa3, 88(t1)
  fsd fa4, 96(t1)
  fsd fa5, 104(t1)
  fsd fa6, 112(t1)
  fsd fa7, 120(t1)
  sd sp, ENTRY_GUEST_SP(t1)
  sd ra, ENTRY_GUEST_RA(t1)
  ld sp, ENTRY_HOST_SP(t1)
  mv a0, t1
  mv a1, t0
  mv a2, s10
  call nacre_host_serve
  bnez a0, nacre_host_stopped
  current t1
  ld a0, 0(t1)
  ld a1, 8(t1)
  fld fa0, 64(t1)
  fld fa1, 72(t1)
  ld sp, ENTRY_GUEST_SP(t1)
  ld ra, ENTRY_GUEST_RA(t1)
  li t0, 1
  sd t0, ENTRY_IN_GUEST(t1)
  ret

  .section .note.GNU-stack, "", @progbits
