"""Layers of torch_geometric's heterogeneous graph transformer that tests/golden holds."""

from __future__ import annotations

from dataclasses import dataclass
import json

import torch
from torch import Tensor
from torch_geometric.nn import HGTConv


@dataclass(frozen=True)
class HgtCase:
    """Node types with their number of nodes and of features; relations with their number of edges."""

    name: str
    node_types: dict[str, tuple[int, int]]
    relations: dict[tuple[str, str, str], int]
    out_channels: int
    heads: int


HGT_CASES = [
    # Widths that have a skip connection and widths that have none; nothing leads to a side effect;
    # two relations between the same types, and one within a type.
    HgtCase(
        "hgt-mixed",
        {"drug": (6, 8), "gene/protein": (8, 5), "disease": (5, 8), "side effect": (3, 3)},
        {
            ("drug", "targets", "gene/protein"): 14,
            ("drug", "carries", "gene/protein"): 9,
            ("gene/protein", "targets_reverse", "drug"): 14,
            ("gene/protein", "causes", "disease"): 12,
            ("disease", "resembles", "disease"): 10,
            ("side effect", "of", "drug"): 8,
        },
        out_channels=8,
        heads=2,
    ),
    # Heads of an odd number of features, and edges that stand there more than once.
    HgtCase(
        "hgt-odd",
        {"user": (4, 9), "item": (3, 9)},
        {("user", "buys", "item"): 15, ("item", "buys_reverse", "user"): 15},
        out_channels=9,
        heads=3,
    ),
]


def draw_edges(
    case: HgtCase, relation: tuple[str, str, str], generator: torch.Generator
) -> Tensor:
    """Numbers within the types, [2, e], sorted by tail, then head; each type's last node has none
    where it has more than three."""
    ends = []
    for node_type in (relation[0], relation[2]):
        count = case.node_types[node_type][0]
        upper = count - 1 if count > 3 else count
        ends.append(torch.randint(upper, (case.relations[relation],), generator=generator))
    order = sorted(range(len(ends[0])), key=lambda e: (int(ends[1][e]), int(ends[0][e])))
    return torch.stack(ends)[:, order]


def first_nodes(case: HgtCase) -> dict[str, int]:
    """The number in the graph of every type's first node."""
    first, result = 0, {}
    for node_type, (count, _) in case.node_types.items():
        result[node_type] = first
        first += count
    return result


def hgt_golden(
    case: HgtCase, generator: torch.Generator
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata: what HGTConv computes in float64 from parameters that fit float32."""

    def normal(*shape: int) -> Tensor:
        values = torch.randn(shape, generator=generator, dtype=torch.float64)
        return values.float().double()

    widths = {node_type: width for node_type, (_, width) in case.node_types.items()}
    metadata = (list(case.node_types), list(case.relations))
    conv = HGTConv(widths, case.out_channels, metadata, case.heads).double()
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.copy_(0.5 * normal(*parameter.shape))
    x = {
        node_type: normal(*shape).requires_grad_() for node_type, shape in case.node_types.items()
    }
    edges = {relation: draw_edges(case, relation, generator) for relation in case.relations}
    out = {name: value for name, value in conv(x, edges).items() if value is not None}
    cotangent = {name: normal(*value.shape) for name, value in out.items()}
    torch.autograd.backward(list(out.values()), [cotangent[name] for name in out])

    first = first_nodes(case)
    tensors = {f"param.{name}": p.detach().float() for name, p in conv.named_parameters()}
    tensors |= {f"grad.{n}": p.grad for n, p in conv.named_parameters() if p.grad is not None}
    for node_type, features in x.items():
        tensors[f"x.{node_type}"] = features.detach()
        tensors[f"grad_x.{node_type}"] = features.grad
    for relation, pairs in edges.items():
        offsets = torch.tensor([[first[relation[0]]], [first[relation[2]]]])
        tensors["edges." + "__".join(relation)] = pairs + offsets
    for node_type, value in out.items():
        tensors[f"out.{node_type}"] = value.detach()
        tensors[f"cotangent.{node_type}"] = cotangent[node_type]
    return tensors, {
        "kind": "hgt_conv",
        "node_types": json.dumps(list(case.node_types)),
        "relations": json.dumps(["__".join(relation) for relation in case.relations]),
        "out_channels": json.dumps(case.out_channels),
        "heads": json.dumps(case.heads),
    }
