// The parts of the image that enter the kernel, and the header (UrtHeader in image.hh). System calls keep every register
// but a0 (and fa0, fa1, a1 where a host function has such results), so nothing needs saving here.

#define SYSCALL_THREAD_EXIT 0
#define SYSCALL_MEMORY_GROW 1
#define SYSCALL_TABLE_GROW 3

  .section .urt.header, "ax"
  .balign 8
nacre_urt_header:
  .word 0x7472754e
  .word nacre_urt_end - nacre_urt_header
  .word nacre_urt_host_call - nacre_urt_header
  .word nacre_urt_thread_exit - nacre_urt_header
  // In the order of abi::Builtin.
  .word nacre_urt_memory_grow - nacre_urt_header
  .word nacre_urt_memory_copy - nacre_urt_header
  .word nacre_urt_memory_fill - nacre_urt_header
  .word nacre_urt_memory_init - nacre_urt_header
  .word nacre_urt_table_grow - nacre_urt_header
  .word nacre_urt_table_copy - nacre_urt_header
  .word nacre_urt_table_fill - nacre_urt_header
  .word nacre_urt_table_init - nacre_urt_header

  .text
  .balign 4
  // A host function's thunk arrives here with its number in t0.
nacre_urt_host_call:
  ecall
  ret

nacre_urt_thread_exit:
  li t0, SYSCALL_THREAD_EXIT
  ecall
  // Not reached: the kernel does not come back.
  unimp

nacre_urt_memory_grow:
  li t0, SYSCALL_MEMORY_GROW
  ecall
  ret

nacre_urt_table_grow:
  li t0, SYSCALL_TABLE_GROW
  ecall
  ret
