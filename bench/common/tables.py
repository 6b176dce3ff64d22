"""Markdown that the pages of both benchmarks are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SIGNS = {"at_least": "≥", "at_most": "≤"}


def table(header: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def three_digits(value: float | None) -> str:
    """No exponent; a dash for what was not measured."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def unique(values: Iterable[Any]) -> list[Any]:
    """Each once, in the order they came."""
    return list(dict.fromkeys(values))


def heading(results: Mapping[str, Any]) -> list[str]:
    """The device, how it was measured, and whether our side is there."""
    machine, versions = results["machine"], results["versions"]
    threads = "" if machine["kind"] == "gpu" else f", threads: {machine['threads']}"
    lines = [
        f"### {machine['device']}{threads}",
        "",
        f"{', '.join(_runs(results))}; torch {versions['torch']}, torch_geometric"
        f" {versions['torch_geometric']}, Python {versions['python']}; instruction sets:"
        f" {', '.join(machine['instruction_sets'])}.",
        "",
    ]
    if results["ours"] != "measured":
        lines += [f"Our side is missing: {results['ours']}.", ""]
    return lines


def target_list(targets: list[Mapping[str, Any]]) -> list[str]:
    """One line a target, by group."""
    lines: list[str] = []
    for group in unique(target["group"] for target in targets):
        lines += [f"`{group}`:", ""]
        lines += [_target_line(target) for target in targets if target["group"] == group]
        lines.append("")
    return lines


def _target_line(target: Mapping[str, Any]) -> str:
    verdict = {True: "reached", False: "**not reached**", None: "*open*"}[target["reached"]]
    measured = "–" if target["measured"] is None else f"{target['measured']:.2f}"
    why = f" ({target['why']})" if target.get("why") else ""
    bound = f"{SIGNS[target['kind']]} {target['needed']}"
    return f"- {verdict}: {target['what']}: {measured}, needed {bound}{why}"


def _runs(results: Mapping[str, Any]) -> list[str]:
    """The runs that measured its groups: one, or several where each says its own."""
    return unique(_run(group.get("run", results)) for group in results["groups"])


def _run(run: Mapping[str, Any]) -> str:
    words = [f"`{run['command']}` on {run['started'][:10]} at commit `{run['commit']}`"]
    if "method" in run:
        words.append(f"{run['method']['rounds']} rounds")
    words += [f"{name}={value}" for name, value in run["environment"].items()]
    return f"{words[0]} ({', '.join(words[1:])})" if len(words) > 1 else words[0]


def slow_peers(checks: list[Mapping[str, Any]]) -> list[str]:
    slow = [check for check in checks if check["slow"]]
    if not checks:
        return ["There are no figures for peers on such a machine.", ""]
    if not slow:
        return [f"All {len(checks)} peers that have a figure are as fast as it allows.", ""]
    items = [
        f"- `{c['peer']}` of `{c['group']}`: {c['measured_ms']} ms, {c['of_limit']:.2f} times"
        " what it may take"
        for c in slow
    ]
    first = "Slower than 1.2 times their scaled figures, which is a defect of this benchmark:"
    return [first, "", *items, ""]
