"""Writes the tables of docs/performance.md from bench/results/*.json; the other text stays.

The files' own verdicts (targets, slow peers) are written again from their samples too, so that both
follow what bench promises and how it takes ratios today.

python bench/render_performance.py [--check] [--results FOLDER] [--page FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
import sys
from typing import Any

from common import tables as common_tables
from common.ratios import Group
from common.result_files import load, save
from common.tools import EXIT_DATA, UserError, replace_between_marks, run_script
from coupler import tables as coupler_tables
from coupler import verdicts as coupler_verdicts
from hgt import tables as hgt_tables
from hgt import targets as hgt_targets
from precision import curves
from precision import tables as precision_tables
from step import tables as step_tables
from step import verdicts as step_verdicts

REPOSITORY = Path(__file__).resolve().parents[1]
Results = Mapping[str, Any]


def coupler_section(results: Results) -> list[str]:
    """Everything about one device's couplers."""
    groups = results["groups"]

    def of_kind(kind: str) -> list[Mapping[str, Any]]:
        return [g for g in groups if g["kind"] == kind]

    tables = coupler_tables
    lines = common_tables.heading(results)
    lines += ["#### Whole couplers", "", *tables.coupler_tables(of_kind("coupler"))]
    lines += tables.product_tables(of_kind("coupler"))
    lines += tables.precision_table(of_kind("precision"))
    lines += ["#### Bare operations", "", *tables.operation_tables(of_kind("operations"))]
    lines += ["#### Targets", "", *tables.target_tables(results["targets"])]
    return lines + common_tables.slow_peers(results["peer_checks"])


def step_section(results: Results) -> list[str]:
    """Everything about one device's training steps, or about their growth."""
    tables = step_tables.scale_tables if results["benchmark"] == "step_scale" else (
        step_tables.step_tables
    )
    lines = [*common_tables.heading(results), *tables(results["groups"])]
    lines += ["#### Targets", "", *common_tables.target_list(results["targets"])]
    if results["benchmark"] == "step":
        lines += common_tables.slow_peers(results["peer_checks"])
    return lines


def precision_section(results: Results) -> list[str]:
    """What bf16 changes in the losses of one device."""
    (group,) = results["groups"]
    lines = [*common_tables.heading(results), *precision_tables.curve_table(group)]
    return [*lines, "#### Targets", "", *common_tables.target_list(results["targets"])]


def hgt_section(results: Results) -> list[str]:
    """Everything about one device's layers of a heterogeneous graph transformer."""
    lines = [*common_tables.heading(results), *hgt_tables.layer_tables(results["groups"])]
    return [*lines, "#### Targets", "", *common_tables.target_list(results["targets"])]


@dataclass(frozen=True)
class Section:
    """One benchmark: its part of the page, what its samples say, and how to measure it."""

    render: Callable[[Results], list[str]]
    verdicts: Callable[[Results, Sequence[Group]], dict[str, Any]]
    command: str


# By the name that the page's markers, the files and `scripts/bench.sh` have in common.
SECTIONS = {
    "step": Section(step_section, step_verdicts.verdicts, "scripts/bench.sh step"),
    "step_scale": Section(step_section, step_verdicts.verdicts, "scripts/bench.sh step --scale"),
    "precision": Section(precision_section, curves.verdicts, "scripts/bench.sh precision"),
    "hgt": Section(hgt_section, hgt_targets.verdicts, "scripts/bench.sh hgt"),
    "coupler": Section(coupler_section, coupler_verdicts.verdicts, "scripts/bench.sh coupler"),
}


def markers(name: str) -> tuple[str, str]:
    return f"<!-- {name} results: begin -->", f"<!-- {name} results: end -->"


def render(name: str, all_results: list[Results]) -> str:
    """What stands between the markers."""
    section = SECTIONS[name]
    if not all_results:
        return f"No results yet: run `{section.command}`.\n"
    ordered = sorted(all_results, key=lambda r: (r["machine"]["kind"], r["machine"]["device"]))
    lines = [line for results in ordered for line in section.render(results)]
    return "\n".join(lines).rstrip() + "\n"


def read_results(folder: Path, name: str) -> dict[Path, Results]:
    """Of that benchmark, as they are."""
    return {path: load(path) for path in sorted(folder.glob(f"{name}-*.json"))}


def judged_again(name: str, results: Results) -> Results:
    return {**results, **SECTIONS[name].verdicts(results, results["groups"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; 3 if it would")
    parser.add_argument("--results", type=Path, default=REPOSITORY / "bench/results")
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs/performance.md")
    arguments = parser.parse_args()
    try:
        page = arguments.page.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{arguments.page} cannot be read: {error.strerror}", EXIT_DATA) from error
    new, changed = page, {}
    for name in SECTIONS:
        files = read_results(arguments.results, name)
        judged = {path: judged_again(name, results) for path, results in files.items()}
        changed |= {path: judged[path] for path in files if judged[path] != files[path]}
        content = render(name, list(judged.values()))
        new = replace_between_marks(new, markers(name), content, arguments.page)
    if arguments.check and (new != page or changed):
        stale = [arguments.page] * (new != page) + list(changed)
        raise UserError(
            f"{', '.join(map(str, stale))} does not follow from the samples: run"
            " bench/render_performance.py",
            EXIT_DATA,
        )
    if not arguments.check:
        for path, results in changed.items():
            save(results, path)
        arguments.page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run_script(main))
