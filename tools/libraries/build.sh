#!/usr/bin/env bash
# Builds the C libraries that the loader links, freestanding for riscv64-unknown-elf, from Debian's source packages:
# BearSSL's hashes and elliptic curves, and zstd's decoder.
#
#   build.sh               builds them unless present, prints the directory they lie in (include/, lib/)
#   build.sh --print-path  prints that directory only; says nothing about whether it is there
#
# The result lies outside the tree, under a name that holds a hash of this folder and the versions of what builds it.
#
#   XDG_CACHE_HOME  where caches live (default ~/.cache)
#   NACRE_SOURCES   a folder to look in for bearssl_0.6*.orig.tar.xz and libzstd_1.5.4*.orig.tar.xz before downloading
#   NACRE_JOBS      parallel compiler runs (default: number of processors)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nacre
picolibc=/usr/lib/picolibc/riscv64-unknown-elf

fail() {
  echo "libraries: $*" >&2
  exit 1
}

key=$({
  cat "$here/build.sh"
  dpkg-query -W -f '${source:Version} ' clang-19 picolibc-riscv64-unknown-elf || fail "clang-19 or picolibc is missing"
} | sha256sum | cut -c1-16)
result=$cache/libraries-$key

case ${1-} in
  --print-path) echo "$result"; exit 0 ;;
  "") ;;
  *) fail "unknown argument $1" ;;
esac

if [[ ! -d $result ]]; then
  mkdir -p "$cache"
  # One builder at a time; whoever waited finds the result.
  exec 9>"$cache/libraries.lock"
  flock 9
fi
if [[ -d $result ]]; then
  echo "$result"
  exit 0
fi

work=$(mktemp -d "$cache/building.XXXXXX")
trap 'rm -rf "$work"' EXIT

# extract PACKAGE UPSTREAM: into $work/PACKAGE
extract() {
  local tarball
  echo "libraries: source of $1 $2" >&2
  tarball=$("$here/../setup/debian_source.sh" "$1" "$2" 9>&-) || fail "no source of $1"
  mkdir "$work/$1"
  tar -xJf "$tarball" -C "$work/$1" --strip-components=1
}
extract bearssl 0.6
extract libzstd 1.5.4

# The loader is compiled the same way (cmake/riscv64-kernel.cmake). Data may lie anywhere in the image, and be read at any
# alignment: every hart that we know does that, or its firmware does.
flags=(--target=riscv64-unknown-elf -march=rv64imac_zicsr_zifencei_zba_zbb_zbs -mabi=lp64 -mcmodel=medany -fPIE
  -fvisibility=hidden -ffunction-sections -fdata-sections -fno-stack-protector -fomit-frame-pointer -g0 -O2
  -Xclang -target-feature -Xclang +unaligned-scalar-mem -std=c11 -nostdinc
  -isystem /usr/lib/llvm-19/lib/clang/19/include -isystem "$picolibc/include" "-ffile-prefix-map=$work/=")

# compile LIBRARY FLAGS... -- FILES...
compile() {
  local library=$1 own=() objects=$work/$1.objects
  shift
  while [[ $1 != -- ]]; do
    own+=("$1")
    shift
  done
  shift
  mkdir -p "$objects" "$work/install/lib"
  echo "libraries: compiling $library" >&2
  printf '%s\0' "$@" | xargs -0 -P "${NACRE_JOBS:-$(nproc)}" -I '{}' sh -c \
    'file=$1; objects=$2; shift 2; exec clang-19 "$@" -c "$file" -o "$objects/$(basename "$file" .c).o"' \
    sh '{}' "$objects" "${flags[@]}" "${own[@]}"
  llvm-ar-19 rcs "$work/install/lib/lib$library.a" "$objects"/*.o
}

bearssl=$work/bearssl
# Unrolled as a whole, SHA-256 keeps most of its state in registers.
compile bearssl -mllvm -unroll-threshold=100000 -mllvm -unroll-full-max-count=64 -I "$bearssl/inc" -I "$bearssl/src" -DBR_64=1 \
  -DBR_INT128=1 -- "$bearssl"/src/hash/sha2small.c
compile bearssl -I "$bearssl/inc" -I "$bearssl/src" -DBR_64=1 -DBR_INT128=1 -DBR_USE_URANDOM=0 -DBR_USE_GETENTROPY=0 \
  -DBR_USE_UNIX_TIME=0 -DBR_RDRAND=0 -- "$bearssl"/src/{codec,ec,int}/*.c
zstd=$work/libzstd/lib
# One variant of each inner loop: the loader is part of what it hashes.
compile zstd_decoder -I "$zstd" -I "$zstd/common" -DZSTD_LEGACY_SUPPORT=0 -DZSTD_TRACE=0 -DDEBUGLEVEL=0 \
  -DZSTD_STRIP_ERROR_STRINGS=1 -DMEM_FORCE_MEMORY_ACCESS=0 -DHUF_FORCE_DECOMPRESS_X1=1 -DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT=1 \
  -- "$zstd"/decompress/*.c "$zstd"/common/{entropy_common,error_private,fse_decompress,xxhash,zstd_common}.c

mkdir -p "$work/install/include"
cp "$bearssl"/inc/*.h "$work/install/include/"
cp "$zstd"/zstd.h "$zstd"/zstd_errors.h "$work/install/include/"
mv "$work/install" "$result"
echo "$result"
