#!/usr/bin/env python3
"""Draw the pictures of a run."""

import argparse
import sys
from pathlib import Path

from hgnn_tools.command_line import add_run_folder, argument_parser, print_notes
from hgnn_tools.errors import run_script

DESCRIPTION = """\
Draw the pictures of a run of hgnn_moe_train into RUN_FOLDER/plots:

  training_results.png     training and evaluation loss, learning rate, gradient norm, throughput
  expert_connectivity.png  per layer, the mixing matrix between experts at the first and the last
                           record, with the hyperedge weights over time (HGNN) or the adjacency
                           (GNN); not drawn, and why is said, where there is no graph

Works on finished, running, stopped and diverged runs.
"""

EXAMPLE = """\
example:
  scripts/plot_run.py checkpoints/my_run

exit codes: 0 done, 2 usage, 3 unreadable run files, 7 disk
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    add_run_folder(parser)
    return parser


def draw(folder: Path) -> None:
    # Imported here so that --help needs no package.
    from hgnn_tools.plot_experts import draw_experts, reason_for_no_picture
    from hgnn_tools.plot_training import draw_training
    from hgnn_tools.run_folder import read_run
    from hgnn_tools.run_pictures import draw_pictures

    run = read_run(folder)
    print_notes(run.notes)
    pictures = {
        "training_results.png": (lambda run: None, draw_training),
        "expert_connectivity.png": (reason_for_no_picture, draw_experts),
    }
    for line in draw_pictures(run, pictures):
        print(line)


def main() -> None:
    draw(build_parser().parse_args().run)


if __name__ == "__main__":
    sys.exit(run_script(main))
