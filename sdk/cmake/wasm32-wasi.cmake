# CMake toolchain file for guests: clang 19, wasi-libc and libc++, WebAssembly without exceptions or threads.
#
#   cmake -S . -B build -G Ninja --toolchain /path/to/nacre/sdk/cmake/wasm32-wasi.cmake
set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_AR llvm-ar-19)
set(CMAKE_RANLIB llvm-ranlib-19)
foreach(lang C CXX)
  set(CMAKE_${lang}_COMPILER_TARGET wasm32-wasi)
endforeach()
set(CMAKE_CXX_FLAGS_INIT "-fno-exceptions")
# Not CMAKE_EXECUTABLE_SUFFIX: that is also what CMake's search for host programs appends.
foreach(lang C CXX)
  set(CMAKE_EXECUTABLE_SUFFIX_${lang} .wasm)
endforeach()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "")
endif()
# CMake 3.25 has no file for this platform; ours is beside this one.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
