// The linked image as bytes; the build passes its path.
  .section .rodata.urt, "a"
  .balign 4096
  .global nacre_urt_image_begin
  .global nacre_urt_image_end
nacre_urt_image_begin:
  .incbin NACRE_URT_IMAGE
nacre_urt_image_end:
