"""What the tests of the benchmarks share: their folder on the path, and made-up groups."""

from pathlib import Path
from statistics import median
import sys
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "bench"))

CPU = {
    "kind": "cpu",
    "device": "Some CPU",
    "threads": 2,
    "instruction_sets": ["avx2", "amx_bf16"],
}
GPU = CPU | {"kind": "gpu", "device": "Some GPU"}


def call(*samples_ms: float, **more: Any) -> dict[str, Any]:
    return {"median_ms": median(samples_ms), "samples_ms": list(samples_ms), **more}


def coupler_group(coupler: str, medians: dict[str, float], **changes: Any) -> dict[str, Any]:
    """A group as coupler_groups writes it, forward and backward of E=4 and N=2,048 on malloc."""
    group = {
        "kind": "coupler",
        "coupler": coupler,
        "experts": 4,
        "tokens": 2048,
        "dim": 384,
        "layers": 2,
        "precision": "fp32",
        "direction": "forward_backward",
        "memory": "system",
    } | changes
    parts = (coupler, group["precision"], f"e{group['experts']}", f"n{group['tokens']}")
    group["id"] = "/".join((*parts, group["direction"], group["memory"])).lower()
    group["calls"] = {name: call(ms) for name, ms in medians.items()}
    return group


def operations_group(medians: dict[str, float], **changes: Any) -> dict[str, Any]:
    """A group as kernel_groups writes it; every call moves 800 MB."""
    group = {
        "kind": "operations",
        "experts": 4,
        "tokens": 65104,
        "dim": 384,
        "precision": "fp32",
        "direction": "forward",
        "memory": "kept",
        "x_bytes": 399_998_976,
    } | changes
    group["id"] = "/".join(
        ("operations", group["precision"], f"e{group['experts']}", f"n{group['tokens']}",
         group["direction"], group["memory"])
    )
    group["calls"] = {name: call(ms, bytes=800_000_000) for name, ms in medians.items()}
    return group


def step_group(coupler: str, medians: dict[str, float], **changes: Any) -> dict[str, Any]:
    """A group as step_groups writes it: full rows of the main case, products at 300 (fp32) and
    1,500 GFLOP/s (bf16) where a call has that precision, memcpy at 10 GB/s."""
    group = {
        "kind": "step",
        "coupler": coupler,
        "experts": 4,
        "dim": 384,
        "layers": 4,
        "gnn_layers": 2,
        "batch": 8,
        "length": 128,
        "vocab": 50257,
        "rows": "full",
        "tokens": 1024,
        "fill": 1.0,
        "peak_steps": 50,
        "needed_flops": 300e9,
    } | changes
    sizes = "e{experts}/d{dim}/l{layers}/g{gnn_layers}/{batch}x{length}/{rows}".format(**group)
    group["id"] = f"{coupler.lower()}/{sizes}"
    group["calls"] = {name: call(ms) for name, ms in medians.items()}
    for precision in {name.partition("@")[2] for name in medians}:
        flops = {"fp32": 300, "bf16": 1500}[precision] * 10**9
        group["calls"][f"gemm@{precision}"] = call(1000.0, flops=flops)
    group["calls"]["memcpy"] = call(50.0, bytes=500_000_000)
    return group
