"""Targets that are ratios of medians of one interleaved group; plain data, no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Group = Mapping[str, Any]  # as coupler_groups, kernel_groups and step_groups write them
Target = dict[str, Any]


def median_of(group: Group, call: str) -> float | None:
    entry = group["calls"].get(call)
    return entry["median_ms"] if entry else None


def fastest(group: Group, calls: Iterable[str]) -> str | None:
    """The name of the fastest of those calls that the group has."""
    present = [call for call in calls if call in group["calls"]]
    return min(present, key=lambda call: median_of(group, call) or 0.0, default=None)


def target(
    group: Group, what: str, kind: str, needed: float, ratio: str, measured: float | None
) -> Target:
    """`ratio` says in words what was measured. Kinds: at_least and at_most."""
    reached = None
    if measured is not None:
        measured = round(measured, 3)
        reached = measured >= needed if kind == "at_least" else measured <= needed
    return {
        "what": what,
        "group": group["id"],
        "ratio": ratio,
        "kind": kind,
        "needed": needed,
        "measured": measured,
        "reached": reached,
    }


def target_of_medians(
    group: Group, what: str, kind: str, needed: float, above: str | None, below: str
) -> Target:
    """The ratio of two medians, `above` / `below`; None where a call is missing."""
    numerator = median_of(group, above) if above else None
    denominator = median_of(group, below)
    measured = None
    if numerator is not None and denominator is not None:
        measured = numerator / denominator
    return target(group, what, kind, needed, f"{above} / {below}", measured)
