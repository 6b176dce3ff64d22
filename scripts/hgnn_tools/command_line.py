"""What the command lines of several scripts have in common; --help imports nothing else."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path


def argument_parser(description: str, epilog: str) -> argparse.ArgumentParser:
    """Shows both texts with the lines they have, and takes no abbreviated option."""
    return argparse.ArgumentParser(
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_run_folder(parser: argparse.ArgumentParser) -> None:
    """`run`, the folder of a run."""
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER", help="checkpoint_dir/run_name")


def add_loss_choice(parser: argparse.ArgumentParser) -> None:
    """`--loss`, a key of reporting.configurations.LOSSES."""
    parser.add_argument(
        "--loss",
        choices=("best", "final"),
        default="best",
        help="the lowest evaluation loss of a run, or that at its end (default: best)",
    )


def print_notes(notes: Iterable[str]) -> None:
    """What a user should know beside the result, on standard error."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
