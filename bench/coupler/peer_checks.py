"""Whether the peers are as fast as they should be: a slow one would flatter us. Plain data.

The figures are those of the issue that asked for this benchmark, measured on two cores with
D = 384, G = 2, all_pairs, N = 2048 in fp32, scaled to this machine by what bare products and
memcpy take in the same round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from common.peer_check import peer_check
from common.ratios import Group, side_by_side

# milliseconds by experts
FORWARD = {
    "sequential": {4: 1488, 8: 1390},
    "pyg_original": {4: 113, 8: 346},
    "pyg_correct": {4: 109, 8: 535},
    "dense": {4: 27, 8: 46},
    "compiled": {4: 24, 8: 51},
}
FORWARD_BACKWARD = {
    "sequential": {4: 4391, 8: 7913},
    "pyg_original": {4: 2296, 8: 5972},
    "pyg_correct": {4: 280, 8: 2401},
    "dense": {4: 80, 8: 154},
    "compiled": {4: 94, 8: 151},
}
GNN_FORWARD_BACKWARD = {
    "pair_loop": {4: 312, 8: 2066},
    "dense": {4: 152, 8: 330},
    "compiled": {4: 159, 8: 293},
}
OPERATIONS = {"aten_bmm": {4: 1.4, 8: 1.6}, "aten_matmul": {4: 1.1, 8: 1.3}}
MEMCPY = {4: 0.5, 8: 1.0}
# The issue has no figure for bare products. What its fastest dense form leaves beside two P X by
# matmul bounds their time from above, so the scale is rather too small and the check too strict.
PRODUCTS_FORWARD = {4: 24 - 2 * 1.1, 8: 46 - 2 * 1.3}


def _figures(group: Group) -> Mapping[str, Mapping[int, float]]:
    forward = group["direction"] == "forward"
    if group["kind"] == "operations":
        return OPERATIONS if forward else {}
    if group["coupler"] == "GNN":
        return {} if forward else GNN_FORWARD_BACKWARD
    return FORWARD if forward else FORWARD_BACKWARD


def applies(group: Group, machine: Mapping[str, Any]) -> bool:
    """Whether the figures are about this group: the sizes, and two threads of a CPU."""
    return (
        machine["kind"] == "cpu"
        and machine["threads"] == 2
        and (group["kind"], group["memory"]) in (("coupler", "system"), ("operations", "kept"))
        and group["precision"] == "fp32"
        and group["dim"] == 384
        and group.get("layers", 2) == 2
        and group["tokens"] == 2048
        and group["experts"] in MEMCPY
    )


def times_and_scales(group: Group, call: str) -> list[tuple[float, float]]:
    """Milliseconds of the call in each round, and how much slower this machine was then than that
    of the figures: by bare products or by memcpy, whichever is more."""
    experts = group["experts"]
    if group["kind"] == "operations":
        return [(own, copy / MEMCPY[experts]) for own, copy in side_by_side(group, call, "memcpy")]
    gemm = "gemm_batched" if "gemm_batched" in group["calls"] else "gemm_gnn"
    theirs_ms = _products_ms(group, group["calls"][gemm]["flops"])
    return [
        (own, max(copy / MEMCPY[experts], products / theirs_ms))
        for own, copy, products in side_by_side(group, call, "memcpy_x", gemm)
    ]


def _products_ms(group: Group, flops: float) -> float:
    """Of bare products on the machine of the figures. Those of the GNN coupler are twice those of
    the HGNN one, without the combiner: they are compared by their FLOPs."""
    experts, dim, tokens = group["experts"], group["dim"], group["tokens"]
    flops_forward = 2 * (group["layers"] * experts + 1) * tokens * dim**2
    return flops * PRODUCTS_FORWARD[experts] / flops_forward


def check(groups: Iterable[Group], machine: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry for each figure that a group can be held against."""
    checks = []
    for group in groups:
        for call, figures in _figures(group).items() if applies(group, machine) else ():
            figure_ms = figures[group["experts"]]
            checks += peer_check(group, call, figure_ms, times_and_scales(group, call))
    return checks
