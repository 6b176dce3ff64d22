#!/usr/bin/env python3
"""Draw the pictures of a run."""

import argparse
import sys
from pathlib import Path

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
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER", help="checkpoint_dir/run_name")
    return parser


def draw(folder: Path) -> None:
    # Imported here so that --help needs no package.
    from hgnn_tools.plot_experts import draw_experts, reason_for_no_picture
    from hgnn_tools.plot_training import draw_training
    from hgnn_tools.run_folder import read_run

    run = read_run(folder)
    for note in run.notes:
        print(f"note: {note}", file=sys.stderr)
    training, experts = (
        folder / "plots" / name for name in ("training_results.png", "expert_connectivity.png")
    )
    draw_training(run, training)
    print(training)
    reason = reason_for_no_picture(run)
    if reason is None:
        draw_experts(run, experts)
        print(experts)
    else:
        # One of an earlier run in this folder would mislead.
        experts.unlink(missing_ok=True)
        print(f"no {experts.name}: {reason}")


def main() -> None:
    draw(build_parser().parse_args().run)


if __name__ == "__main__":
    sys.exit(run_script(main))
