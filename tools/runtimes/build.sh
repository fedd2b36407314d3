#!/usr/bin/env bash
# Builds the kernel's C++ runtime (compiler-rt builtins, libunwind, libc++abi, hardened libc++) for
# riscv64-unknown-elf, lp64 soft-float, over picolibc, from Debian's source package of the installed clang.
#
#   build.sh               builds it unless present, prints the directory it lies in
#   build.sh --print-path  prints that directory only; says nothing about whether it is there
#
# The result lies outside the tree, under a name that holds a hash of this folder and the package versions, so a
# changed recipe never meets an old result. Works as root and as an ordinary user.
#
#   XDG_CACHE_HOME           where caches live (default ~/.cache)
#   NACRE_SOURCES            a folder to look in for llvm-toolchain-19_*.orig.tar.xz before downloading
#   NACRE_JOBS               parallel compiler runs (default: number of processors)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nacre
source_package=llvm-toolchain-19
picolibc=/usr/lib/picolibc/riscv64-unknown-elf

fail() {
  echo "runtimes: $*" >&2
  exit 1
}

package_version() {
  dpkg-query -W -f "\${$1}" "$2" 2>/dev/null || fail "package $2 is not installed"
}

clang_version=$(package_version source:Version clang-19)
picolibc_version=$(package_version Version picolibc-riscv64-unknown-elf)
key=$({
  cat "$here/build.sh" "$here/assertion_handler.in" "$here"/include/*
  echo "$clang_version $picolibc_version"
} | sha256sum | cut -c1-16)
result=$cache/runtimes-$key

case ${1-} in
  --print-path) echo "$result"; exit 0 ;;
  "") ;;
  *) fail "unknown argument $1" ;;
esac

if [[ -d $result ]]; then
  echo "$result"
  exit 0
fi

mkdir -p "$cache"
# One builder at a time; whoever waited finds the result.
exec 9>"$cache/runtimes.lock"
flock 9
if [[ -d $result ]]; then
  echo "$result"
  exit 0
fi

work=$(mktemp -d "$cache/building.XXXXXX")
trap 'rm -rf "$work"' EXIT
log=$work/log

# Runs a command quietly; its output appears only when it fails.
step() {
  local what=$1
  shift
  echo "runtimes: $what" >&2
  if ! "$@" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    fail "$what failed"
  fi
}

upstream=${clang_version#*:}
echo "runtimes: source of $source_package $clang_version" >&2
# Exactly the installed compiler's, as long as there is one; later packages of the same upstream version have the same tarball.
tarball=$("$here/../setup/debian_source.sh" "$source_package" "${upstream%%-*}" "$clang_version" 9>&-) ||
  fail "no source of $source_package"

source=$work/source
extract_source() {
  mkdir -p "$source"
  local folders=()
  for folder in runtimes cmake llvm/cmake llvm/utils/llvm-lit libunwind libcxxabi libcxx compiler-rt; do
    folders+=("*/$folder")
  done
  tar -xJf "$tarball" -C "$source" --strip-components=1 --wildcards --no-wildcards-match-slash \
    --exclude='*/libcxx/test' --exclude='*/libcxxabi/test' --exclude='*/libunwind/test' \
    --exclude='*/compiler-rt/test' "${folders[@]}"
}
step "extracting" extract_source

arch="-march=rv64imac_zicsr_zifencei_zba_zbb_zbs -mabi=lp64"
flags="--target=riscv64-unknown-elf $arch -mcmodel=medany -fPIE -fvisibility=hidden -ffunction-sections -fdata-sections \
-ftls-model=local-exec -fno-stack-protector -fomit-frame-pointer -fasynchronous-unwind-tables -g0 \
-ffile-prefix-map=$source=llvm -isystem $here/include -isystem $picolibc/include \
-D_GNU_SOURCE -D_POSIX_TIMERS=1 -D_POSIX_MONOTONIC_CLOCK=200112L"

options=(
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$work/install"
  -DCMAKE_SYSTEM_NAME=Generic -DCMAKE_SYSTEM_PROCESSOR=riscv64
  -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY
  -DCMAKE_AR=/usr/bin/llvm-ar-19 -DCMAKE_RANLIB=/usr/bin/llvm-ranlib-19 -DCMAKE_NM=/usr/bin/llvm-nm-19
  -DLLVM_CONFIG_PATH=/usr/bin/llvm-config-19
  -DLLVM_DEFAULT_TARGET_TRIPLE=riscv64-unknown-elf
  -DLLVM_ENABLE_RUNTIMES="libunwind;libcxxabi;libcxx;compiler-rt"
  -DLLVM_INCLUDE_TESTS=OFF -DLLVM_INCLUDE_DOCS=OFF

  -DCOMPILER_RT_BAREMETAL_BUILD=ON -DCOMPILER_RT_DEFAULT_TARGET_ONLY=ON -DCOMPILER_RT_OS_DIR=baremetal

  -DLIBUNWIND_IS_BAREMETAL=ON -DLIBUNWIND_ENABLE_SHARED=OFF -DLIBUNWIND_ENABLE_THREADS=ON
  -DLIBUNWIND_REMEMBER_HEAP_ALLOC=OFF -DLIBUNWIND_USE_COMPILER_RT=ON -DLIBUNWIND_ENABLE_ASSERTIONS=OFF

  # With threads, although the kernel has none: otherwise all harts share one exception state.
  -DLIBCXXABI_BAREMETAL=ON -DLIBCXXABI_ENABLE_SHARED=OFF -DLIBCXXABI_ENABLE_THREADS=ON
  -DLIBCXXABI_HAS_EXTERNAL_THREAD_API=ON -DLIBCXXABI_USE_LLVM_UNWINDER=ON
  -DLIBCXXABI_ENABLE_STATIC_UNWINDER=OFF -DLIBCXXABI_USE_COMPILER_RT=ON -DLIBCXXABI_ENABLE_ASSERTIONS=OFF
  -DLIBCXXABI_NON_DEMANGLING_TERMINATE=ON -DLIBCXXABI_ENABLE_NEW_DELETE_DEFINITIONS=OFF

  -DLIBCXX_CXX_ABI=libcxxabi -DLIBCXX_ENABLE_SHARED=OFF -DLIBCXX_USE_COMPILER_RT=ON
  -DLIBCXX_ENABLE_THREADS=ON -DLIBCXX_HAS_EXTERNAL_THREAD_API=ON -DLIBCXX_ENABLE_MONOTONIC_CLOCK=ON
  -DLIBCXX_HARDENING_MODE=extensive -DLIBCXX_ASSERTION_HANDLER_FILE="$here/assertion_handler.in"
  -DLIBCXX_ENABLE_NEW_DELETE_DEFINITIONS=OFF
  -DLIBCXX_ENABLE_FILESYSTEM=OFF -DLIBCXX_ENABLE_LOCALIZATION=OFF -DLIBCXX_ENABLE_WIDE_CHARACTERS=OFF
  -DLIBCXX_ENABLE_RANDOM_DEVICE=OFF -DLIBCXX_ENABLE_TIME_ZONE_DATABASE=OFF
  -DLIBCXX_INCLUDE_BENCHMARKS=OFF -DLIBCXX_INCLUDE_TESTS=OFF -DLIBCXX_INSTALL_MODULES=OFF
)
for feature in LIBFUZZER PROFILE SANITIZERS XRAY MEMPROF ORC GWP_ASAN CTX_PROFILE; do
  options+=(-DCOMPILER_RT_BUILD_$feature=OFF)
done
for language in C CXX ASM; do
  compiler=clang-19
  [[ $language == CXX ]] && compiler=clang++-19
  options+=(-DCMAKE_${language}_COMPILER=$compiler -DCMAKE_${language}_COMPILER_TARGET=riscv64-unknown-elf
    "-DCMAKE_${language}_FLAGS=$flags")
done

step "configuring" cmake -G Ninja -S "$source/runtimes" -B "$work/build" "${options[@]}"
step "building" ninja -C "$work/build" -j"${NACRE_JOBS:-$(nproc)}"
step "installing" ninja -C "$work/build" install
cp "$here/include/__external_threading" "$work/install/include/c++/v1/"
for library in libc++.a libc++abi.a libunwind.a baremetal/libclang_rt.builtins-riscv64.a; do
  [[ -f $work/install/lib/$library ]] || fail "the build left no $library"
done
mv "$work/install" "$result"
echo "$result"
