"""Whether the peers are as fast as they should be: a slow one would flatter us. Plain data.

The figures are those of the issue that asked for this benchmark, measured on two cores with
D = 384, G = 2, all_pairs, N = 2048 in fp32. A peer may take 1.2 times its figure, scaled to this
machine by what bare products and memcpy take in the same group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from common.ratios import Group, median_of

ALLOWED = 1.2
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


def scale_of(group: Group) -> float:
    """How much slower this machine is than that of the figures: by bare products or by memcpy,
    whichever is more. The products of the GNN coupler are twice those of the HGNN one, without
    the combiner: they are compared by their FLOPs."""
    experts = group["experts"]
    if group["kind"] == "operations":
        return (median_of(group, "memcpy") or 0.0) / MEMCPY[experts]
    by_memcpy = (median_of(group, "memcpy_x") or 0.0) / MEMCPY[experts]
    gemm = group["calls"].get("gemm_batched") or group["calls"]["gemm_gnn"]
    dim, tokens = group["dim"], group["tokens"]
    flops_forward = 2 * (group["layers"] * experts + 1) * tokens * dim**2
    their_flops_per_ms = flops_forward / PRODUCTS_FORWARD[experts]
    by_products = gemm["median_ms"] * their_flops_per_ms / gemm["flops"]
    return max(by_memcpy, by_products)


def check(groups: Iterable[Group], machine: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry for each figure that a group can be held against; `slow` says whether a peer is
    slower than it may be, which is a defect of the benchmark."""
    checks = []
    for group in groups:
        if not applies(group, machine):
            continue
        scale = scale_of(group)
        for call, figures in _figures(group).items():
            measured = median_of(group, call)
            if measured is None:
                continue
            limit = ALLOWED * scale * figures[group["experts"]]
            checks.append(
                {
                    "group": group["id"],
                    "peer": call,
                    "figure_ms": figures[group["experts"]],
                    "scale": round(scale, 3),
                    "limit_ms": round(limit, 3),
                    "measured_ms": measured,
                    "slow": measured > limit,
                }
            )
    return checks
