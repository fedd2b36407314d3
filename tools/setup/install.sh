#!/usr/bin/env bash
# install.sh [LIST]: installs the Debian packages of LIST (default: packages.txt beside this) that are missing. Root needs no
# sudo, anyone else does. When nothing is missing it costs one look at a stamp.
#
# A line of a list is a package, and optionally a command that will do in its place when it is already there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
list=${1:-$here/packages.txt}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nacre
stamp=$cache/packages-$(sha256sum <"$list" | cut -c1-16)
[[ ! -e $stamp ]] || exit 0

missing=()
while read -r package substitute; do
  [[ -n $package ]] || continue
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) != installed ]] || continue
  if [[ -n $substitute ]] && command -v "$substitute" >/dev/null; then continue; fi
  missing+=("$package")
done <"$list"

if ((${#missing[@]})); then
  as_root=()
  if [[ $(id -u) != 0 ]]; then
    if ! command -v sudo >/dev/null; then
      echo "nacre: these packages are missing and there is no sudo to install them: ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  mkdir -p "$cache"
  log=$cache/install.log
  echo "nacre: installing ${#missing[@]} packages (${missing[*]})" >&2
  if ! {
    "${as_root[@]}" apt-get -qq update &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "${missing[@]}"
  } >"$log" 2>&1 </dev/null; then
    tail -20 "$log" >&2
    echo "nacre: installing failed; the whole log is $log" >&2
    exit 1
  fi
fi
mkdir -p "$cache"
touch "$stamp"
