#!/usr/bin/env python3
"""Write the report of a sweep."""

import argparse
import sys
from pathlib import Path

from hgnn_tools.command_line import add_loss_choice, argument_parser, print_notes
from hgnn_tools.errors import run_script

DESCRIPTION = """\
Writes the report of a sweep of hgnn_moe_train into SWEEP_DIR/report:

  report.html   one page with its pictures inside; needs no network and no JavaScript
  report.md     the same in Markdown, with the pictures in pictures/
  csv/          every table with all digits

For each question of the sweep file: means, standard deviations over seeds, 95 % intervals
and differences to the baseline, paired by seed where possible. Then loss against training time,
FLOPs and parameters, efficiency, expected figures, failures and left-out combinations. Works
on unfinished sweeps and says what is open.
"""

EXAMPLE = """\
example:
  scripts/report.py checkpoints/my_sweep

exit codes: 0 done, 2 usage, 3 unreadable sweep or run files, 7 disk
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    parser.add_argument("sweep", type=Path, metavar="SWEEP_DIR", help="checkpoint_dir/NAME")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write (default: SWEEP_DIR/report)"
    )
    add_loss_choice(parser)
    return parser


def report(folder: Path, out: Path, loss: str) -> None:
    # Imported here so that --help needs no package.
    from hgnn_tools.reporting.configurations import LOSSES
    from hgnn_tools.reporting.sweep_folder import read_sweep
    from hgnn_tools.reporting.sweep_report import build_report
    from hgnn_tools.reporting.write_report import write_report

    sweep = read_sweep(folder)
    document = build_report(sweep, LOSSES[loss])
    print_notes(document.warnings)
    print(write_report(document, out))


def main() -> None:
    args = build_parser().parse_args()
    report(args.sweep, args.out or args.sweep / "report", args.loss)


if __name__ == "__main__":
    sys.exit(run_script(main))
