# uint64_t nacre_copy_guarded(void* to, const void* from, size_t size)
# Copies; returns 0, or 1 if an access faulted on the way (find_fixup sends the fault to the label below). A leaf without
# a frame, so that the landing needs nothing restored.

    .macro guarded instruction:vararg
.Lat\@:
    \instruction
    .pushsection nacre_fixups, "a", @progbits
    .balign 4
.Lentry\@:
    .word .Lat\@ - .Lentry\@
    .word .Lfault - .Lentry\@
    .popsection
    .endm

    .section .text.nacre_copy_guarded, "ax", @progbits
    .globl nacre_copy_guarded
    .hidden nacre_copy_guarded
    .type nacre_copy_guarded, @function
nacre_copy_guarded:
    .cfi_startproc
    or   t0, a0, a1
    andi t0, t0, 7
    bnez t0, .Lbytes
    li   t1, 8
.Lwords:
    bltu a2, t1, .Lbytes
    guarded ld t0, 0(a1)
    guarded sd t0, 0(a0)
    addi a1, a1, 8
    addi a0, a0, 8
    addi a2, a2, -8
    j    .Lwords
.Lbytes:
    beqz a2, .Ldone
    guarded lbu t0, 0(a1)
    guarded sb t0, 0(a0)
    addi a1, a1, 1
    addi a0, a0, 1
    addi a2, a2, -1
    j    .Lbytes
.Ldone:
    li   a0, 0
    ret
.Lfault:
    li   a0, 1
    ret
    .cfi_endproc
    .size nacre_copy_guarded, . - nacre_copy_guarded

    .section .note.GNU-stack, "", @progbits
