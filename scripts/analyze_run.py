#!/usr/bin/env python3
"""Draw what the graph of a run learned, and what its parts are worth."""

import argparse
import sys
from pathlib import Path

from hgnn_tools.command_line import add_run_folder, argument_parser, print_notes
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
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    add_run_folder(parser)
    return parser


def analyze(folder: Path) -> None:
    # Imported here so that --help needs no package.
    from hgnn_tools.analysis.run_analysis import PICTURES, write_ablation
    from hgnn_tools.run_folder import read_run
    from hgnn_tools.run_pictures import draw_pictures

    run = read_run(folder)
    print_notes(run.notes)
    for line in (*draw_pictures(run, PICTURES), *write_ablation(run)):
        print(line)


def main() -> None:
    analyze(build_parser().parse_args().run)


if __name__ == "__main__":
    sys.exit(run_script(main))
