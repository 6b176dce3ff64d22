#!/usr/bin/env python3
"""Say whether runs differ by more than their seeds do."""

import argparse
import sys
from pathlib import Path

from hgnn_tools.command_line import add_loss_choice, argument_parser, print_notes
from hgnn_tools.errors import run_script

DESCRIPTION = """\
Overlays the learning curves of runs of hgnn_moe_train in one picture and prints a table that
says whether their losses differ by more than seed noise.

Each argument is a run folder, a sweep folder or a quoted pattern of run folders. Runs that differ
in their seed alone form a group. Every group is compared with the first one: paired by seed where
two seeds are in both, else with Welch's interval. Two sweeps are compared setting by setting.
Single runs tell nothing about noise; --noise takes it from a sweep with several seeds.
"""

EXAMPLE = """\
examples:
  scripts/compare_runs.py checkpoints/gnn checkpoints/hgnn --noise checkpoints/my_sweep
  scripts/compare_runs.py 'checkpoints/gnn-seed-*' 'checkpoints/hgnn-seed-*'

exit codes: 0 done, 2 usage, 3 unreadable run or sweep files, 7 disk
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    add = parser.add_argument
    add("runs", nargs="+", metavar="RUNS", help="a run folder, a sweep folder or a pattern")
    add("--noise", type=Path, metavar="SWEEP_DIR", help="a sweep that tells the noise of seeds")
    add(
        "--out",
        type=Path,
        default=Path("comparison.png"),
        metavar="FILE",
        help="the picture (default: comparison.png)",
    )
    add_loss_choice(parser)
    return parser


def compare(args: argparse.Namespace) -> None:
    # Imported here so that --help needs no package.
    from hgnn_tools.reporting.configurations import LOSSES
    from hgnn_tools.reporting.group_comparison import comparison_table, draw_comparison, noise_of
    from hgnn_tools.reporting.run_groups import doubts, read_groups
    from hgnn_tools.reporting.sweep_folder import read_sweep
    from hgnn_tools.tables import to_markdown

    key = LOSSES[args.loss]
    noise = noise_of(read_sweep(args.noise), key) if args.noise else None
    groups = read_groups(args.runs, key)
    print_notes(doubts(groups))
    print(to_markdown(comparison_table(groups, noise)))
    if draw_comparison(groups, args.out):
        print(args.out)
    else:
        print(f"no {args.out.name}: no run has an evaluation")


def main() -> None:
    compare(build_parser().parse_args())


if __name__ == "__main__":
    sys.exit(run_script(main))
