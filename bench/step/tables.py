"""The tables of docs/performance.md about the whole step: Markdown from the groups of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from common.ratios import Group, median_of, ratio_of
from common.tables import table, three_digits, unique
from step.case import PRECISIONS
from step.rates import (
    gemm_rate,
    is_largest,
    needed_rate,
    share_of_gemm_rate,
    start_of,
    tokens_per_s,
)

TITLES = {
    "sequential": "one HypergraphConv call a token",
    "pyg_original": "PyG batching as the original does it (wrong results)",
    "pyg_correct": "PyG, one correct precomputed incidence",
    "pair_loop": "loop over pairs of experts, as the original",
    "dense": "eager PyTorch, dense coupler",
    "compiled": "torch.compile of that",
    "ours": "**ours**",
    "ours_no_dropout": "ours without dropout",
    "gemm": "limit: bare products of the step",
}
ROWS = {"full": "full rows", "lines": "rows as WikiText-2's lines"}
GIB = 2**30


def sizes(group: Group) -> str:
    return (
        f"{group['coupler']}, E = {group['experts']}, D = {group['dim']}, L = {group['layers']},"
        f" G = {group['gnn_layers']}, {group['batch']} × {group['length']} tokens"
    )


def step_tables(groups: Iterable[Group]) -> list[str]:
    """A table a group: a row a call."""
    lines: list[str] = []
    for group in groups:
        rows = [
            _step_row(group, peer, precision)
            for peer in TITLES
            for precision in PRECISIONS
            if f"{peer}@{precision}" in group["calls"]
        ]
        fill = f", {100 * group['fill']:.0f} % full" if group["rows"] != "full" else ""
        header = ["", "", "ms a step", "tokens/s", "over ours", "over products"]
        header += ["of the GEMM rate", "first step, s", f"peak of {group['peak_steps']} steps, GiB"]
        limits = _limits(group)
        lines += [
            f"{sizes(group)}, {_rows_of(group)}{fill}{'; ' if limits else ''}{limits}:",
            "",
            *table(header, rows),
        ]
    return lines


def _rows_of(group: Group) -> str:
    return ROWS[group["rows"]] + (", the largest batch that fits" if is_largest(group) else "")


def _step_row(group: Group, peer: str, precision: str) -> list[str]:
    """Over ours, over products: times over those of our step and of the step's bare products in the
    same precision, by round."""
    call, ours, gemm = f"{peer}@{precision}", f"ours@{precision}", f"gemm@{precision}"
    return [
        TITLES[peer],
        precision,
        three_digits(median_of(group, call)),
        three_digits(tokens_per_s(group, call)),
        _factor(ratio_of(group, call, ours) if call != ours else None),
        _factor(ratio_of(group, call, gemm) if call != gemm else None),
        _share(share_of_gemm_rate(group, call) if call != gemm else None),
        three_digits(start_of(group, call, "first_step_s")),
        _gib(start_of(group, call, "peak_bytes")),
    ]


def scale_tables(groups: list[Group]) -> list[str]:
    """A table a coupler and precision: what a token needs and what it costs."""
    lines: list[str] = []
    for coupler in unique(group["coupler"] for group in groups):
        for precision in PRECISIONS:
            some = [
                group
                for group in groups
                if group["coupler"] == coupler and f"gemm@{precision}" in group["calls"]
            ]
            lines += _scale_table(some, precision) if some else []
    return lines


def _scale_table(groups: list[Group], precision: str) -> list[str]:
    """Of one coupler: a row a size. torch.compile has its columns where it was timed."""
    ours, peers = f"ours@{precision}", {"eager": f"dense@{precision}"}
    compiled = f"compiled@{precision}"
    if any(compiled in group["calls"] for group in groups):
        peers["torch.compile"] = compiled
    calls = {"ours": ours} | peers
    columns: dict[str, Callable[[Group], str]] = {
        "": lambda g: f"E={g['experts']}, D={g['dim']}, {g['batch']} × {g['length']}",
        "MFLOP a token": lambda g: three_digits(g["needed_flops"] / g["tokens"] / 1e6),
    }
    for name, call in calls.items():
        columns[f"{name}, µs a token"] = lambda g, call=call: _microseconds(g, call)
    for name, call in peers.items():
        columns[f"{name} over ours"] = lambda g, call=call: _factor(ratio_of(g, call, ours))
    for name, call in calls.items():
        columns[f"{name}, GFLOP/s"] = lambda g, call=call: three_digits(needed_rate(g, call))
    columns["products, GFLOP/s"] = lambda g: three_digits(gemm_rate(g, precision))
    for name, call in calls.items():
        columns[f"{name}, GiB"] = lambda g, call=call: _gib(start_of(g, call, "peak_bytes"))
    first = groups[0]
    title = f"{first['coupler']}, {precision}, L = {first['layers']}, G = {first['gnn_layers']}:"
    rows = [[cell(group) for cell in columns.values()] for group in groups]
    return [title, "", *table(list(columns), rows)]


def _limits(group: Group) -> str:
    """The rates of the same minutes."""
    parts = [
        f"products {precision} at {three_digits(rate)} GFLOP/s"
        for precision in PRECISIONS
        if (rate := gemm_rate(group, precision))
    ]
    if copy := group["calls"].get("memcpy"):
        parts.append(f"memcpy at {copy['bytes'] / copy['median_ms'] / 1e6:.0f} GB/s")
    return ", ".join(parts)


def _microseconds(group: Group, call: str) -> str:
    milliseconds = median_of(group, call)
    return three_digits(1e3 * milliseconds / group["tokens"] if milliseconds else None)


def _factor(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


def _share(share: float | None) -> str:
    if share is None:
        return "–"
    return f"{100 * share:.0f} %" + (" (noise)" if share > 1 else "")


def _gib(size: float | None) -> str:
    return "–" if size is None else f"{size / GIB:.2f}"
