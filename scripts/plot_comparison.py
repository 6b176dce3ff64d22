#!/usr/bin/env python3
"""Draw what hgt_embed compare found out about runs."""

import argparse
import sys
from pathlib import Path

from hgnn_tools.command_line import argument_parser
from hgnn_tools.errors import run_script

DESCRIPTION = """\
Draws a comparison of hgt_embed compare, compare.json with curves.csv beside it:

  comparison.png  the loss by epoch and by time of training, mean of seeds with the lowest and the
                  highest, and the figure that decides of each run
"""

EXAMPLE = """\
example:
  build/release/bin/hgt_embed compare GRAPH --compare messages --run_name mine
  scripts/plot_comparison.py checkpoints/mine/compare.json

exit codes: 0 done, 2 usage, 3 unreadable comparison, 7 disk
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    parser.add_argument(
        "comparison", type=Path, metavar="COMPARE_JSON", help="in the folder of the comparison"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="default: comparison.png beside COMPARE_JSON"
    )
    return parser


def draw(comparison_path: Path, out: Path | None) -> None:
    # Imported here so that --help needs no package.
    from hgnn_tools.comparing.comparison import read_comparison
    from hgnn_tools.comparing.picture import draw_comparison

    comparison = read_comparison(comparison_path)
    path = out if out is not None else comparison_path.parent / "comparison.png"
    draw_comparison(comparison, path)
    print(path)


def main() -> None:
    arguments = build_parser().parse_args()
    draw(arguments.comparison, arguments.out)


if __name__ == "__main__":
    sys.exit(run_script(main))
