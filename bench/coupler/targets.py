"""What was promised of the couplers, and which of it a run reached; plain data, no torch.

The promises are ratios within one interleaved group, so that they mean the same on any machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from common.ratios import Group, fastest, ratio_of
from common.ratios import target_of_ratio as _target

TORCH_FORMS = ("dense", "dense_matmul", "compiled")
TORCH_READOUT_FORMS = ("dense_readout", "compiled_readout")


@dataclass(frozen=True)
class Layered:
    """A coupler whose layers are computed one by one: ours, PyTorch's forms and bare products."""

    name: str
    ours: str
    torch_forms: tuple[str, ...]
    products: str
    limit: float  # of ours over the bare products


LAYERED = {
    "HGNN": (
        Layered("batched", "ours_batched", TORCH_FORMS, "gemm_batched", 1.2),
        Layered(
            "batched, mean read out", "ours_readout", TORCH_READOUT_FORMS, "gemm_readout", 1.3
        ),
    ),
    "GNN": (Layered("GNN", "ours", TORCH_FORMS, "gemm_gnn", 1.2),),
}
OWN_OPERATIONS = (
    "expert_mix",
    "hypergraph_conv",
    "hypergraph_conv_per_token",
    "gnn_message",
)
LARGE_BYTES = 400_000_000
DIM = 384
PER_TOKEN = "default path against one call a token"


def _faster_than_torch(group: Group, needed: float, forms: tuple[str, ...], own: str, what: str):
    return _target(group, what, "at_least", needed, fastest(group, forms, own), own)


def _default_on_cpu(group: Group) -> list[dict[str, Any]]:
    targets = []
    if group["direction"] == "forward_backward":
        pyg, torch_form = {4: (10, 3), 8: (60, 6)}[group["experts"]]
        targets = [
            _target(
                group,
                PER_TOKEN,
                "at_least",
                150,
                "sequential",
                "ours_default",
            ),
            _target(
                group,
                "default path against PyG's correct batch",
                "at_least",
                pyg,
                "pyg_correct",
                "ours_default",
            ),
            _faster_than_torch(
                group,
                torch_form,
                TORCH_FORMS,
                "ours_default",
                "default path against the best PyTorch form",
            ),
        ]
    return targets


def _layered_on_cpu(group: Group) -> list[dict[str, Any]]:
    targets = []
    for form in LAYERED[group["coupler"]]:
        best, bare = "against the best PyTorch form", "against its bare products"
        targets += [
            _faster_than_torch(group, 1.1, form.torch_forms, form.ours, f"{form.name}, {best}"),
            _target(
                group, f"{form.name}, {bare}", "at_most", form.limit, form.ours, form.products
            ),
        ]
    return targets


def _on_gpu(group: Group) -> list[dict[str, Any]]:
    compiled = "against torch.compile"
    if group["coupler"] == "GNN":
        return [_target(group, f"GNN, {compiled}", "at_least", 1.1, "compiled", "ours")]
    return [
        _target(
            group, f"default path, {compiled}", "at_least", 3, "compiled", "ours_default"
        ),
        _target(group, f"batched, {compiled}", "at_least", 1.1, "compiled", "ours_batched"),
    ]


def bandwidth_share(group: Group, call: str) -> float | None:
    """Bytes that a call must move over its time, as a share of memcpy's, by round."""
    ratio = ratio_of(group, "memcpy", call)
    calls = group["calls"]
    return ratio and calls[call]["bytes"] / calls["memcpy"]["bytes"] * ratio


def _operations(group: Group, needed: float) -> list[dict[str, Any]]:
    """Only X and Y of 400 MB count: smaller ones may stay in a cache."""
    if group["direction"] != "forward" or group["x_bytes"] < 0.99 * LARGE_BYTES:
        return []
    targets = []
    for call in OWN_OPERATIONS:
        share = bandwidth_share(group, call)
        targets.append(
            {
                "what": f"{call}, share of memcpy's bandwidth",
                "group": group["id"],
                "ratio": f"GB/s of {call} / GB/s of memcpy",
                "kind": "at_least",
                "needed": needed,
                "measured": None if share is None else round(share, 3),
                "reached": None if share is None else share >= needed,
            }
        )
    return targets


def _precisions(group: Group, has_amx: bool) -> list[dict[str, Any]]:
    """bf16 against fp32 where products dominate; promised of machines with AMX alone."""
    if group["direction"] != "forward_backward":
        return []
    call, name = ("ours", "GNN") if group["coupler"] == "GNN" else ("ours_batched", "batched")
    what = f"{name}, bf16 against our own fp32"
    target = _target(group, what, "at_least", 3, f"{call}@fp32", f"{call}@bf16")
    if not has_amx:
        target |= {"reached": None, "why": "this CPU has no AMX"}
    return [target]


def _of_group(group: Group, gpu: bool, has_amx: bool) -> list[dict[str, Any]]:
    if group["kind"] == "operations":
        return _operations(group, 0.75 if gpu else 0.7)
    if group["kind"] == "precision":
        return [] if gpu else _precisions(group, has_amx)
    if gpu:
        return _on_gpu(group)
    if group["precision"] != "fp32":
        return []
    default = _default_on_cpu(group) if group["coupler"] == "HGNN" else []
    return default + _layered_on_cpu(group)


def evaluate(groups: Iterable[Group], machine: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every target that these groups are about. `reached` is None, with `why`, where a call is
    missing or the machine is not one that the target is about."""
    gpu = machine["kind"] == "gpu"
    has_amx = "amx_bf16" in machine["instruction_sets"]
    targets = []
    for group in groups:
        for target in _of_group(group, gpu, has_amx):
            if target["measured"] is None:
                target["why"] = "not measured: a call is missing"
                if group["memory"] == "kept" and target["what"] == PER_TOKEN:
                    continue  # left out there on purpose
            elif group["dim"] != DIM:  # --quick
                target |= {"reached": None, "why": f"targets are about D = {DIM}"}
            targets.append(target)
    return targets
