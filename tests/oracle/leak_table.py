"""Which tokens a token reaches when hypergraphs are batched by PyTorch Geometric's Data and Batch.

Prints the Markdown table of docs/model.md: python tests/oracle/leak_table.py
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch_geometric.data import Batch, Data
from torch_geometric.nn import HypergraphConv

from hypergraphs import hyperedge_index, strategy_hyperedges

LAYERS = 3
STRATEGIES = ("all_pairs", "all_triplets", "all")
EXPERT_COUNTS = range(2, 9)
_WIDTH = 2


@dataclass(frozen=True)
class Leak:
    hyperedges: int
    reached: list[int]  # offsets of other tokens that change when one token changes
    weights_read: str


def measure(strategy: str, num_experts: int) -> Leak:
    """Changes one token in a long batch and looks which outputs move, in float64."""
    hyperedges = strategy_hyperedges(strategy, num_experts)
    edges = len(hyperedges)
    if edges == 0:
        return Leak(0, [], "none")
    index = hyperedge_index(hyperedges)
    # A layer reaches fewer than M/E tokens to either side; the batch holds the whole reach.
    middle = LAYERS * (edges // num_experts + 1)
    torch.manual_seed(0)
    convs = [HypergraphConv(_WIDTH, _WIDTH).double() for _ in range(LAYERS)]
    tokens = torch.rand(2 * middle + 1, num_experts, _WIDTH, dtype=torch.float64)
    changed = tokens.clone()
    changed[middle] += 1

    def outputs(x_NED: torch.Tensor) -> torch.Tensor:
        graphs = [Data(x=x_ED, edge_index=index) for x_ED in x_NED]
        batch = Batch.from_data_list(graphs)
        x = batch.x
        for conv in convs:
            x = conv(x, batch.edge_index)
        return x.reshape(x_NED.shape)

    with torch.no_grad():
        difference = (outputs(tokens) - outputs(changed)).abs().amax(dim=(1, 2))
    # Equal inputs give equal bits, so any difference at all is a dependence.
    offsets = (difference.nonzero().flatten() - middle).tolist()
    return Leak(edges, [offset for offset in offsets if offset != 0], _weights_read(index, edges))


def _weights_read(index: torch.Tensor, edges: int) -> str:
    """Which entry of a weight vector repeated M a token the second token's hyperedges read."""
    num_experts = int(index[0].max()) + 1
    graphs = [Data(x=torch.zeros(num_experts, 1), edge_index=index) for _ in range(2)]
    ids = Batch.from_data_list(graphs).edge_index[1, index.shape[1] :]
    if int(ids.min()) == edges:
        return "right"
    return "beyond the end" if int(ids.max()) >= 2 * edges else "another hyperedge's"


def _format_offsets(offsets: list[int]) -> str:
    if not offsets:
        return "none"
    low, high = min(offsets), max(offsets)
    if offsets != [offset for offset in range(low, high + 1) if offset != 0]:
        raise ValueError(f"the offsets {offsets} are not one contiguous range around the token")
    return f"{low:+d} to {high:+d}"


def markdown_table() -> str:
    lines = [
        "| strategy | E | M | tokens reached after three layers | weights read |",
        "|---|---|---|---|---|",
    ]
    for strategy in STRATEGIES:
        for num_experts in EXPERT_COUNTS:
            leak = measure(strategy, num_experts)
            reached = _format_offsets(leak.reached)
            lines.append(
                f"| {strategy} | {num_experts} | {leak.hyperedges} | {reached} "
                f"| {leak.weights_read} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(markdown_table())
