"""The tables of docs/performance.md about the whole step: Markdown from the groups of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from common.ratios import Group, median_of
from common.tables import table, three_digits, unique
from step.case import PRECISIONS
from step.rates import gemm_rate, needed_rate, share_of_gemm_rate, start_of, tokens_per_s

TITLES = {
    "sequential": "one HypergraphConv call a token",
    "pyg_original": "PyG batching as the original does it (wrong results)",
    "pyg_correct": "PyG, one correct precomputed incidence",
    "pair_loop": "loop over pairs of experts, as the original",
    "dense": "eager PyTorch, dense coupler",
    "compiled": "torch.compile of that",
    "ours": "**ours**",
    "ours_no_dropout": "ours without dropout",
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
            [
                TITLES[peer],
                precision,
                three_digits(median_of(group, call)),
                three_digits(tokens_per_s(group, call)),
                _percent(share_of_gemm_rate(group, call)),
                three_digits(start_of(group, call, "first_step_s")),
                _gib(start_of(group, call, "peak_bytes")),
            ]
            for peer in TITLES
            for precision in PRECISIONS
            if (call := f"{peer}@{precision}") in group["calls"]
        ]
        fill = f", {100 * group['fill']:.0f} % full" if group["rows"] != "full" else ""
        header = ["", "", "ms a step", "tokens/s", "of the GEMM rate", "first step, s"]
        lines += [
            f"{sizes(group)}, {ROWS[group['rows']]}{fill}; {_limits(group)}:",
            "",
            *table([*header, "peak, GiB"], rows),
        ]
    return lines


def scale_tables(groups: list[Group]) -> list[str]:
    """A table a coupler and precision: what a token needs and what it costs."""
    lines: list[str] = []
    for coupler in unique(group["coupler"] for group in groups):
        some = [group for group in groups if group["coupler"] == coupler]
        for precision in PRECISIONS:
            ours, dense = f"ours@{precision}", f"dense@{precision}"
            rows = [
                [
                    f"E={group['experts']}, D={group['dim']}, {group['batch']} × {group['length']}",
                    three_digits(group["needed_flops"] / group["tokens"] / 1e6),
                    _microseconds(group, ours),
                    _microseconds(group, dense),
                    three_digits(needed_rate(group, ours)),
                    three_digits(needed_rate(group, dense)),
                    three_digits(gemm_rate(group, precision)),
                    _gib(start_of(group, ours, "peak_bytes")),
                    _gib(start_of(group, dense, "peak_bytes")),
                ]
                for group in some
                if f"gemm@{precision}" in group["calls"]
            ]
            header = ["", "MFLOP a token", "ours, µs a token", "eager, µs a token"]
            header += ["ours, GFLOP/s", "eager, GFLOP/s", "products, GFLOP/s"]
            header += ["ours, GiB", "eager, GiB"]
            first = some[0]
            title = f"{coupler}, {precision}, L = {first['layers']}, G = {first['gnn_layers']}:"
            lines += [title, "", *table(header, rows)] if rows else []
    return lines


def _limits(group: Group) -> str:
    """The rates of the same minutes."""
    parts = [
        f"products {precision} at {three_digits(rate)} GFLOP/s"
        for precision in PRECISIONS
        if (rate := gemm_rate(group, precision))
    ]
    copy = group["calls"]["memcpy"]
    parts.append(f"memcpy at {copy['bytes'] / copy['median_ms'] / 1e6:.0f} GB/s")
    return ", ".join(parts)


def _microseconds(group: Group, call: str) -> str:
    milliseconds = median_of(group, call)
    return three_digits(1e3 * milliseconds / group["tokens"] if milliseconds else None)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _gib(size: float | None) -> str:
    return "–" if size is None else f"{size / GIB:.2f}"
