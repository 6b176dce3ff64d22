"""What follows from a group's samples: tokens a second, rates, shares. Plain data."""

from __future__ import annotations

from common.ratios import Group, median_of, ratio_of


def is_largest(group: Group) -> bool:
    """Ours alone on the largest batch that fits, as measure_largest makes it."""
    return group.get("alone") == "largest"


def is_proportion(group: Group) -> bool:
    """Ours with many experts beside ours with few, as measure_proportion makes it."""
    return group.get("alone") == "proportion"


def gemm_call(call: str) -> str:
    """The step's bare products in the precision of a call named PEER@PRECISION."""
    return f"gemm@{call.partition('@')[2]}"


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
    """Needed FLOPs a second of a call over those of the bare products in its precision, by round.
    More than 1 is noise: in the middle round the products ran slower by themselves than within the
    step, whose FLOPs are nearly all theirs."""
    gemm = gemm_call(call)
    ratio = ratio_of(group, gemm, call)
    return ratio and group["needed_flops"] / group["calls"][gemm]["flops"] * ratio


def milliseconds_at(group: Group, call: str, gflops: float) -> float | None:
    """What the call would take where bare products run at `gflops` GFLOP/s, by round."""
    ratio = ratio_of(group, call, gemm_call(call))
    return ratio and ratio * group["calls"][gemm_call(call)]["flops"] / gflops / 1e6


def tokens_per_s(group: Group, call: str) -> float | None:
    """Of real text."""
    milliseconds = median_of(group, call)
    return 1e3 * group["tokens"] / milliseconds if milliseconds else None


def start_of(group: Group, call: str, name: str) -> float | None:
    """first_step_s, startup_s or peak_bytes of a call, where it has been measured."""
    return group["calls"].get(call, {}).get(name)
