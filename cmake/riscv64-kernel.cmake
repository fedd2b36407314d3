# The kernel and its loader: clang 19, lp64 soft-float, libc++ built from source over picolibc (tools/runtimes).
# Soft-float: a trap from a guest leaves its F, D and V registers where they are, since the kernel cannot touch them.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_ASM_COMPILER clang-19)
set(CMAKE_AR /usr/bin/llvm-ar-19 CACHE FILEPATH "")
set(CMAKE_RANLIB /usr/bin/llvm-ranlib-19 CACHE FILEPATH "")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)

execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/../tools/runtimes/build.sh --print-path
                OUTPUT_VARIABLE NACRE_RUNTIME OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT IS_DIRECTORY ${NACRE_RUNTIME})
  execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/../tools/runtimes/build.sh
                  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endif()
set(NACRE_PICOLIBC /usr/lib/picolibc/riscv64-unknown-elf)

# -fPIE: the kernel is a static PIE that the loader slides. -ftls-model=local-exec: a thread_local is per hart, at a
# constant distance from tp.
set(flags "-march=rv64imac_zicsr_zifencei_zba_zbb_zbs -mabi=lp64 -mcmodel=medany -fPIE -fvisibility=hidden")
string(APPEND flags " -ftls-model=local-exec -ffunction-sections -fdata-sections -fno-stack-protector")
string(APPEND flags " -fasynchronous-unwind-tables -fomit-frame-pointer")
# Paths in messages and debug information are relative to the root of the tree.
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR}/.. ABSOLUTE)
# (A compiler cache may hand the compiler paths relative to the build folder.)
string(APPEND flags " -ffile-prefix-map=${root}/= -ffile-prefix-map=../../= -ffile-prefix-map=${NACRE_RUNTIME}/include/=")
string(APPEND flags " -D_GNU_SOURCE -D_POSIX_TIMERS=1 -D_POSIX_MONOTONIC_CLOCK=200112L -nostdinc")

set(includes "-isystem /usr/lib/llvm-19/lib/clang/19/include -isystem ${NACRE_PICOLIBC}/include")
foreach(lang C CXX ASM)
  set(CMAKE_${lang}_COMPILER_TARGET riscv64-unknown-elf)
  set(CMAKE_${lang}_FLAGS_INIT "${flags} ${includes}")
endforeach()
set(CMAKE_CXX_FLAGS_INIT
    "${flags} -nostdinc++ -isystem ${NACRE_RUNTIME}/include/c++/v1 ${includes} -faligned-allocation")

# Behind everything else on the linker's command line: our own malloc, abort and the like come before the C library's.
set(runtime "-Wl,--start-group")
foreach(library libc++.a libc++abi.a libunwind.a baremetal/libclang_rt.builtins-riscv64.a)
  string(APPEND runtime " ${NACRE_RUNTIME}/lib/${library}")
endforeach()
set(CMAKE_CXX_STANDARD_LIBRARIES_INIT "${runtime} ${NACRE_PICOLIBC}/lib/rv64imac/lp64/libc.a -Wl,--end-group")
