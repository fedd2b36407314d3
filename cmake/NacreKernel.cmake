# Kernels and the boot images that hold them. There is more than one of each: the system's, and those that carry a test suite
# as an additional boot mode (kernel/wasm/boot_mode.hh).

# nacre_kernel(NAME nacre_kernel OUTPUT kernel.elf SOURCES … DEPS …)
#   The boot sequence of kernel/init with whatever SOURCES and DEPS add.
function(nacre_kernel)
  cmake_parse_arguments(arg "" "NAME;OUTPUT" "SOURCES;DEPS" ${ARGN})
  set(init ${PROJECT_SOURCE_DIR}/kernel/init)
  nacre_executable(NAME ${arg_NAME} SOURCES ${init}/start.S ${arg_SOURCES} DEPS kernel_init ${arg_DEPS})
  set_target_properties(${arg_NAME} PROPERTIES OUTPUT_NAME ${arg_OUTPUT} LINK_DEPENDS ${init}/kernel.ld)
  target_link_options(${arg_NAME} PRIVATE
    -nostdlib -fuse-ld=lld -T${init}/kernel.ld
    LINKER:-pie,--no-dynamic-linker,--eh-frame-hdr,--gc-sections,--no-dependent-libraries,-z,relro,-z,text
    LINKER:--pack-dyn-relocs=relr)
  target_link_libraries(${arg_NAME} PRIVATE runtime_memory)
endfunction()

# nacre_boot_image(NAME nacre_image OUTPUT nacre.elf KERNEL nacre_kernel)
#   The loader with a kernel inside, at the top of the build folder.
function(nacre_boot_image)
  cmake_parse_arguments(arg "" "NAME;OUTPUT;KERNEL" "" ${ARGN})
  set(loader ${PROJECT_SOURCE_DIR}/boot/loader)
  # Without debug information and symbols; a table made from them stays for backtraces (base/elf: kSectionLines).
  set(payload ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}_payload.elf)
  set(lines ${PROJECT_SOURCE_DIR}/tools/lines/make_table.py)
  file(RELATIVE_PATH prefix ${PROJECT_SOURCE_DIR} ${CMAKE_BINARY_DIR}/)
  add_custom_command(OUTPUT ${payload}
    COMMAND ${lines} $<TARGET_FILE:${arg_KERNEL}> ${payload}.lines --prefix ${prefix}/
    COMMAND /usr/bin/llvm-objcopy-19 --strip-all --add-section nacre.lines=${payload}.lines
            --set-section-type nacre.lines=0x80006c6e $<TARGET_FILE:${arg_KERNEL}> ${payload}
    DEPENDS ${arg_KERNEL} ${lines} VERBATIM)
  set_source_files_properties(${loader}/payload.S PROPERTIES OBJECT_DEPENDS ${payload})
  nacre_executable(NAME ${arg_NAME} SOURCES ${loader}/start.S ${loader}/payload.S DEPS boot_loader)
  target_compile_definitions(${arg_NAME} PRIVATE PAYLOAD="${payload}")
  set_target_properties(${arg_NAME} PROPERTIES OUTPUT_NAME ${arg_OUTPUT}
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR} LINK_DEPENDS ${loader}/loader.ld)
  target_link_options(${arg_NAME} PRIVATE
    -nostdlib -fuse-ld=lld -static -T${loader}/loader.ld
    LINKER:--gc-sections,--no-dependent-libraries)
  target_link_libraries(${arg_NAME} PRIVATE runtime_memory)
endfunction()
