# Kernels and the boot images that hold them. There is more than one of each: the system's, and those that carry a test suite
# as an additional boot mode (kernel/wasm/boot_mode.hh).

# What instrumented code calls.
set(NACRE_SANITIZE_RUNTIME "")
if(NACRE_KERNEL_SANITIZE)
  set(NACRE_SANITIZE_RUNTIME kernel_sanitize)
endif()

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
  target_link_libraries(${arg_NAME} PRIVATE runtime_memory ${NACRE_SANITIZE_RUNTIME})
endfunction()

# What the loader links: BearSSL's verification, zstd's decoder (tools/libraries).
execute_process(COMMAND ${PROJECT_SOURCE_DIR}/tools/libraries/build.sh
                OUTPUT_VARIABLE NACRE_LIBRARIES OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${PROJECT_SOURCE_DIR}/tools/libraries/build.sh)

# The key that boot images are signed with. Without one: a key of this build folder's own, made once and never kept elsewhere.
set(NACRE_BOOT_KEY "" CACHE FILEPATH "Private key for boot images: PEM, P-256; empty for one made here")
if(NACRE_BOOT_KEY)
  set(NACRE_USED_BOOT_KEY ${NACRE_BOOT_KEY})
else()
  set(NACRE_USED_BOOT_KEY ${CMAKE_BINARY_DIR}/development-key.pem)
  if(NOT EXISTS ${NACRE_USED_BOOT_KEY})
    execute_process(COMMAND openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ${NACRE_USED_BOOT_KEY}
                    ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
  endif()
endif()
set(NACRE_BOOT_KEY_POINT ${CMAKE_BINARY_DIR}/boot-key.point)
add_custom_command(OUTPUT ${NACRE_BOOT_KEY_POINT}
  COMMAND ${PROJECT_SOURCE_DIR}/tools/image/seal public-key ${NACRE_USED_BOOT_KEY} ${NACRE_BOOT_KEY_POINT}
  DEPENDS ${NACRE_USED_BOOT_KEY} ${PROJECT_SOURCE_DIR}/tools/image/seal VERBATIM)
add_custom_target(nacre_boot_key DEPENDS ${NACRE_BOOT_KEY_POINT})

# nacre_boot_image(NAME nacre_image OUTPUT nacre.img KERNEL nacre_kernel)
#   The loader with a kernel inside, packed and signed, at the top of the build folder.
function(nacre_boot_image)
  cmake_parse_arguments(arg "" "NAME;OUTPUT;KERNEL" "" ${ARGN})
  set(loader ${PROJECT_SOURCE_DIR}/boot/loader)
  set(seal ${PROJECT_SOURCE_DIR}/tools/image/seal)
  # Without debug information and symbols; a table made from them stays for backtraces (base/elf: kSectionLines). Packed
  # without a checksum, since there is the signature; and not as small as can be: fewer, longer matches take less to unpack
  # than the 3 % more of packed bytes take to hash (`nacre bench --only start` counts both).
  set(payload ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}_payload.zst)
  set(stripped ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}_payload.elf)
  set(lines ${PROJECT_SOURCE_DIR}/tools/lines/make_table.py)
  file(RELATIVE_PATH prefix ${PROJECT_SOURCE_DIR} ${CMAKE_BINARY_DIR}/)
  add_custom_command(OUTPUT ${payload}
    COMMAND ${lines} $<TARGET_FILE:${arg_KERNEL}> ${stripped}.lines --prefix ${prefix}/
    COMMAND /usr/bin/llvm-objcopy-19 --strip-all --add-section nacre.lines=${stripped}.lines
            --set-section-type nacre.lines=0x80006c6e $<TARGET_FILE:${arg_KERNEL}> ${stripped}
    COMMAND zstd -q -f -15 --zstd=mml=6 --no-check ${stripped} -o ${payload}
    DEPENDS ${arg_KERNEL} ${lines} VERBATIM)
  set(linked ${arg_NAME}_loader)
  set_source_files_properties(${loader}/payload.S PROPERTIES OBJECT_DEPENDS "${payload};${NACRE_BOOT_KEY_POINT}")
  nacre_executable(NAME ${linked} SOURCES ${loader}/header.S ${loader}/start.S ${loader}/payload.S DEPS boot_loader)
  add_dependencies(${linked} nacre_boot_key)
  target_compile_definitions(${linked} PRIVATE PAYLOAD="${payload}" BOOT_KEY="${NACRE_BOOT_KEY_POINT}")
  set_target_properties(${linked} PROPERTIES LINK_DEPENDS ${loader}/loader.ld SUFFIX .elf)
  target_link_options(${linked} PRIVATE
    -nostdlib -fuse-ld=lld -T${loader}/loader.ld
    LINKER:-pie,--no-dynamic-linker,--gc-sections,--no-dependent-libraries,-z,text,--pack-dyn-relocs=relr)
  target_link_libraries(${linked} PRIVATE
    ${NACRE_LIBRARIES}/lib/libbearssl.a ${NACRE_LIBRARIES}/lib/libzstd_decoder.a runtime_memory)
  set(image ${CMAKE_BINARY_DIR}/${arg_OUTPUT})
  add_custom_command(OUTPUT ${image}
    COMMAND ${seal} image $<TARGET_FILE:${linked}> ${NACRE_USED_BOOT_KEY} ${image}
    DEPENDS ${linked} ${seal} ${NACRE_USED_BOOT_KEY} VERBATIM)
  add_custom_target(${arg_NAME} ALL DEPENDS ${image})
endfunction()
