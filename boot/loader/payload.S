# The kernel's ELF file, without its debug information, packed with zstd. PAYLOAD and BOOT_KEY are defined by
# nacre_boot_image().

    .section .payload, "a", @progbits
    .incbin PAYLOAD

    # The public key that images are signed for: an uncompressed point of P-256 (SEC 1, 2.3.3).
    .section .rodata.boot_key, "a", @progbits
    .globl nacre_boot_key
nacre_boot_key:
    .incbin BOOT_KEY

    .section .note.GNU-stack, "", @progbits
