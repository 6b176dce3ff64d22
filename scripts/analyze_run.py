#!/usr/bin/env python3
"""Draw what the graph of a run learned, and what its parts are worth."""

import argparse
import sys
from pathlib import Path

from hgnn_tools.errors import run_script

DESCRIPTION = """\
Draws into RUN_FOLDER/plots what the graph of a run of hgnn_moe_train learned:

  layer_evolution.png    over the steps, per layer: hyperedge weights and their gradient, mixing,
                         its second eigenvalue, Dirichlet energy, norms and similarity of experts
  expert_similarity.png  how alike the experts of each layer are, at the first and last record
  hypergraph.png         the hypergraph of each layer with its weights
  ablation.png           the loss that removing an expert, a hyperedge or the coupler adds, for all
                         targets and by frequency, position and place in the word

The last one needs RUN_FOLDER/ablation, which hgnn_moe_train --eval_only --ablate writes; its
numbers go into RUN_FOLDER/ablation/by_class.csv. What cannot be drawn is named, with what to do.
"""

EXAMPLE = """\
example:
  scripts/analyze_run.py checkpoints/my_run

exit codes: 0 done, 2 usage, 3 unreadable run files, 7 disk
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER", help="checkpoint_dir/run_name")
    return parser


def analyze(folder: Path) -> None:
    # Imported here so that --help needs no package.
    from hgnn_tools.analysis.run_analysis import draw_records, write_ablation
    from hgnn_tools.run_folder import read_run

    run = read_run(folder)
    for note in run.notes:
        print(f"note: {note}", file=sys.stderr)
    for line in (*draw_records(run), *write_ablation(run)):
        print(line)


def main() -> None:
    analyze(build_parser().parse_args().run)


if __name__ == "__main__":
    sys.exit(run_script(main))
