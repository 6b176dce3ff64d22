#!/usr/bin/env python3
"""Write the report of a sweep."""

import argparse
import sys
from pathlib import Path

from hgnn_tools.command_line import add_loss_choice, argument_parser, print_notes
from hgnn_tools.errors import EXIT_USAGE, UserError, run_script

DESCRIPTION = """\
Writes the report of a sweep of hgnn_moe_train into SWEEP_DIR/report:

  report.html   one page with its pictures inside; needs no network and no JavaScript
  report.md     the same in Markdown, with the pictures in pictures/
  csv/          every table with all digits

For each question of the sweep file: means, standard deviations over seeds, 95 % intervals
and differences to the baseline, paired by seed where possible. Then loss against training time,
FLOPs and parameters, efficiency, expected figures, failures and left-out combinations. Works
on unfinished sweeps and says what is open. Several folders are parts of one sweep, run on several
machines or days, which the report takes together.
"""

EXAMPLE = """\
examples:
  scripts/report.py checkpoints/my_sweep
  scripts/report.py checkpoints/my_sweep --keep results/my_sweep
  scripts/report.py results/my_sweep checkpoints/my_sweep --keep results/my_sweep
  scripts/report.py results/my_sweep --into results.md

exit codes: 0 done, 2 usage, 3 unreadable sweep or run files, 7 disk
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    parser.add_argument(
        "sweeps",
        type=Path,
        nargs="+",
        metavar="SWEEP_DIR",
        help="checkpoint_dir/NAME, or what --keep wrote; several are parts of one sweep",
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where to write (default: report in the first SWEEP_DIR)",
    )
    target.add_argument(
        "--into",
        type=Path,
        metavar="PAGE",
        help="put the Markdown into this page instead, between the lines '<!-- report of NAME:"
        " begin -->' and '<!-- report of NAME: end -->', NAME being the sweep's; pictures go into"
        " a folder named like the page",
    )
    target.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="write no report but what is needed to make it without the folders of the runs: DIR"
        " is then a SWEEP_DIR of a few hundred kilobytes; it may be one of those that are read",
    )
    parser.add_argument(
        "--no_pictures",
        action="store_true",
        help="tables alone: the pictures of a large sweep are a megabyte, and drawing them takes"
        " most of the time",
    )
    parser.add_argument(
        "--no_times",
        action="store_true",
        help="leave out what runs took, which means nothing where they shared their cores with"
        " other work; with --keep for good",
    )
    add_loss_choice(parser)
    return parser


def report(args: argparse.Namespace) -> Path:
    # Imported here so that --help needs no package.
    from hgnn_tools.reporting.configurations import LOSSES
    from hgnn_tools.reporting.joined_sweep import join_sweeps, notes_on_parts
    from hgnn_tools.reporting.kept_sweep import keep_sweep
    from hgnn_tools.reporting.run_tables import runs_csv
    from hgnn_tools.reporting.sweep_folder import read_sweep, without_times
    from hgnn_tools.reporting.sweep_report import build_report
    from hgnn_tools.reporting.sweep_warnings import warnings_on
    from hgnn_tools.reporting.write_report import write_into_page, write_report

    if args.keep:
        refuse_options_of_reports(args)
    parts = [read_sweep(folder) for folder in args.sweeps]
    sweep = join_sweeps(parts)
    print_notes(notes_on_parts(parts))
    if args.no_times:
        sweep = without_times(sweep)
    print_notes(warnings_on(sweep))
    if args.keep:
        return keep_sweep(sweep, runs_csv, args.keep)
    document = build_report(sweep, LOSSES[args.loss], draws=not args.no_pictures)
    if args.into:
        return write_into_page(document, sweep.name, args.into)
    return write_report(document, args.out or args.sweeps[0] / "report")


def refuse_options_of_reports(args: argparse.Namespace) -> None:
    """A kept sweep has both losses and no picture."""
    given = {"--no_pictures": args.no_pictures, "--loss final": args.loss == "final"}
    for option, is_given in given.items():
        if is_given:
            raise UserError(
                f"{option} says nothing beside --keep, which writes no report; leave it out, and"
                " give it when you write the report of what is kept",
                EXIT_USAGE,
            )


def main() -> None:
    print(report(build_parser().parse_args()))


if __name__ == "__main__":
    sys.exit(run_script(main))
