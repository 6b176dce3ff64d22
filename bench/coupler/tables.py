"""The couplers' tables of docs/performance.md: Markdown lines from groups and targets of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.ratios import Group, fastest, median_of, ratio_of
from common.tables import SIGNS, table, three_digits, unique
from coupler.targets import LAYERED, bandwidth_share

MEMORY = {
    "system": "memory from malloc",
    "kept": "freed memory kept",
    "device": "memory of the GPU's allocator",
}
ROWS = {
    "HGNN": {
        "sequential": "one HypergraphConv call a token",
        "pyg_original": "PyG batching as the original does it (wrong results)",
        "pyg_correct": "PyG, one correct precomputed incidence",
        "dense": "ATen bmm with P",
        "dense_matmul": "ATen matmul with P",
        "compiled": "torch.compile of the bmm form",
        "dense_readout": "bmm form, last layer on the weighted mean",
        "compiled_readout": "torch.compile of that",
        "dense_collapsed": "our collapsed form in plain PyTorch",
        "ours_default": "**ours, default path** (collapsed)",
        "ours_readout": "**ours, batched**, last layer on the weighted mean",
        "ours_batched": "**ours, batched**, every layer on all experts",
        "gemm_default": "limit: bare products of the default path",
        "gemm_readout": "limit: bare products, last layer on the mean",
        "gemm_batched": "limit: bare products, every layer on all experts",
        "memcpy_x": "limit: memcpy of X",
    },
    "GNN": {
        "pair_loop": "loop over pairs of experts",
        "dense": "all gates at once, ATen bmm",
        "compiled": "torch.compile of that",
        "ours": "**ours**",
        "gemm_gnn": "limit: bare products",
        "memcpy_x": "limit: memcpy of X",
    },
}
OPERATION_ROWS = {
    "aten_matmul": "ATen matmul, P shared",
    "aten_bmm": "ATen bmm, P shared",
    "expert_mix": "**expert_mix**, K shared",
    "aten_bmm_per_token": "ATen bmm, K a token",
    "expert_mix_per_token": "**expert_mix**, K a token",
    "aten_conv": "ATen, P from shared weights",
    "hypergraph_conv": "**hypergraph_conv** without Θ, shared weights",
    "aten_conv_per_token": "ATen, P from weights a token",
    "hypergraph_conv_per_token": "**hypergraph_conv** without Θ, weights a token (M ≤ 32)",
    "aten_message": "ATen, all gates at once",
    "gnn_message": "**gnn_message**",
}


def coupler_tables(groups: list[Group]) -> list[str]:
    """One table a coupler, precision and memory: rows are peers, columns are sizes, cells are
    milliseconds forward / forward+backward."""
    lines: list[str] = []
    kinds = unique((g["coupler"], g["precision"], g["memory"]) for g in groups)
    for coupler, precision, memory in kinds:
        some = [
            g for g in groups if (g["coupler"], g["precision"], g["memory"])
            == (coupler, precision, memory)
        ]
        sizes = unique((g["experts"], g["tokens"]) for g in some)
        by_size = {(g["experts"], g["tokens"], g["direction"]): g for g in some}
        rows = []
        for call, title in ROWS[coupler].items():
            cells = []
            for size in sizes:
                both = [
                    three_digits(median_of(by_size[*size, direction], call))
                    for direction in ("forward", "forward_backward")
                ]
                cells.append(" / ".join(both))
            if any(cell != "– / –" for cell in cells):
                rows.append([title, *cells])
        first = some[0]
        lines += [
            f"{coupler}, D = {first['dim']}, G = {first['layers']}, all_pairs, {precision},"
            f" {MEMORY[memory]}; milliseconds forward / forward+backward:",
            "",
            *table(["", *(f"E={e}, N={n:,}" for e, n in sizes)], rows),
        ]
    return lines


def product_tables(groups: list[Group]) -> list[str]:
    """A table a precision and memory: how far forms that compute layer by layer are from their bare
    products, by round; cells are forward / forward+backward."""
    lines: list[str] = []
    for precision, memory in unique((g["precision"], g["memory"]) for g in groups):
        some = [g for g in groups if (g["precision"], g["memory"]) == (precision, memory)]
        sizes = unique((g["experts"], g["tokens"]) for g in some)
        rows = []
        for coupler, forms in LAYERED.items():
            own = {
                (g["experts"], g["tokens"], g["direction"]): g
                for g in some
                if g["coupler"] == coupler
            }
            for form in forms if own else ():
                for name, calls in (("ours", (form.ours,)), ("best PyTorch", form.torch_forms)):
                    cells = [_over_products(own, size, calls, form.products) for size in sizes]
                    rows.append([f"{form.name}: {name}", *cells])
        lines += [
            f"{precision}, {MEMORY[memory]}; times over those of the bare products, forward /"
            " forward+backward:",
            "",
            *table(["", *(f"E={e}, N={n:,}" for e, n in sizes)], rows),
        ]
    return lines


def _over_products(
    groups: Mapping[tuple[int, int, str], Group],
    size: tuple[int, int],
    calls: tuple[str, ...],
    products: str,
) -> str:
    """Of the fastest of these calls."""
    ratios = []
    for direction in ("forward", "forward_backward"):
        group = groups.get((*size, direction))
        ratios.append(group and ratio_of(group, fastest(group, calls, products), products))
    return " / ".join("–" if ratio is None else f"{ratio:.2f}" for ratio in ratios)


def precision_table(groups: list[Group]) -> list[str]:
    """bf16 beside fp32, in turn within one group."""
    rows = []
    for group in groups:
        for name in unique(call.partition("@")[0] for call in group["calls"]):
            fp32, bf16 = (f"{name}@{precision}" for precision in ("fp32", "bf16"))
            faster = ratio_of(group, fp32, bf16)
            if faster is None:
                continue
            title = ROWS[group["coupler"]].get(name, name)
            size = f"{group['coupler']}, E={group['experts']}, N={group['tokens']:,}"
            direction = group["direction"].replace("_", "+")
            times = [three_digits(median_of(group, call)) for call in (fp32, bf16)]
            rows.append([size, direction, title, *times, f"{faster:.2f}"])
    if not rows:
        return []
    header = ["", "direction", "form", "fp32, ms", "bf16, ms", "times faster"]
    return ["bf16 against fp32:", "", *table(header, rows)]


def operation_tables(groups: list[Group]) -> list[str]:
    """A table a direction and type: milliseconds and share of memcpy's bandwidth."""
    lines: list[str] = []
    for direction, precision in unique((g["direction"], g["precision"]) for g in groups):
        some = [g for g in groups if (g["direction"], g["precision"]) == (direction, precision)]
        some.sort(key=lambda g: (g["x_bytes"] < 1e8, -g["tokens"] if g["x_bytes"] < 1e8 else 0))
        rows = [["memcpy of X", *(_copy_cell(g) for g in some)]]
        for call, title in OPERATION_ROWS.items():
            if any(call in g["calls"] for g in some):
                rows.append([title, *(_share_cell(g, call) for g in some)])
        lines += [
            f"{direction.replace('_', '+')}, {precision}; milliseconds and share of memcpy's"
            " bandwidth:",
            "",
            *table(["", *(f"E={g['experts']}, {_size(g)}" for g in some)], rows),
        ]
    return lines


