"""Graphs that layers of a heterogeneous graph transformer are timed on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import gzip
from pathlib import Path

import torch
from torch import Tensor

from common.tools import EXIT_DATA, UserError

EdgeType = tuple[str, str, str]
FEATURES, HEADS = 256, 8

# The metaedges of Hetionet 1.0 between compounds, diseases, genes and anatomies that torch_geometric
# is timed on, by abbreviation.
FOUR_METAEDGES = ("CtD", "CpD", "DaG", "CbG")


@dataclass(frozen=True)
class Problem:
    """Edges [2, e] by edge type, numbered within their node types."""

    id: str
    name: str
    node_types: dict[str, int]
    edges: dict[EdgeType, Tensor]

    @property
    def metadata(self) -> tuple[list[str], list[EdgeType]]:
        return list(self.node_types), list(self.edges)

    @property
    def num_edges(self) -> int:
        return sum(pairs.shape[1] for pairs in self.edges.values())

    def describe(self) -> dict[str, object]:
        return {
            "id": self.id,
            "kind": "layer",
            "name": self.name,
            "nodes": sum(self.node_types.values()),
            "edges": self.num_edges,
            "relations": len(self.edges),
            "features": FEATURES,
            "heads": HEADS,
        }


def generated(nodes: int, edges: int, relations: int, name: str = "generated") -> Problem:
    """Two node types, relations from, to and within them, and degrees that differ: a node's share
    of edges goes with the square of a uniform number."""
    generator = torch.Generator().manual_seed(1)
    counts = {"a": nodes // 2, "b": nodes - nodes // 2}
    names = [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]
    pairs: dict[EdgeType, Tensor] = {}
    for r in range(relations):
        head, tail = names[r % len(names)]
        ends = [
            (torch.rand(edges // relations, generator=generator) ** 2 * counts[node_type]).long()
            for node_type in (head, tail)
        ]
        pairs[(head, f"r{r}", tail)] = torch.stack(ends)
    return Problem(name, name.capitalize(), counts, pairs)


def _lines(path: Path) -> Iterator[list[str]]:
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else path.open()
    with opened as file:
        next(file)
        for line in file:
            yield line.rstrip("\r\n").split("\t")


def hetionet(folder: Path, metaedges: tuple[str, ...] | None) -> Problem:
    """Hetionet's edges of the metaedges (all without them), both ways, among all nodes that have an
    edge in the file."""
    files = sorted([*folder.glob("*.sif"), *folder.glob("*.sif.gz")])
    if len(files) != 1:
        raise UserError(f"{folder} holds {len(files)} .sif files: give a folder with one", EXIT_DATA)
    numbers: dict[str, dict[str, int]] = {}
    pairs: dict[EdgeType, list[tuple[int, int]]] = {}
    for source, metaedge, target in _lines(files[0]):
        head, tail = source.partition("::")[0], target.partition("::")[0]
        ends = [
            numbers.setdefault(kind, {}).setdefault(node, len(numbers[kind]))
            for kind, node in ((head, source), (tail, target))
        ]
        if metaedges is None or metaedge in metaedges:
            pairs.setdefault((head, metaedge, tail), []).append((ends[0], ends[1]))
    edges: dict[EdgeType, Tensor] = {}
    for (head, name, tail), of_type in sorted(pairs.items()):
        there = torch.tensor(of_type).t().contiguous()
        edges[(head, name, tail)] = there
        edges[(tail, f"{name}_reverse", head)] = there.flip(0).contiguous()
    used = {kind for head, _, tail in edges for kind in (head, tail)}
    counts = {kind: len(of_kind) for kind, of_kind in sorted(numbers.items()) if kind in used}
    name = f"{folder.name.capitalize()}, {', '.join(metaedges or ['all metaedges'])}, both ways"
    return Problem(f"hetionet-{'four' if metaedges else 'all'}", name, counts, edges)
