"""What was promised of a layer of a heterogeneous graph transformer; plain data, no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.ratios import Group, target, target_of_ratio

# By the group's id: the peer, and how much faster than it a layer is to be.
SPEED = {
    "hetionet-four": ("torch_geometric", 30),
    "hetionet-all": ("plain", 1.5),
    "generated": ("plain", 6),
}
SHARE_OF_MEMORY = {"generated": 0.25}
NAMES = {"torch_geometric": "HGTConv of PyTorch Geometric", "plain": "plain PyTorch"}


def share_of_memory(group: Group, peer: str) -> float | None:
    """What our call needs at its peak over what the peer's does."""
    calls = group["calls"]
    if peer not in calls or "ours" not in calls:
        return None
    return calls["ours"]["peak_bytes"] / calls[peer]["peak_bytes"]


def verdicts(header: Mapping[str, Any], groups: Sequence[Group]) -> dict[str, Any]:
    """Every target of these groups; there are no figures for peers on other machines."""
    del header
    targets = []
    for group in groups:
        if group["id"] in SPEED:
            peer, needed = SPEED[group["id"]]
            what = f"against {NAMES[peer]}"
            targets.append(target_of_ratio(group, what, "at_least", needed, peer, "ours"))
        if group["id"] in SHARE_OF_MEMORY:
            targets.append(
                target(
                    group,
                    "peak memory against plain PyTorch's",
                    "at_most",
                    SHARE_OF_MEMORY[group["id"]],
                    "bytes of ours / bytes of plain",
                    share_of_memory(group, "plain"),
                )
            )
    return {"targets": targets, "peer_checks": []}
