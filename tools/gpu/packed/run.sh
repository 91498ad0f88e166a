#!/usr/bin/env bash
# Builds and runs the packed lane. Needs bash, CMake, a C++20 compiler, and a Python whose torch has CUDA (or not: then what a
# CPU can tell is checked). ptxas, from a CUDA toolkit or the triton wheel, is used where present. Prints JSON lines.
#
#   run.sh [BUILD_FOLDER]        PYTHON=python3 chooses the Python
set -euo pipefail
lane=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${1:-$lane/build}
python=${PYTHON:-python3}
fail() { printf 'gpu lane: error: %s\n' "$*" >&2; exit 1; }

torch=$("$python" -c 'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")')
[ -n "$torch" ] || fail "$python has no torch; set PYTHON to one that has"
has_cuda=$("$python" -c 'import torch; print(int(torch.cuda.is_available()))')

architecture=$(cat "$lane/artefacts/architecture")
ptxas=$(command -v ptxas || ls "$torch"/../triton/backends/nvidia/bin/ptxas 2>/dev/null || true)
if [ -n "$ptxas" ]; then
  for ptx in "$lane"/artefacts/*.ptx; do
    used=$("$ptxas" -v -arch="$architecture" "$ptx" -o /dev/null 2>&1) || fail "ptxas refuses ${ptx##*/}: $used"
    printf '{"lane": "ptxas", "objective": "%s", "architecture": "%s", "registers": [%s], "spill_bytes": %s}\n' \
      "$(basename "$ptx" .ptx)" "$architecture" \
      "$(grep -o 'Used [0-9]* registers' <<<"$used" | grep -o '[0-9]*' | paste -sd, -)" \
      "$(grep -o '[0-9]* bytes spill stores' <<<"$used" | awk '{ s += $1 } END { print s + 0 }')"
  done
else
  printf '{"lane": "ptxas", "skipped": "no ptxas on PATH or in a triton wheel"}\n'
fi

cmake -S "$lane" -B "$build" -DDISCO_TORCH_DIR="$torch" >"$lane/configure.log" 2>&1 ||
  { cat "$lane/configure.log" >&2; fail "configuring failed (above)"; }
cmake --build "$build" -j "$(nproc)" >"$lane/build.log" 2>&1 ||
  { cat "$lane/build.log" >&2; fail "building failed (above)"; }

if [ "$has_cuda" = 1 ]; then
  "$build/bin/disco-gpu-plain" "$lane/artefacts"
else
  # Without a device the plain driver must say so and fail.
  if said=$("$build/bin/disco-gpu-plain" "$lane/artefacts" 2>&1); then
    fail "the plain driver succeeded, but torch sees no CUDA device: $said"
  fi
  printf '{"lane": "plain", "skipped": "%s"}\n' "$(tail -n 1 <<<"$said" | tr -d '"\\')"
fi
"$build/bin/disco-gpu-check" "$lane/artefacts"
