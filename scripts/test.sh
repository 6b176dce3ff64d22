#!/usr/bin/env bash
# Everything that must hold before a change goes in: style, builds and tests, in one command.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/test.sh [--quick] [--no-cuda]

Sets up what is missing, checks format, include arrows and shell syntax, builds the release preset,
runs the tests of the modules without LibTorch under the address and undefined-behaviour sanitizers,
builds the cuda preset and runs the GPU tests where nvcc is found (skipped visibly without a GPU),
tries both quick starts in short and runs all tests of the release build. Stops at the first failure and
prints the time per stage.

  --quick    style, release build and unit tests only
  --no-cuda  no CUDA build even where nvcc is found

Variables: HGNN_MOE_CUDA_ARCHITECTURES  what to compile kernels for (default: this machine's GPU,
                                        or 90 without one)
           HGNN_MOE_REQUIRE_GPU=1       GPU tests fail without a GPU instead of being skipped
           and those of scripts/bootstrap.sh
END
}

# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib/common.sh"
cd -- "$root"

quick=false
cuda=true
for argument in "$@"; do
  case $argument in
    --quick) quick=true ;;
    --no-cuda) cuda=false ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) die 2 "unknown argument '$argument': see scripts/test.sh --help." ;;
  esac
done

finished=() # one line a stage for the closing table
stage_name=''
stage_start=0

end_stage() { # RESULT
  local seconds=$((SECONDS - stage_start)) line
  printf -v line '%3d:%02d  %-6s  %s' $((seconds / 60)) $((seconds % 60)) "$1" "$stage_name"
  finished+=("$line")
  stage_name=''
}

stage() { # NAME COMMAND...
  stage_name=$1
  stage_start=$SECONDS
  shift
  printf '\n=== %s\n' "$stage_name"
  "$@"
  end_stage ok
}

print_stages() {
  local status=$?
  [[ -z $stage_name ]] || end_stage FAILED
  printf '\nmin:sec result  stage\n'
  printf '%s\n' "${finished[@]}"
  exit "$status"
}

set_up() { python=$(scripts/bootstrap.sh --print-python); }

check_shell_syntax() {
  local script
  for script in scripts/*.sh scripts/lib/*.sh .ci/run; do
    bash -n "$script"
  done
}

run_ctest() { # PRESET [CTEST_ARGUMENT...]
  local preset=$1
  shift
  ctest --preset "$preset" --output-on-failure --no-tests=error --parallel "$(nproc)" "$@"
}

# LibTorch is not built with the sanitizers and its allocations would drown ours.
test_with_sanitizers() {
  local module targets=(base_test config_test data_test kg_test ops_kernels_test)
  build_preset asan "${targets[@]}"
  for module in "${targets[@]}"; do
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "build/asan/bin/$module" --gtest_brief=1
  done
}

build_cuda() {
  local architectures=90
  if has_nvidia_driver; then architectures=native; fi
  cmake --preset cuda \
    -DCMAKE_CUDA_ARCHITECTURES="${HGNN_MOE_CUDA_ARCHITECTURES:-$architectures}"
  cmake --build --preset cuda --parallel "$(build_jobs)"
}

# The coupling operations again under CUDA's own checker of addresses and races, where both are here.
check_cuda_memory() {
  local tool
  tool=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
  if ! has_nvidia_driver || [[ ! -x $tool ]]; then
    say "compute-sanitizer is left out: it needs a GPU and the CUDA Toolkit's tool"
    return
  fi
  for check in memcheck racecheck; do
    "$tool" --tool "$check" --error-exitcode 1 build/cuda/bin/ops_gpu_test --gtest_brief=1
  done
}

# A few steps of what the README promises a newcomer, in a folder that goes away.
try_quickstarts() {
  local folder status=0
  folder=$(mktemp -d)
  scripts/quickstart.sh --short --out "$folder/run" --data "$folder/data" &&
    scripts/quickstart_hgt.sh --short --out "$folder/hgt" || status=$?
  rm -rf -- "$folder"
  return "$status"
}

trap print_stages EXIT
stage 'set-up' set_up
stage 'format' scripts/format.sh --check
stage 'include arrows' "$python" scripts/check_includes.py .
stage 'shell syntax' check_shell_syntax
stage 'release build' build_preset release
if $quick; then
  stage 'release unit tests' run_ctest release -L unit
  exit 0
fi
stage 'sanitized tests' test_with_sanitizers
if ! $cuda; then
  say "the CUDA build is left out: --no-cuda"
elif find_nvcc >/dev/null; then
  stage 'cuda build' build_cuda
  stage 'gpu tests' run_ctest cuda -L gpu
  stage 'gpu memory checks' check_cuda_memory
else
  say "the CUDA build is left out: there is no nvcc in PATH or /usr/local/cuda/bin"
fi
stage 'short quick starts' try_quickstarts
stage 'release tests' run_ctest release
