# What every script shares: the repository's folder and a few functions. To be sourced.
# shellcheck shell=bash

# The repository's folder, wherever the script was called from.
# shellcheck disable=SC2034
root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)

# OpenMP's threads spin while they wait for each other, which on busy cores slows everything out of
# all proportion. A short spin costs nothing on idle ones; sleeping at once (passive) costs 15 %.
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-20000}

# Progress goes to standard error, so that standard output stays for results.
say() { printf '%s\n' "$*" >&2; }

# die CODE MESSAGE: ends the script with one sentence. Codes are those of the programs:
# 2 usage or a missing tool, 7 disk; 1 for what has no code of its own.
die() {
  local code=$1
  shift
  printf '%s: error: %s\n' "${0##*/}" "$*" >&2
  exit "$code"
}

# The path of nvcc; fails where there is none. The toolkit's installer does not extend PATH.
find_nvcc() {
  command -v nvcc && return
  [[ -x /usr/local/cuda/bin/nvcc ]] && echo /usr/local/cuda/bin/nvcc
}

# Whether the kernel driver of NVIDIA is there, also the one that Windows lends to WSL.
has_nvidia_driver() {
  [[ -e /proc/driver/nvidia/version || -e /usr/lib/wsl/lib/libcuda.so.1 ]]
}

# How many compilers may run at once: a file with torch/torch.h takes up to 3 GiB.
build_jobs() {
  local cores memory_kib jobs
  cores=$(nproc)
  memory_kib=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  jobs=$((memory_kib / (3 * 1024 * 1024)))
  ((jobs < cores)) || jobs=$cores
  ((jobs > 1)) || jobs=1
  echo "$jobs"
}

# build_preset PRESET [TARGET...]: configures and builds in build/PRESET.
build_preset() {
  local preset=$1 targets=()
  shift
  (($# == 0)) || targets=(--target "$@")
  (
    cd -- "$root" || exit
    cmake --preset "$preset"
    cmake --build --preset "$preset" --parallel "$(build_jobs)" "${targets[@]}"
  )
}
