#!/usr/bin/env bash
# npm.sh FOLDER: installs what FOLDER/package.json (and its lock file) pins and prints the directory that holds the
# node_modules. It lies in the cache, under a name that holds a hash of the two files; nothing is written to the tree.
set -euo pipefail
folder=$(cd "$1" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nacre
files=("$folder/package.json")
[[ ! -e $folder/package-lock.json ]] || files+=("$folder/package-lock.json")
key=$(cat "${files[@]}" | sha256sum | cut -c1-16)
result=$cache/npm-$(basename "$folder")-$key
if [[ ! -d $result ]]; then
  mkdir -p "$cache"
  # One installer at a time; whoever waited finds the result.
  exec 9>"$cache/npm.lock"
  flock 9
fi
if [[ ! -d $result ]]; then
  work=$(mktemp -d "$cache/npm.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cp "${files[@]}" "$work/"
  echo "nacre: installing npm packages of $(basename "$folder")" >&2
  verb=install
  [[ ! -e $work/package-lock.json ]] || verb=ci
  if ! (cd "$work" && npm "$verb" --no-audit --no-fund --no-progress) >"$cache/npm.log" 2>&1 9>&-; then
    tail -20 "$cache/npm.log" >&2
    echo "nacre: npm failed; the whole log is $cache/npm.log" >&2
    exit 1
  fi
  mv "$work" "$result"
  trap - EXIT
fi
echo "$result"
