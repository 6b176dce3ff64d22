"""Writes the tables of docs/performance.md from bench/results/*.json; the other text stays.

python bench/render_performance.py [--check] [--results FOLDER] [--page FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
import json
from pathlib import Path
import sys
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))

from hgnn_tools.errors import EXIT_DATA, UserError, run_script  # noqa: E402
import performance_tables as tables  # noqa: E402

BEGIN, END = "<!-- coupler results: begin -->", "<!-- coupler results: end -->"
Results = Mapping[str, Any]


def section(results: Results) -> list[str]:
    """Everything about one device."""
    machine, versions = results["machine"], results["versions"]
    groups = results["groups"]

    def of_kind(kind: str) -> list[Mapping[str, Any]]:
        return [g for g in groups if g["kind"] == kind]

    threads = "" if machine["kind"] == "gpu" else f", threads: {machine['threads']}"
    lines = [
        f"### {machine['device']}{threads}",
        "",
        f"`{results['command']}` on {results['started'][:10]} at commit `{results['commit']}`;"
        f" torch {versions['torch']}, torch_geometric {versions['torch_geometric']}, Python"
        f" {versions['python']}; instruction sets: {', '.join(machine['instruction_sets'])}.",
        "",
    ]
    if results["ours"] != "measured":
        lines += [f"Our side is missing: {results['ours']}.", ""]
    lines += ["#### Whole couplers", "", *tables.coupler_tables(of_kind("coupler"))]
    lines += tables.precision_table(of_kind("precision"))
    lines += ["#### Bare operations", "", *tables.operation_tables(of_kind("operations"))]
    lines += ["#### Targets", "", *tables.target_tables(results["targets"])]
    return lines + tables.slow_peers(results["peer_checks"])


def render(all_results: list[Results]) -> str:
    """What stands between the markers."""
    if not all_results:
        return "No results yet: run `scripts/bench.sh coupler`.\n"
    ordered = sorted(all_results, key=lambda r: (r["machine"]["kind"], r["machine"]["device"]))
    lines = [line for results in ordered for line in section(results)]
    return "\n".join(lines).rstrip() + "\n"


def replace_between_markers(page: str, content: str) -> str:
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"the page has no '{BEGIN}' with '{END}' after it: add both", EXIT_DATA)
    return f"{before}{BEGIN}\n\n{content}\n{END}{after}"


def read_results(folder: Path) -> list[Results]:
    results = []
    for path in sorted(folder.glob("coupler-*.json")):
        try:
            results.append(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise UserError(
                f"{path} is no JSON ({error}): measure again or remove it", EXIT_DATA
            ) from error
    return results


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
    new = replace_between_markers(page, render(read_results(arguments.results)))
    if arguments.check and new != page:
        raise UserError(
            f"{arguments.page} does not hold the results: run bench/render_performance.py",
            EXIT_DATA,
        )
    if not arguments.check:
        arguments.page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run_script(main))
