#!/usr/bin/env bash
# Builds all guests, the examples and the tests', into build/guests/*.wasm.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ -e $root/build/guests/build.ninja ]] || cmake -S "$root/sdk" -B "$root/build/guests" -G Ninja >/dev/null
ninja -C "$root/build/guests" "$@"
