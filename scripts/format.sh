#!/usr/bin/env bash
# Formats the C++ and CUDA sources with the pinned clang-format; --check only tells.
set -euo pipefail

# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib/common.sh"

mode=(-i)
case "$*" in
  '') ;;
  --check) mode=(--dry-run --Werror --ferror-limit=1) ;;
  -h | --help)
    echo "Usage: scripts/format.sh [--check]"
    echo "Formats include, src, tests and bench in place; --check changes nothing and exits 1" \
      "where something is not formatted."
    exit 0
    ;;
  *) die 2 "unknown arguments '$*': give --check or nothing." ;;
esac

python=$("$root/scripts/bootstrap.sh" --print-python)
folders=()
for folder in include src tests bench; do
  [[ ! -d $root/$folder ]] || folders+=("$root/$folder")
done
if ! find "${folders[@]}" -regex '.*\.\(h\|cpp\|cu\|cuh\)' -print0 |
  xargs -0 --no-run-if-empty "$(dirname -- "$python")/clang-format" "${mode[@]}"; then
  die 1 "the files above are not formatted: run scripts/format.sh."
fi
