# The kernel's ELF file, without its debug information. PAYLOAD is defined by nacre_boot_image().

    .section .rodata.payload, "a", @progbits
    .balign 4096
    .globl nacre_payload_start
    .globl nacre_payload_end
nacre_payload_start:
    .incbin PAYLOAD
nacre_payload_end:

    .section .note.GNU-stack, "", @progbits
