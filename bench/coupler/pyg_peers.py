"""The HGNN coupler as users of PyTorch Geometric compute it: three ways to call HypergraphConv."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from problem import Forward, Problem


def sequential(problem: Problem) -> Forward:
    """One call of HypergraphConv a token and layer, on that token's own graph."""
    p = problem

    def forward() -> Tensor:
        w_M, edges = p.weights_M(), len(p.hyperedges)
        means = []
        for x_ED in p.x_NED:
            for layer in p.module.hgnn_layers_module:
                x_ED = layer.conv(x_ED, p.hyperedge_index, w_M, num_edges=edges)
            means.append(x_ED.mean(0))
        return p.combine(torch.stack(means))

    return forward


def original(problem: Problem) -> Forward:
    """Data objects of all tokens, batched on every call as the original does.

    Batch adds E a token to both rows of edge_index where the hyperedges need M, so from M > E on
    tokens share hyperedges and read each other's weights: wrong, and timed because it is used.
    """
    p = problem

    def forward() -> Tensor:
        graphs = [Data(x=x_ED, edge_index=p.hyperedge_index) for x_ED in p.x_NED]
        batch = Batch.from_data_list(graphs)
        weights = p.weights_M().repeat(p.case.tokens)
        x = batch.x
        for layer in p.module.hgnn_layers_module:
            x = layer.conv(x, batch.edge_index, weights)
        return p.combine(x.reshape(p.x_NED.shape).mean(1))

    return forward


def correct(problem: Problem) -> Forward:
    """One call for all tokens on the right incidence, which is made once beforehand."""
    p = problem
    tokens, edges = p.case.tokens, len(p.hyperedges)
    step = torch.tensor([p.case.experts, edges], device=p.device)[:, None, None]
    offset = step * torch.arange(tokens, device=p.device)[:, None]
    index = (p.hyperedge_index[:, None, :] + offset).reshape(2, -1)

    def forward() -> Tensor:
        weights = p.weights_M().repeat(tokens)
        x = p.x_NED.reshape(-1, p.case.dim)
        for layer in p.module.hgnn_layers_module:
            x = layer.conv(x, index, weights, num_edges=tokens * edges)
        return p.combine(x.reshape(p.x_NED.shape).mean(1))

    return forward
