# SHA-256's compression (FIPS 180-4, 6.2.2) in as few instructions as the base set with Zbb takes: 24 a round and 13 for a word of
# the message schedule. Everything that a round needs is in registers, which is more than a compiler manages: 28 of them.
#
# Sums are 64 bits wide and only their lower halves mean anything: rotations and shifts of words take those.

    # The two temporaries of the majority take turns: a round's a ^ b is the next one's b ^ c.
    .macro round a, b, c, d, e, f, g, h, word, constant, a_xor_b, b_xor_c
    lw    t5, 4 * (\constant)(t6)
    add   \h, \h, \word
    add   \h, \h, t5
    xor   t5, \f, \g
    and   t5, t5, \e
    xor   t5, t5, \g
    add   \h, \h, t5
    roriw t5, \e, 14          # e >>> 25 ^ e >>> 11 ^ e >>> 6
    xor   t5, t5, \e
    roriw t5, t5, 5
    xor   t5, t5, \e
    roriw t5, t5, 6
    add   \h, \h, t5
    add   \d, \d, \h
    xor   \a_xor_b, \a, \b
    and   \b_xor_c, \b_xor_c, \a_xor_b
    xor   \b_xor_c, \b_xor_c, \b
    add   \h, \h, \b_xor_c
    roriw t5, \a, 9           # a >>> 22 ^ a >>> 13 ^ a >>> 2
    xor   t5, t5, \a
    roriw t5, t5, 11
    xor   t5, t5, \a
    roriw t5, t5, 2
    add   \h, \h, t5
    .endm

    # The message's next word takes the place of the one 16 before it.
    .macro schedule word, w1, w9, w14, free
    roriw t5, \w1, 11         # w1 >>> 18 ^ w1 >>> 7 ^ w1 >> 3
    xor   t5, t5, \w1
    roriw t5, t5, 7
    srliw \free, \w1, 3
    xor   t5, t5, \free
    add   \word, \word, t5
    add   \word, \word, \w9
    roriw t5, \w14, 2         # w14 >>> 19 ^ w14 >>> 17 ^ w14 >> 10
    xor   t5, t5, \w14
    roriw t5, t5, 17
    srliw \free, \w14, 10
    xor   t5, t5, \free
    add   \word, \word, t5
    .endm

    # Eight rounds, after which every variable is back in its register.
    .macro eight first, w0, w1, w2, w3, w4, w5, w6, w7
    round s0, s1, s2, s3, s4, s5, s6, s7, \w0, \first + 0, t3, t4
    round s7, s0, s1, s2, s3, s4, s5, s6, \w1, \first + 1, t4, t3
    round s6, s7, s0, s1, s2, s3, s4, s5, \w2, \first + 2, t3, t4
    round s5, s6, s7, s0, s1, s2, s3, s4, \w3, \first + 3, t4, t3
    round s4, s5, s6, s7, s0, s1, s2, s3, \w4, \first + 4, t3, t4
    round s3, s4, s5, s6, s7, s0, s1, s2, \w5, \first + 5, t4, t3
    round s2, s3, s4, s5, s6, s7, s0, s1, \w6, \first + 6, t3, t4
    round s1, s2, s3, s4, s5, s6, s7, s0, \w7, \first + 7, t4, t3
    .endm

    # Between rounds t4 holds b ^ c and t3 is free.
    .macro schedule_16
    schedule a0, a1, s9, t0, t3
    schedule a1, a2, s10, t1, t3
    schedule a2, a3, s11, a0, t3
    schedule a3, a4, ra, a1, t3
    schedule a4, a5, t2, a2, t3
    schedule a5, a6, t0, a3, t3
    schedule a6, a7, t1, a4, t3
    schedule a7, s8, a0, a5, t3
    schedule s8, s9, a1, a6, t3
    schedule s9, s10, a2, a7, t3
    schedule s10, s11, a3, s8, t3
    schedule s11, ra, a4, s9, t3
    schedule ra, t2, a5, s10, t3
    schedule t2, t0, a6, s11, t3
    schedule t0, t1, a7, ra, t3
    schedule t1, a0, s8, t2, t3
    .endm

    .macro sixteen first
    eight \first, a0, a1, a2, a3, a4, a5, a6, a7
    eight \first + 8, s8, s9, s10, s11, ra, t2, t0, t1
    .endm

    # Two words at once, at any alignment: every hart that we know reads those, or its firmware does. Of the second one's register
    # the lower half counts.
    .macro load first, second, offset
    ld    \second, \offset(t5)
    rev8  \second, \second
    srli  \first, \second, 32
    .endm

    .macro accumulate variable, offset
    lw    t3, \offset(t5)
    add   \variable, \variable, t3
    sw    \variable, \offset(t5)
    .endm

    # void nacre_sha256_blocks(uint32_t state[8], const std::byte* blocks, size_t count), count not 0
    # s0 to s7: the variables a to h. a0 to a7, s8 to s11, ra, t2, t0, t1: the last 16 words. t6: the constants.
    .section .text.nacre_sha256_blocks, "ax", @progbits
    .balign 4
    .globl nacre_sha256_blocks
    .hidden nacre_sha256_blocks
nacre_sha256_blocks:
    addi  sp, sp, -128
    sd    ra, 0(sp)
    .irp  number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd    s\number, 8 + 8 * \number(sp)
    .endr
    sd    a0, 104(sp)
    sd    a1, 112(sp)
    sd    a2, 120(sp)
    .irp  number, 0, 1, 2, 3, 4, 5, 6, 7
    lw    s\number, 4 * \number(a0)
    .endr
    lla   t6, nacre_sha256_constants
.Lnext_block:
    ld    t5, 112(sp)
    load  a0, a1, 0
    load  a2, a3, 8
    load  a4, a5, 16
    load  a6, a7, 24
    load  s8, s9, 32
    load  s10, s11, 40
    load  ra, t2, 48
    load  t0, t1, 56
    xor   t4, s1, s2
    sixteen 0
    schedule_16
    sixteen 16
    schedule_16
    sixteen 32
    schedule_16
    sixteen 48
    ld    t5, 104(sp)
    .irp  number, 0, 1, 2, 3, 4, 5, 6, 7
    accumulate s\number, 4 * \number
    .endr
    ld    t5, 112(sp)
    ld    t3, 120(sp)
    addi  t5, t5, 64
    addi  t3, t3, -1
    sd    t5, 112(sp)
    sd    t3, 120(sp)
    beqz  t3, 1f
    j     .Lnext_block
1:  ld    ra, 0(sp)
    .irp  number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld    s\number, 8 + 8 * \number(sp)
    .endr
    addi  sp, sp, 128
    ret

    .section .note.GNU-stack, "", @progbits
