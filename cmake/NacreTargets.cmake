# One target a folder. A folder sees the public headers of the folders named in DEPS (and theirs), and no others:
# an include that is not declared here does not compile.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(NACRE_CCACHE ccache)
if(NACRE_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${NACRE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${NACRE_CCACHE})
endif()

add_library(nacre_options INTERFACE)
target_compile_options(nacre_options INTERFACE -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor
  $<$<COMPILE_LANGUAGE:CXX>:-Wthread-safety -Wextra-semi>)

# A kernel for tests (kernel/sanitize): "undefined", "address", or empty. Targets with the property NACRE_UNSANITIZED are as
# always: the loader, and what the sanitizers call.
set(NACRE_KERNEL_SANITIZE "" CACHE STRING "undefined, address, or empty")
if(NACRE_KERNEL_SANITIZE STREQUAL "undefined")
  set(sanitize -fsanitize=undefined -fno-sanitize=function,vptr -fno-sanitize-recover=all -fsanitize-minimal-runtime)
elseif(NACRE_KERNEL_SANITIZE STREQUAL "address")
  # Every access calls a function (outline), and nothing but the heap and frames is poisoned.
  set(sanitize -fsanitize=kernel-address -DNACRE_KASAN "SHELL:-mllvm -asan-instrumentation-with-call-threshold=0"
    "SHELL:-mllvm -asan-stack=0" "SHELL:-mllvm -asan-globals=0")
endif()
if(NACRE_KERNEL_SANITIZE)
  set(checked $<AND:$<COMPILE_LANGUAGE:CXX>,$<NOT:$<BOOL:$<TARGET_PROPERTY:NACRE_UNSANITIZED>>>>)
  foreach(option IN LISTS sanitize ITEMS -UNDEBUG)
    target_compile_options(nacre_options INTERFACE $<${checked}:${option}>)
  endforeach()
endif()

# Leaves the current folder's CMakeLists.txt unless NACRE_PLATFORM is one of the arguments.
macro(nacre_only_on)
  set(_nacre_platforms ${ARGN})
  if(NOT NACRE_PLATFORM IN_LIST _nacre_platforms)
    return()
  endif()
endmacro()

# nacre_library(NAME engine_wasm SOURCES a.cc b.cc DEPS base_core abi)
#   NAME is the folder's path with '/' as '_'. Public headers live in include/, private ones beside the sources.
function(nacre_library)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;DEPS" ${ARGN})
  if(arg_SOURCES)
    add_library(${arg_NAME} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${arg_NAME} PRIVATE nacre_options)
  else()
    add_library(${arg_NAME} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${arg_NAME} ${scope} ${CMAKE_CURRENT_SOURCE_DIR}/include)
  target_link_libraries(${arg_NAME} ${scope} ${arg_DEPS})
endfunction()

# nacre_executable(NAME x SOURCES … DEPS …)
function(nacre_executable)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;DEPS" ${ARGN})
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE nacre_options ${arg_DEPS})
endfunction()

# nacre_test(NAME wasm_decoder_test SOURCES decoder_test.cc DEPS engine_wasm)
#   A GoogleTest program, built and registered on the host only. LABELS groups it for `ctest -L`.
function(nacre_test)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT NACRE_PLATFORM STREQUAL "host")
    return()
  endif()
  find_package(GTest REQUIRED)
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE nacre_options ${arg_DEPS} GTest::gmock GTest::gtest_main)
  # Tests may look at a folder's private headers.
  target_include_directories(${arg_NAME} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  add_test(NAME ${arg_NAME} COMMAND ${arg_NAME})
  set_tests_properties(${arg_NAME} PROPERTIES TIMEOUT 120 LABELS "unit;${arg_LABELS}")
  # The test command runs unit tests under sanitizers; without, they are built when asked for by name.
  if(NOT NACRE_SANITIZE)
    set_target_properties(${arg_NAME} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# nacre_kernel_test(NAME mm_ktest SOURCES heap_ktest.cc DEPS kernel_mm)
#   Tests that run in the booted kernel (kernel/testing), collected into one image by tests/kernel. Nothing on other platforms.
add_library(nacre_kernel_tests INTERFACE)
function(nacre_kernel_test)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;DEPS" ${ARGN})
  if(NOT NACRE_PLATFORM STREQUAL "kernel")
    return()
  endif()
  add_library(${arg_NAME} OBJECT ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE nacre_options kernel_testing ${arg_DEPS})
  # Tests may look at a folder's private headers.
  target_include_directories(${arg_NAME} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_sources(nacre_kernel_tests INTERFACE $<TARGET_OBJECTS:${arg_NAME}>)
  target_link_libraries(nacre_kernel_tests INTERFACE ${arg_DEPS})
endfunction()
