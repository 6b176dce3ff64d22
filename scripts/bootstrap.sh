#!/usr/bin/env bash
# Installs what building and running need and is not there yet; a second run changes nothing and
# needs no network. Written for Debian 12; Ubuntu 24.04 should work and is untested.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/bootstrap.sh [--small | --cuda | --oracle] [--print-python]

Installs the Debian packages of the build, and a Python environment with LibTorch and the packages
of the scripts. The small environment (1.4 GB) is for the CPU; the full one (4.9 GB) is taken where
an NVIDIA driver or nvcc is found.

  --small         the small environment, whatever is found
  --cuda          the full environment, to build for CUDA
  --oracle        the full environment, to run the PyTorch references of tests/oracle
  --print-python  print the environment's Python on standard output

Variables: HGNN_MOE_CACHE   folder of the environments (default: hgnn_moe in XDG_CACHE_HOME or
                            ~/.cache)
           HGNN_MOE_TORCH   a LibTorch folder or torch package to use; torch is then not installed
                            (except by --oracle)
Exit codes: 0 done, 1 a download failed, 2 usage, missing packages without root or no usable
            Python, 7 disk.
END
}

# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/packages.sh
source "$root/scripts/lib/packages.sh"
# shellcheck source=scripts/lib/environment.sh
source "$root/scripts/lib/environment.sh"

# choose_kind WANTED: which environment serves; WANTED is auto, small, cuda or oracle.
choose_kind() {
  if [[ $1 == oracle ]]; then
    echo full
  elif [[ -n ${HGNN_MOE_TORCH:-} ]]; then
    echo scripts
  elif [[ $1 == small ]]; then
    echo small
  elif [[ $1 == cuda ]] || has_nvidia_driver || find_nvcc >/dev/null ||
    environment_complete "$(environment_folder full)"; then
    echo full
  else
    echo small
  fi
}

wanted=auto
print_python=false
for argument in "$@"; do
  case $argument in
    --small | --cuda | --oracle)
      new=${argument#--}
      if [[ $wanted != auto && $wanted != "$new" ]]; then
        die 2 "--$wanted and --$new were given: give one of --small, --cuda and --oracle."
      fi
      wanted=$new
      ;;
    --print-python) print_python=true ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) die 2 "unknown argument '$argument': see scripts/bootstrap.sh --help." ;;
  esac
done

if [[ -n ${HGNN_MOE_TORCH:-} && ! -e $HGNN_MOE_TORCH/lib/libtorch_cpu.so ]]; then
  die 2 "HGNN_MOE_TORCH is '$HGNN_MOE_TORCH', which has no lib/libtorch_cpu.so: set it to a" \
    "LibTorch folder or a torch package, or unset it."
fi
if [[ -n ${HGNN_MOE_CACHE:-} && $HGNN_MOE_CACHE != /* ]]; then
  die 2 "HGNN_MOE_CACHE is '$HGNN_MOE_CACHE', which CMake would look for elsewhere: give the" \
    "absolute path."
fi

install_packages
kind=$(choose_kind "$wanted")
create_environment "$kind"
folder=$(environment_folder "$kind")
if $print_python; then
  echo "$folder/bin/python"
else
  say "set up: $kind environment in $folder"
fi
