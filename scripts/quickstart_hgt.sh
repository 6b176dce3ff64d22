#!/usr/bin/env bash
# From a fresh clone to embeddings of a knowledge graph: sets up, builds, trains with messages and
# without, compares, validates, predicts and draws.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/quickstart_hgt.sh [--out FOLDER] [--config FILE] [--short] [GRAPH]

Trains embeddings of a graph with a heterogeneous graph transformer, and once more without messages
as a control, and shows what each recovered of the triples that were held out. Without GRAPH the
graph is a generated one in which a drug treats what its targets cause. Runs in the output folder
are replaced.

  GRAPH          PrimeKG's kg.csv, Hetionet's .sif or .sif.gz beside nodes.tsv, triples, or a folder
                 with one of them
  --out FOLDER   for the generated graph, the runs and the pictures (default: runs/quickstart-hgt,
                 with --short runs/quickstart-hgt-short)
  --config FILE  options of hgt_embed train as JSON (default: configs/quickstart_hgt.json, with
                 GRAPH configs/quickstart_hgt_graph.json)
  --short        an epoch, to see that everything works; it learns nothing, so that collapsed
                 embeddings are no failure

Exit codes: 0 done, 1 the held-out treatments of the generated graph were not recovered, 9 the
            embeddings have collapsed, others as those of hgt_embed.
END
}

# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib/common.sh"

out=''
config=''
graph=''
short=false
while (($# > 0)); do
  case $1 in
    --out | --config)
      [[ -n ${2:-} ]] || die 2 "$1 has no value: give it a path."
      # Relative to where the script was called from.
      if [[ $1 == --out ]]; then out=$(realpath -m -- "$2"); else config=$(realpath -m -- "$2"); fi
      shift
      ;;
    --short) short=true ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*) die 2 "unknown argument '$1': see scripts/quickstart_hgt.sh --help." ;;
    *)
      [[ -n $1 ]] || die 2 "the graph is an empty name: give a file or a folder."
      [[ -z $graph ]] || die 2 "'$graph' and '$1' are two graphs: give one."
      graph=$(realpath -m -- "$1")
      ;;
  esac
  shift
done
[[ -z $graph || -e $graph ]] || die 3 "there is no '$graph': give a graph's file or folder."
[[ -z $config || -f $config ]] || die 2 "there is no '$config': give a JSON file of options."

cd -- "$root"
binary=build/release/bin/hgt_embed
training=()
question=()
targets=()
comparison=()
asking=()
if [[ -n $graph ]]; then
  config=${config:-configs/quickstart_hgt_graph.json}
  # Held-out triples of files join all nodes.
  for part in "$graph"/train.{txt,tsv}; do
    [[ ! -e $part ]] || training+=(--limit_nodes -1)
  done
else
  config=${config:-configs/quickstart_hgt.json}
  treatment='(drug, indication, disease)'
  comparison=(--relation "$treatment")
  question=(--head DB14 --relation "$treatment") # one of the new drugs, with seed 42
fi
if $short; then
  out=${out:-runs/quickstart-hgt-short}
  training+=(--num_epochs 1)
else
  out=${out:-runs/quickstart-hgt}
  [[ -n $graph ]] || targets=(--hits_at_10_of_first 0.9 --hits_at_10_of_others 0.3)
fi

step() { printf '\n=== %s\n' "$*"; }

train() { # RUN_NAME CONFIG [OPTION...]
  local name=$1 options=$2
  shift 2
  "$binary" train "$graph" --config "$options" "${training[@]}" --checkpoint_dir "$out" \
    --run_name "$name" --overwrite "$@"
  runs+=("$out/$name")
}

step 'Set-up and build'
python=$(scripts/bootstrap.sh --print-python)
build_preset release hgt_embed generate_graph

mkdir -p -- "$out"
runs=()
if [[ -z $graph ]]; then
  step 'Graph: drugs treat what their targets cause'
  graph=$out/kg.csv
  build/release/bin/generate_graph mechanism "$graph"
  echo "$graph"
fi

step 'Training'
train messages "$config"

step 'Control: the same without messages'
train no-messages "$config" --messages none

step 'What was recovered of the held-out triples'
missed=0
"$python" scripts/compare_rankings.py "${runs[@]}" "${comparison[@]}" "${targets[@]}" || missed=$?

step 'The same against degrees'
"$binary" evaluate "$out/messages" --json "$out/evaluation.json"

step 'Whether the embeddings have collapsed'
verdict=0
"$binary" validate "$out/messages/embeddings.safetensors" --json "$out/validation.json" ||
  verdict=$?
# 8 and 9 are verdicts: suspect and collapsed.
((verdict == 0 || verdict == 8 || verdict == 9)) || exit "$verdict"

step 'Plots'
"$python" scripts/plot_embeddings.py "$out/validation.json" --out "$out/plots"

# After an epoch the embeddings have hardly begun to differ.
if $short; then
  verdict=0
  asking=(--ignore_verdict)
fi
if ((verdict != 9)); then
  step 'What may complete a triple'
  if ((${#question[@]} == 0)); then
    mapfile -t question < <("$python" scripts/example_question.py "$out/messages")
  fi
  printf '%s %s %s %s\n' "${question[@]}"
  "$binary" predict "$out/messages" "${question[@]}" --top 10 "${asking[@]}"
fi

step "Next, in $root"
printf 'Ask something else (the names of relations are in the log, %q):\n' "$out/messages/train.log"
printf '  %s predict %q --head ENTITY --relation RELATION\n' "$binary" "$out/messages"
printf 'Embeddings for other programs:\n  %q\n' "$out/messages/embeddings.safetensors"
printf 'Every option of training:\n  %s train --help\n' "$binary"
((missed == 0)) || exit "$missed"
((verdict != 9)) || exit "$verdict"
