"""Hyperedge lists, their incidence and the mixing matrices P of docs/model.md."""

from __future__ import annotations

from itertools import combinations

import torch

Hyperedges = list[list[int]]


def strategy_hyperedges(strategy: str, num_experts: int) -> Hyperedges:
    """The hyperedges of a static strategy, lexicographic by members."""
    if strategy == "all":
        # One expert alone has nobody to share a hyperedge with.
        return [list(range(num_experts))] if num_experts >= 2 else []
    size = {"all_pairs": 2, "all_triplets": 3}[strategy]
    return [list(members) for members in combinations(range(num_experts), size)]


def hyperedge_index(hyperedges: Hyperedges) -> torch.Tensor:
    """PyTorch Geometric's sparse incidence [2, nonzeros]: row 0 experts, row 1 hyperedges."""
    pairs = [(expert, edge) for edge, members in enumerate(hyperedges) for expert in members]
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).t().contiguous()


def incidence(hyperedges: Hyperedges, num_experts: int, dtype: torch.dtype) -> torch.Tensor:
    """H [E, M] of zeros and ones."""
    matrix = torch.zeros(num_experts, len(hyperedges), dtype=dtype)
    for edge, members in enumerate(hyperedges):
        matrix[members, edge] = 1
    return matrix


def mixing_matrix(
    hyperedges: Hyperedges, num_experts: int, weights: torch.Tensor, weighting: str
) -> torch.Tensor:
    """P [E, E] under `pyg` or `paper`, for weights [M] whose degrees are not near zero."""
    matrix = incidence(hyperedges, num_experts, weights.dtype)
    in_some_hyperedge = matrix.sum(1) > 0
    # The degree of an expert in no hyperedge is replaced before the division, so that autograd
    # never sees 1/0; its row of P is zero because its row of H is.
    degree = torch.where(in_some_hyperedge, matrix @ weights, torch.ones_like(matrix[:, 0]))
    edge_factor = 1 / matrix.sum(0)
    if weighting == "paper":
        edge_factor = weights * edge_factor
    return (matrix / degree[:, None]) @ (edge_factor[:, None] * matrix.t())
