"""What follows from a group's medians: tokens a second, rates, shares. Plain data."""

from __future__ import annotations

from common.ratios import Group, median_of


def gemm_rate(group: Group, precision: str) -> float | None:
    """GFLOP/s of the step's bare products, in the group's minutes."""
    call = f"gemm@{precision}"
    milliseconds = median_of(group, call)
    return group["calls"][call]["flops"] / milliseconds / 1e6 if milliseconds else None


def needed_rate(group: Group, call: str) -> float | None:
    """Needed GFLOPs of a step over its time, in GFLOP/s."""
    milliseconds = median_of(group, call)
    return group["needed_flops"] / milliseconds / 1e6 if milliseconds else None


def share_of_gemm_rate(group: Group, call: str) -> float | None:
    """Of a call named PEER@PRECISION, in its own precision."""
    needed, bare = needed_rate(group, call), gemm_rate(group, call.partition("@")[2])
    return needed / bare if needed and bare else None


def tokens_per_s(group: Group, call: str) -> float | None:
    """Of real text."""
    milliseconds = median_of(group, call)
    return 1e3 * group["tokens"] / milliseconds if milliseconds else None


def start_of(group: Group, call: str, name: str) -> float | None:
    """first_step_s, startup_s or peak_bytes of a call, where it has been measured."""
    return group["calls"].get(call, {}).get(name)
