"""Ratios within one interleaved group, and targets that are such; plain data, no torch.

A ratio is taken in every round, of samples that ran seconds apart, and the median over the rounds
counts: a minute in which the machine is slower meets both sides of its rounds alike. The ratio of
two medians would compare different minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

Group = Mapping[str, Any]  # as coupler_groups, kernel_groups and step_groups write them
Target = dict[str, Any]
DIGITS = 6  # of a target's value: more than any page shows, which rounds once


def median_of(group: Group, call: str) -> float | None:
    """Milliseconds."""
    entry = group["calls"].get(call)
    return entry["median_ms"] if entry else None


def side_by_side(group: Group, *calls: str) -> list[tuple[float, ...]]:
    """Milliseconds of these calls, one entry for each round that all of them ran in: calls that run
    less often run in the last rounds (common.timing.interleave). Empty without one of them."""
    if any(call not in group["calls"] for call in calls):
        return []
    samples = [group["calls"][call]["samples_ms"] for call in calls]
    rounds = min(map(len, samples))
    return list(zip(*(own[len(own) - rounds :] for own in samples), strict=True))


def ratio_of(group: Group, above: str | None, below: str) -> float | None:
    """The median over rounds of the time of `above` over that of `below`; None without one."""
    rounds = side_by_side(group, above, below) if above else []
    return median(a / b for a, b in rounds) if rounds else None


def fastest(group: Group, calls: Iterable[str], below: str) -> str | None:
    """The name of that call of the group whose time over that of `below` is the least, by round;
    None without `below`."""
    ratios = {call: ratio_of(group, call, below) for call in calls}
    present = {call: ratio for call, ratio in ratios.items() if ratio is not None}
    return min(present, key=present.__getitem__, default=None)


def target(
    group: Group, what: str, kind: str, needed: float, ratio: str, measured: float | None
) -> Target:
    """`ratio` says in words what was measured. Kinds: at_least and at_most."""
    reached = None
    if measured is not None:
        measured = round(measured, DIGITS)
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


def target_of_ratio(
    group: Group, what: str, kind: str, needed: float, above: str | None, below: str
) -> Target:
    """About ratio_of(group, above, below)."""
    measured = ratio_of(group, above, below)
    return target(group, what, kind, needed, f"{above} / {below}", measured)
