#!/usr/bin/env bash
# From a fresh clone to a trained model: sets up, builds, prepares real text, trains, compares,
# samples and draws.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/quickstart.sh [--out FOLDER] [--data FOLDER] [--short]

Trains a hypergraph-coupled mixture of experts on the sources of Python's standard library, which
every such machine has: about four minutes on two cores once things are set up. Shows its loss
beside those of unigram and bigram models on the same text, a sample and the plots. Text that was
prepared before is used again; a run in the output folder is replaced.

  --out FOLDER   the run (default: runs/quickstart, with --short runs/quickstart-short)
  --data FOLDER  the prepared text (default: data/stdlib, with --short data/stdlib-short)
  --short        a few steps on little text, to see that everything works; it learns nothing
END
}

# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib/common.sh"

out=''
data=''
short=false
while (($# > 0)); do
  case $1 in
    --out | --data)
      [[ -n ${2:-} ]] || die 2 "$1 has no value: give it a folder."
      # Relative to where the script was called from.
      if [[ $1 == --out ]]; then out=$(realpath -m -- "$2"); else data=$(realpath -m -- "$2"); fi
      shift
      ;;
    --short) short=true ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) die 2 "unknown argument '$1': see scripts/quickstart.sh --help." ;;
  esac
  shift
done

cd -- "$root"
if $short; then
  out=${out:-runs/quickstart-short}
  data=${data:-data/stdlib-short}
  max_megabytes=1
  vocabulary=1024
  training=(--max_steps 6 --eval_every 3 --batch_size 4)
  targets=()
else
  out=${out:-runs/quickstart}
  data=${data:-data/stdlib}
  max_megabytes=4
  vocabulary=4096
  training=()
  targets=(--below_unigram 1.5)
fi
# The n-gram models and the run are compared on the same targets.
windows=(--sample_mode packed --max_seq_length 128)
binary=build/release/bin/hgnn_moe_train

step() { printf '\n=== %s\n' "$*"; }

step 'Set-up and build'
python=$(scripts/bootstrap.sh --print-python)
build_preset release hgnn_moe_train

step 'Text: the Python standard library'
if [[ -e $data/dataset.json ]]; then
  echo "$data was prepared before"
else
  "$python" scripts/collect_stdlib.py --out "$data-text" --max_megabytes "$max_megabytes"
  "$python" scripts/prepare_data.py --train "$data-text/train.jsonl" \
    --eval "$data-text/eval.jsonl" --mode documents --tokenizer "train:$vocabulary" --out "$data"
fi

step 'What counting words achieves'
baselines=$data/baselines.json
"$python" scripts/ngram_baselines.py "$data" "${windows[@]}" --json >"$baselines"
"$python" scripts/ngram_baselines.py "$data" "${windows[@]}"

step 'Training'
"$binary" --config configs/quickstart.json --dataset_name "$data" "${windows[@]}" \
  --checkpoint_dir "$(dirname -- "$out")" --run_name "$(basename -- "$out")" --overwrite \
  "${training[@]}"

step 'Comparison'
comparison=0
"$python" scripts/compare_losses.py "$out" --baselines "$baselines" "${targets[@]}" || comparison=$?

step "A continuation of 'def '"
"$python" scripts/sample.py "$out" --prompt 'def ' --binary "$binary"

step 'Plots'
"$python" scripts/plot_run.py "$out"

step "Next, in $root"
printf 'Begin with something else:\n  %q scripts/sample.py %q --prompt "class "\n' "$python" "$out"
printf 'Train the same experts coupled by a graph instead of a hypergraph:\n'
printf '  %s --config configs/quickstart.json --dataset_name %q \\\n' "$binary" "$data"
printf '    %s --coupler_type GNN --checkpoint_dir runs --run_name quickstart-gnn\n' "${windows[*]}"
exit "$comparison"
