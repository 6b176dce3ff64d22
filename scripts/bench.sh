#!/usr/bin/env bash
# Times what this project computes against its peers on this machine.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/bench.sh coupler|step|precision|hgt [--scale [--compile]] [--only CASE] [--quick] [--gpu]
                                                   [--threads N] [--rounds N] [--out FILE] [--no-build]

coupler  builds the library of operations and times the couplers: one HypergraphConv call a token,
         PyTorch Geometric's batching, plain and compiled PyTorch, and ours, on the same tensors in
         turn; and the bare operations against memcpy. About 40 minutes on two idle cores with
         16 GB of memory.
step     builds the program and times its whole training step against the same peers, on the same
         weights and batches in turn, with the rate of bare matrix products of the same minutes.
         About two hours and a half, with 20 GB: 50 minutes of them are steps on 50 batches of
         different lengths, of every peer, for peak memory.
step --scale
         ours and eager PyTorch over sizes of E, D and T. About two hours. With --compile
         torch.compile too where E is 2, 8 or 16: it compiles for minutes in each precision, an hour
         in all.

precision
         trains one model in fp32 and in bf16 with three seeds and compares their losses. About five
         minutes; the cores need not be idle.
hgt      builds the library of operations and times a layer of a heterogeneous graph transformer,
         forward and backward: PyTorch Geometric's, a port to plain PyTorch and ours, with the
         memory of each, on Hetionet (../shared/data/kg/hetionet-5k, left out without it) and on a
         generated graph. About ten minutes with 16 GB.

Writes bench/results/NAME-DEVICE.json and, from all results there, the tables of
docs/performance.md.

  --only CASE  of step: cases whose names begin so, such as gnn/e4 or hgnn/e16; the results of others
               stay as they are
  --quick      small sizes, in a few minutes, to see that everything runs; the figures mean
               nothing and go to build/bench
  --gpu        on the NVIDIA GPU, with the cuda preset
  --threads N  threads on the CPU (default: 2, as in the published figures)
  --rounds N   samples a call, at least 5 (default: 7)
  --out FILE   write the results there, and leave docs/performance.md alone
  --no-build   take what is built; where nothing is, our side is left out, which is said
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
scale=false
compile=false
only=false
arguments=()
shown=(scripts/bench.sh) # the command without paths of this machine
while (($# > 0)); do
  case $1 in
    coupler | step | precision | hgt)
      [[ -z $what ]] || die 2 "'$what' and '$1' were named: measure one at a time."
      what=$1
      ;;
    --scale) scale=true arguments+=("$1") ;;
    --compile) compile=true arguments+=("$1") ;;
    --quick) render=false arguments+=("$1") ;;
    --gpu) preset=cuda arguments+=("$1") ;;
    --threads | --rounds)
      [[ ${2:-} =~ ^[0-9]+$ ]] || die 2 "$1 is '${2:-}': give it a number."
      arguments+=("$1" "$2")
      shown+=("$1")
      shift
      ;;
    --only)
      [[ -n ${2:-} ]] || die 2 "--only has no value: give it the beginning of a case's name."
      arguments+=(--only "$2")
      only=true shown+=(--only "$2")
      shift 2
      continue
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
[[ -n $what ]] ||
  die 2 "nothing was named to measure: give 'coupler', 'step', 'precision' or 'hgt', see scripts/bench.sh --help."
if [[ $what != step ]] && { $scale || $only; }; then
  die 2 "--scale and --only are about 'step': give that or leave them out."
fi
if $compile && ! $scale; then
  die 2 "--compile is about 'step --scale': give that or leave it out."
fi
if [[ $what == precision || $what == hgt ]] && [[ $preset == cuda ]]; then
  die 2 "--gpu is about 'coupler' and 'step': leave it out."
fi
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
  case $what in
    coupler | hgt) build_preset "$preset" ops_module >&2 ;;
    step | precision) build_preset "$preset" hgnn_moe_train >&2 ;;
  esac
fi
PYTHONPATH=$root/bench "$python" -m "$what.main" "${arguments[@]}" --command "${shown[*]}"
if $render; then "$python" bench/render_performance.py; fi
