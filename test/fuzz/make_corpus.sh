#!/bin/sh
# make_corpus.sh TARGET FOLDER...: replaces the kept corpus of a target by the inputs of the folders that reach something
# together (libFuzzer's merge), the smallest first, at most 150; keeps every found-*.
set -eu
target=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ASAN_OPTIONS=detect_leaks=0:detect_container_overflow=0 "$here/../../build/fuzz/bin/fuzz-$target" -merge=1 -max_len=1024 \
  "$scratch" "$@"
mkdir -p "$here/corpus/$target"
find "$here/corpus/$target" -type f ! -name 'found-*' -delete
# By size ascending every so many, so that large inputs are there too.
count=$(find "$scratch" -type f | wc -l)
step=$(((count + 149) / 150))
find "$scratch" -type f -printf '%s %p\n' | sort -n | awk -v step="$step" 'NR % step == 0 { print $2 }' | while read -r path; do
  cp "$path" "$here/corpus/$target/$(sha256sum "$path" | cut -c1-12)"
done
