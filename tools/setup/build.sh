#!/usr/bin/env bash
# build.sh WHAT...: installs what is missing and builds.
#   machine   the launcher, the kernel and the example programs: what `nacre run` needs
#   PRESET    everything of a preset: host, host-asan, riscv64-linux, riscv64-kernel
#   configure:PRESET   only configures, also when it was configured before
#   all       every preset
# One short line on standard error for each step that takes time; the steps' output is in build/logs, and its end is shown
# when a step fails. NACRE_JOBS limits the parallel compilers.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
mkdir -p build/logs build/stamps
jobs=${NACRE_JOBS:-$(nproc)}

# One build of this tree at a time.
exec 8>build/lock
flock 8

# step NAME TEXT COMMAND...: runs a command with its output in build/logs/NAME.log.
step() {
  local log=build/logs/$1.log text=$2
  shift 2
  if ! "$@" >"$log" 2>&1 </dev/null 8>&-; then
    [[ ! -t 2 ]] || printf '\r\e[K' >&2
    # A compiler's first complaints are worth more than the last line.
    local errors='(error:|CMake Error|undefined symbol)'
    if grep -qE "$errors" "$log"; then
      grep -E -m6 -A4 "$errors" "$log" | cut -c1-200 >&2
    else
      tail -40 "$log" | cut -c1-200 >&2
    fi
    echo "nacre: $text failed; the whole log is $log" >&2
    exit 1
  fi
}

say() {
  if [[ -t 2 ]]; then
    printf '\r\e[Knacre: %s' "$1" >&2
  else
    echo "nacre: $1" >&2
  fi
}

# What a preset's configuration was made of. CMake keeps flags for good, so that a change of these needs a fresh one.
configured_from() {
  cat CMakePresets.json cmake/*.cmake | sha256sum
  [[ $1 != riscv64-kernel* ]] || { tools/runtimes/build.sh --print-path && tools/libraries/build.sh --print-path; }
}

# configure PRESET [again]: afresh where that changed; else, with `again`, on top of what is there.
configure() {
  local stamp=build/stamps/configured-$1 from
  from=$(configured_from "$1")
  if [[ ! -e build/$1/build.ninja || ! -e $stamp || $(<"$stamp") != "$from" ]]; then
    step "configure-$1" "configuring $1" cmake --preset "$1" --fresh
    echo "$from" >"$stamp"
  elif [[ ${2-} == again ]]; then
    step "configure-$1" "configuring $1" cmake --preset "$1"
  fi
}

# compile PRESET [TARGET...]
compile() {
  local preset=$1
  shift
  configure "$preset"
  step "build-$preset" "building $preset" ninja -C "build/$preset" -j "$jobs" "$@"
}

runtimes() {
  local path
  path=$(tools/runtimes/build.sh --print-path)
  [[ ! -d $path ]] || return 0
  say "building the kernel's C++ runtime (once, some minutes)"
  step runtimes "building the kernel's C++ runtime" tools/runtimes/build.sh
}

libraries() {
  local path
  path=$(tools/libraries/build.sh --print-path)
  [[ ! -d $path ]] || return 0
  say "building the loader's libraries (once, some seconds)"
  step libraries "building the loader's libraries" tools/libraries/build.sh
}

build_one() {
  case $1 in
    machine)
      local begun
      begun=$(mktemp build/stamps/begun.XXXXXX)
      trap "rm -f $begun" EXIT
      runtimes
      libraries
      say "building the launcher, the kernel and the examples"
      compile host nacre-run guests
      compile riscv64-kernel
      # Sources changed during the build are newer than the stamp.
      mv "$begun" build/stamps/machine
      ;;
    riscv64-kernel)
      runtimes
      libraries
      say "building riscv64-kernel"
      compile riscv64-kernel
      ;;
    host)
      say "building host"
      compile host all guests
      ;;
    host-asan | riscv64-linux)
      say "building $1"
      compile "$1"
      ;;
    configure:*)
      if [[ $1 == configure:riscv64-kernel* ]]; then
        runtimes
        libraries
      fi
      configure "${1#configure:}" again
      ;;
    all)
      for preset in host host-asan riscv64-linux riscv64-kernel; do build_one $preset; done
      ;;
    *)
      echo "nacre: no such preset: $1" >&2
      exit 2
      ;;
  esac
}

tools/setup/install.sh 8>&-
for what in "$@"; do build_one "$what"; done
[[ ! -t 2 ]] || printf '\r\e[K' >&2
