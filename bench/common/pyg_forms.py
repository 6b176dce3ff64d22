"""The HGNN coupler as users of PyTorch Geometric compute it: three ways to call HypergraphConv."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from common.coupler_parts import CouplerForm, CouplerParts

# all_pairs from this many experts on has M > E, where the original's batching mixes tokens.
FIRST_WRONG_EXPERTS = 4


def sequential(parts: CouplerParts) -> CouplerForm:
    """One call of HypergraphConv a token and layer, on that token's own graph."""
    p = parts

    def forward(x_NED: Tensor) -> Tensor:
        w_M, edges = p.weights_M(), len(p.hyperedges)
        means = []
        for x_ED in x_NED:
            for layer in p.module.hgnn_layers_module:
                x_ED = layer.conv(x_ED, p.hyperedge_index, w_M, num_edges=edges)
            means.append(x_ED.mean(0))
        return p.combine(torch.stack(means))

    return forward


def original(parts: CouplerParts) -> CouplerForm:
    """Data objects of all tokens, batched on every call as the original does.

    Batch adds E a token to both rows of edge_index where the hyperedges need M, so from M > E on
    tokens share hyperedges and read each other's weights: wrong, and timed because it is used.
    """
    p = parts

    def forward(x_NED: Tensor) -> Tensor:
        graphs = [Data(x=x_ED, edge_index=p.hyperedge_index) for x_ED in x_NED]
        batch = Batch.from_data_list(graphs)
        weights = p.weights_M().repeat(len(x_NED))
        x = batch.x
        for layer in p.module.hgnn_layers_module:
            x = layer.conv(x, batch.edge_index, weights)
        return p.combine(x.reshape(x_NED.shape).mean(1))

    return forward


def correct(parts: CouplerParts, tokens: int) -> CouplerForm:
    """One call for all tokens on the right incidence, which is made once beforehand."""
    p = parts
    experts, edges = p.incidence_EM.shape
    step = torch.tensor([experts, edges], device=p.device)[:, None, None]
    offset = step * torch.arange(tokens, device=p.device)[:, None]
    index = (p.hyperedge_index[:, None, :] + offset).reshape(2, -1)

    def forward(x_NED: Tensor) -> Tensor:
        weights = p.weights_M().repeat(tokens)
        x = x_NED.reshape(tokens * experts, -1)
        for layer in p.module.hgnn_layers_module:
            x = layer.conv(x, index, weights, num_edges=tokens * edges)
        return p.combine(x.reshape(x_NED.shape).mean(1))

    return forward