def _size(group: Group) -> str:
    """What does not fit a cache by its bytes, what may by its tokens."""
    if group["x_bytes"] >= 1e8:
        return f"X of {group['x_bytes'] / 1e6:.0f} MB"
    return f"N={group['tokens']:,}"


def _copy_cell(group: Group) -> str:
    entry = group["calls"]["memcpy"]
    speed = entry["bytes"] / entry["median_ms"] / 1e6
    return f"{three_digits(entry['median_ms'])}, {speed:.0f} GB/s"


def _share_cell(group: Group, call: str) -> str:
    share = bandwidth_share(group, call)
    if share is None:
        return "–"
    return f"{three_digits(median_of(group, call))}, {100 * share:.0f} %"


def target_tables(targets: list[Mapping[str, Any]]) -> list[str]:
    """A table for each kind, precision, direction and memory: rows are targets, columns sizes."""
    lines: list[str] = []
    # hgnn/fp32/e4/n2048/forward/system
    parts = [target["group"].upper().split("/") for target in targets]
    keys = [(part[0] == "OPERATIONS", part[1], part[4], part[5]) for part in parts]
    for key in unique(keys):
        some = [
            (f"{part[2]} {part[3]}", target)
            for own, part, target in zip(keys, parts, targets)
            if own == key
        ]
        sizes = unique(size for size, _ in some)
        rows = []
        for what in unique(target["what"] for _, target in some):
            by_size = {size: target for size, target in some if target["what"] == what}
            rows.append([what, *(_target_cell(by_size.get(size)) for size in sizes)])
        _, precision, direction, memory = (str(part).lower() for part in key)
        lines += [
            f"{direction.replace('_', '+')}, {precision}, {MEMORY[memory]}:",
            "",
            *table(["", *sizes], rows),
        ]
    reasons = unique(target["why"] for target in targets if target.get("why"))
    if reasons:
        lines += [f"Neither reached nor missed: {'; '.join(reasons)}.", ""]
    return lines


def _target_cell(target: Mapping[str, Any] | None) -> str:
    """What was measured and what is needed; a missed one is bold."""
    if target is None:
        return ""
    sign = SIGNS[target["kind"]]
    measured = "–" if target["measured"] is None else f"{target['measured']:.2f}"
    text = f"{measured} ({sign} {target['needed']})"
    if target["reached"] is None:
        return f"*{text}*"
    return text if target["reached"] else f"**{text} missed**"
