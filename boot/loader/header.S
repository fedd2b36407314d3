# What makes the flat boot image a UEFI application, too: an MS-DOS header that is an instruction and a jump, and a PE32+
# header (Microsoft PE Format; UEFI 2.10, 2.1.1) with one section, in which the file's bytes lie as in memory. There are no
# base relocations: the loader relocates itself (relocation.hh).

    .set kFileAlignment, 512

    .section .header, "ax", @progbits
    .option push
    .option rvc
    c.li s4, -13              # in memory "MZ"
    .option norvc
    j    nacre_loader_start
    .option pop
    .org 0x3c
    .4byte pe_header - loader_start

    .balign 8
pe_header:
    .ascii "PE\0\0"
    .2byte 0x5064             # RISC-V, 64 bits
    .2byte 1                  # sections
    .4byte 0, 0, 0            # time, symbol table, symbols
    .2byte sections - optional_header
    .2byte 0x206              # executable, without lines and debug information

optional_header:
    .2byte 0x20b              # PE32+
    .byte  0, 0               # linker
    .4byte loader_end - loader_start - kFileAlignment   # code
    .4byte 0, 0               # data with and without content
    .4byte nacre_loader_efi_start - loader_start
    .4byte kFileAlignment     # where the code begins
    .globl loader_image_base
    .hidden loader_image_base
loader_image_base:
    .8byte 0x80200000         # kLoaderLinkAddress
    .4byte kFileAlignment     # in memory
    .4byte kFileAlignment     # in the file
    .2byte 0, 0, 0, 0, 0, 0   # versions
    .4byte 0
    .4byte loader_end - loader_start
    .4byte kFileAlignment     # of headers
    .4byte 0                  # checksum: UEFI asks for none
    .2byte 10                 # EFI application
    .2byte 0
    .8byte 0, 0, 0, 0         # stack, heap
    .4byte 0
    .4byte 6                  # directories, all absent
    .8byte 0, 0, 0, 0, 0, 0

sections:
    .ascii ".nacre\0\0"
    .4byte loader_end - loader_start - kFileAlignment
    .4byte kFileAlignment     # where in memory
    .4byte loader_image_end - loader_start - kFileAlignment
    .4byte kFileAlignment     # where in the file
    .4byte 0, 0
    .2byte 0, 0
    .4byte 0xe0000020         # code; read, write, execute

    .org kFileAlignment

    .section .note.GNU-stack, "", @progbits
