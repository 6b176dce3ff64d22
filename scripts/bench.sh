#!/usr/bin/env bash
# Times what this project computes against its peers on this machine.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/bench.sh coupler [--quick] [--gpu] [--threads N] [--rounds N] [--out FILE]
                                [--no-build]

Builds the library of operations and times the couplers: one HypergraphConv call a token, PyTorch
Geometric's batching, plain and compiled PyTorch, and ours, on the same tensors in turn; and the
bare operations against memcpy. Writes bench/results/coupler-DEVICE.json and, from all results
there, the tables of docs/performance.md. About 40 minutes on two idle cores with 16 GB of memory.

  --quick      small sizes, in a minute, to see that everything runs; the figures mean nothing and
               go to build/bench
  --gpu        on the NVIDIA GPU, with the library of the cuda preset
  --threads N  threads on the CPU (default: 2, as in the published figures)
  --rounds N   samples a call, at least 5 (default: 7)
  --out FILE   write the results there, and leave docs/performance.md alone
  --no-build   take the library that is there; without one our side is left out, which is said
END
}

# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/environment.sh
source "$root/scripts/lib/environment.sh"

what=''
preset=release
build=true
render=true
arguments=()
shown=(scripts/bench.sh) # the command without paths of this machine
while (($# > 0)); do
  case $1 in
    coupler) what=$1 ;;
    --quick) render=false arguments+=("$1") ;;
    --gpu) preset=cuda arguments+=("$1") ;;
    --threads | --rounds)
      [[ ${2:-} =~ ^[0-9]+$ ]] || die 2 "$1 is '${2:-}': give it a number."
      arguments+=("$1" "$2")
      shown+=("$1")
      shift
      ;;
    --out)
      [[ -n ${2:-} ]] || die 2 "--out has no value: give it a file."
      # Relative to where the script was called from.
      arguments+=(--out "$(realpath -m -- "$2")")
      render=false
      shift 2
      continue
      ;;
    --no-build)
      build=false
      shift
      continue
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) die 2 "unknown argument '$1': see scripts/bench.sh --help." ;;
  esac
  shown+=("$1")
  shift
done
[[ -n $what ]] || die 2 "nothing was named to measure: give 'coupler', see scripts/bench.sh --help."
if [[ $preset == cuda ]] && ! has_nvidia_driver; then
  die 2 "--gpu was given and this machine has no NVIDIA driver: leave it out."
fi

cd -- "$root"
# Where the environment is complete, neither Debian's packages nor the network are needed.
if environment_complete "$(environment_folder full)"; then
  python=$(environment_folder full)/bin/python
else
  python=$(scripts/bootstrap.sh --oracle --print-python)
fi
if $build; then
  if [[ $preset == cuda ]]; then cmake --preset cuda -DCMAKE_CUDA_ARCHITECTURES=native >&2; fi
  build_preset "$preset" ops_module >&2
fi
"$python" "bench/$what/main.py" "${arguments[@]}" --command "${shown[*]}"
if $render; then "$python" bench/render_performance.py; fi
