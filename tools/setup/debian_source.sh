#!/usr/bin/env bash
# debian_source.sh PACKAGE UPSTREAM [VERSION]: prints the path of the upstream tarball of a Debian source package, downloading
# it first if it is not in the cache. UPSTREAM is the beginning of the upstream version, for example 0.6. VERSION is the
# package's, where Debian has several; if that one is gone, the newest will do if it is of the same upstream version.
#
# The sources come through `apt-get source`, with a private list derived from the machine's own: nothing of its
# configuration is changed, and root is not needed. NACRE_SOURCES names a folder to look in first.
set -euo pipefail
package=$1
upstream=$2
version=${3-}
sources=${XDG_CACHE_HOME:-$HOME/.cache}/nacre/sources
pattern="${package}_${upstream}*.orig.tar.xz"

find_tarball() {
  local folder
  for folder in ${NACRE_SOURCES:+"$NACRE_SOURCES"} "$sources"; do
    [[ -d $folder ]] || continue
    find "$folder" -maxdepth 1 -name "$pattern" -print -quit
  done | head -n 1
}

found=$(find_tarball)
if [[ -n $found ]]; then
  echo "$found"
  exit 0
fi

mkdir -p "$sources"
work=$(mktemp -d "$sources/download.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{parts,lists/partial,cache/archives/partial,out}
number=0
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [[ -f $file ]] || continue
  sed -n -E 's/^[[:space:]]*deb(-src)?([[:space:]])/deb-src\2/p' "$file" >"$work/parts/$((++number)).list"
done
for file in /etc/apt/sources.list.d/*.sources; do
  [[ -f $file ]] || continue
  sed -E 's/^Types:.*/Types: deb-src/' "$file" >"$work/parts/$((++number)).sources"
done
options=(-q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts" -o Dir::State::lists="$work/lists"
  -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3 -o Acquire::Languages=none)
{
  # A third party's list without sources fails here; what counts is whether the package is found below.
  apt-get "${options[@]}" update || true
  fetch() { (cd "$work/out" && apt-get "${options[@]}" source --download-only --tar-only "$1"); }
  { [[ -n $version ]] && fetch "$package=$version"; } || fetch "$package"
} >&2
tarball=$(find "$work/out" -name "$pattern" -print -quit)
if [[ -z $tarball ]]; then
  echo "debian_source: Debian's $package is not version $upstream" >&2
  exit 1
fi
mv "$tarball" "$sources/"
find_tarball
