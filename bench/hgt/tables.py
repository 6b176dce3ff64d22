"""The table of docs/performance.md about a layer of a heterogeneous graph transformer."""

from __future__ import annotations

from collections.abc import Iterable

from common.ratios import Group, ratio_of
from common.tables import table, three_digits

TITLES = {
    "torch_geometric": "HGTConv of PyTorch Geometric, without compiled extensions",
    "plain": "plain PyTorch, a vector an edge of each kind",
    "ours": "**ours**",
}
MIB = 2**20


def layer_tables(groups: Iterable[Group]) -> list[str]:
    """A table a graph: a row a call."""
    lines: list[str] = []
    for group in groups:
        lines += [
            f"{group['name']}: {group['nodes']:,} nodes, {group['edges']:,} edges,"
            f" {group['relations']} relations; {group['features']} features,"
            f" {group['heads']} heads, forward and backward:",
            "",
            *table(
                ["", "ms", "edges/s", "over ours", "peak memory of a call, MiB"],
                [_row(group, call) for call in TITLES if call in group["calls"]],
            ),
        ]
    return lines


def _row(group: Group, call: str) -> list[str]:
    entry = group["calls"][call]
    return [
        TITLES[call],
        three_digits(entry["median_ms"]),
        f"{1e3 * group['edges'] / entry['median_ms']:,.0f}",
        three_digits(ratio_of(group, call, "ours")),
        f"{entry['peak_bytes'] / MIB:,.0f}",
    ]
