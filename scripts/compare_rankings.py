#!/usr/bin/env python3
"""Compare how runs of hgt_embed rank the triples that were held out."""

import argparse
import math
import sys
from pathlib import Path
from typing import Any

from hgnn_tools.command_line import argument_parser
from hgnn_tools.errors import EXIT_DATA, UserError, run_script
from hgnn_tools.run_folder import read_json_object

DESCRIPTION = """\
Prints MRR, Hits@1, Hits@3 and Hits@10 of the test triples for each run, filtered and over both
ends, with the verdict on its embeddings. With a target, says whether the first run reaches it;
with a limit, whether all others stay below.
"""

EXAMPLE = """\
example:
  scripts/compare_rankings.py runs/quickstart-hgt runs/quickstart-hgt-none \\
      --hits_at_10_of_first 0.9 --hits_at_10_of_others 0.3

exit codes: 0 done, 1 a target is missed, 2 usage, 3 unreadable files
"""

FIGURES = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN_FOLDER")
    parser.add_argument(
        "--relation",
        metavar="TITLE",
        help='of these triples alone, such as "(drug, indication, disease)" (default: all)',
    )
    parser.add_argument(
        "--hits_at_10_of_first",
        type=float,
        metavar="SHARE",
        help="target: the first run reaches at least this",
    )
    parser.add_argument(
        "--hits_at_10_of_others",
        type=float,
        metavar="SHARE",
        help="limit: all other runs reach at most this",
    )
    return parser


def figures_of(run: Path, relation: str | None) -> dict[str, Any]:
    """The test figures of a run and the verdict on its embeddings."""
    results = read_json_object(run / "run_summary.json").get("results") or {}
    test = results.get("test")
    if test is None:
        raise UserError(
            f"{run} has no test figures; let the run finish, with a test_fraction above 0",
            EXIT_DATA,
        )
    figures = test["micro"] if relation is None else test["relations"].get(relation)
    if figures is None:
        raise UserError(
            f"{run} ranked no triples of '{relation}'; it ranked "
            + ", ".join(f"'{title}'" for title in test["relations"]),
            EXIT_DATA,
        )
    return figures | {"verdict": results.get("embeddings", {}).get("verdict", "")}


def print_table(runs: list[Path], rows: list[dict[str, Any]]) -> None:
    width = max(len(run.name) for run in runs)
    print(f"{'':<{width}}" + "".join(f"{name:>12}" for name in FIGURES) + "   ranks  embeddings")
    for run, row in zip(runs, rows, strict=True):
        numbers = "".join(f"{value_of(row, name):>12.4f}" for name in FIGURES)
        print(f"{run.name:<{width}}{numbers}{row['ranks']:>8}  {row['verdict']}")


def value_of(row: dict[str, Any], name: str) -> float:
    return math.nan if row[name] is None else row[name]


def misses_of(runs: list[Path], rows: list[dict[str, Any]], args: argparse.Namespace) -> list[str]:
    """A sentence for each target that is missed; a figure that does not exist misses it."""
    misses = []
    for index, (run, row) in enumerate(zip(runs, rows, strict=True)):
        hits = value_of(row, "hits_at_10")
        least = args.hits_at_10_of_first if index == 0 else None
        most = args.hits_at_10_of_others if index > 0 else None
        if least is not None and not hits >= least:
            misses.append(f"Hits@10 of {run.name} is {hits:.3f}, wanted at least {least:g}")
        if most is not None and not hits <= most:
            misses.append(f"Hits@10 of {run.name} is {hits:.3f}, wanted at most {most:g}")
    return misses


def main() -> None:
    args = build_parser().parse_args()
    rows = [figures_of(run, args.relation) for run in args.runs]
    print_table(args.runs, rows)
    misses = misses_of(args.runs, rows, args)
    if misses:
        raise UserError("; ".join(misses), 1)


if __name__ == "__main__":
    sys.exit(run_script(main))
