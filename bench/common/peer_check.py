"""Whether a peer is as fast as a figure that this project started from; plain data.

A slow peer would flatter us. A peer may take 1.2 times its figure, scaled to this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from common.ratios import Group, median_of

ALLOWED = 1.2


def peer_check(
    group: Group, call: str, figure_ms: float, beside: Sequence[tuple[float, float]]
) -> list[dict[str, Any]]:
    """What the results hold of a call; nothing without a round. `beside` has, for each round, the
    call's milliseconds and how much slower this machine was then than that of the figure.
    `of_limit` is the median over rounds of the time over what it may be; `slow`, a defect of the
    benchmark, is more than 1."""
    if not beside:
        return []
    of_limit = median(own / (ALLOWED * scale * figure_ms) for own, scale in beside)
    return [
        {
            "group": group["id"],
            "peer": call,
            "figure_ms": round(figure_ms, 1),
            "measured_ms": median_of(group, call),
            "of_limit": round(of_limit, 3),
            "slow": of_limit > 1,
        }
    ]
