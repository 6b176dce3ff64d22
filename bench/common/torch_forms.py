"""The couplers in plain PyTorch: dense forms, the loop over pairs of experts, and torch.compile."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from common.coupler_parts import CouplerForm, CouplerParts
from common.oracle import Coupler


def bmm_mix(mixing_EE: Tensor, x_NED: Tensor) -> Tensor:
    """P x of every token by ATen's bmm, P [E, E] repeated without a copy."""
    tokens, experts, _ = x_NED.shape
    return torch.bmm(mixing_EE.expand(tokens, experts, experts), x_NED)


def dense_hgnn(parts: CouplerParts, mix=bmm_mix, readout: bool = False) -> CouplerForm:
    """P (X Theta^T) + b for all tokens at once; with `readout` the last layer acts on the mean over
    experts of P X alone, which nothing non-linear separates from it."""
    p = parts

    def forward(x_NED: Tensor) -> Tensor:
        mixing_EE = p.cast(p.mixing_EE())
        convs = [layer.conv for layer in p.module.hgnn_layers_module]
        for conv in convs[:-1] if readout else convs:
            x_NED = mix(mixing_EE, p.linear(x_NED, conv.lin.weight, None)) + p.cast(conv.bias)
        if not readout:
            return p.combine(x_NED.mean(1))
        mean_ND = torch.matmul(mixing_EE.mean(0), x_NED)
        return p.combine(p.linear(mean_ND, convs[-1].lin.weight, convs[-1].bias))

    return forward


def collapsed_hgnn(parts: CouplerParts) -> CouplerForm:
    """This project's algebra (docs/model.md) in plain PyTorch: its gain without our kernels."""
    p = parts

    def forward(x_NED: Tensor) -> Tensor:
        mixing_EE = p.mixing_EE()
        a_E = torch.full_like(mixing_EE[0], 1 / len(mixing_EE))
        sums = []
        convs = [layer.conv for layer in p.module.hgnn_layers_module]
        for _ in convs:
            sums.append(a_E.sum())
            a_E = a_E @ mixing_EE
        y_ND = torch.matmul(p.cast(a_E), x_NED)
        for conv, scale in zip(convs, reversed(sums)):
            y_ND = p.linear(y_ND, conv.lin.weight, scale * conv.bias)
        return p.combine(y_ND)

    return forward


def loop_gnn(parts: CouplerParts) -> CouplerForm:
    """One pair (i, j) of experts at a time, all tokens at once, as the original does."""
    # Not module(x): where a form stands in for a module's own forward pass that would be itself.
    # The last input is the layer's, which a GNN does not read.
    return lambda x_NED: Coupler.forward(parts.module, x_NED, x_NED[:, 0])


def gnn_with(parts: CouplerParts, message, mean=lambda x_NED: x_NED.mean(1)) -> CouplerForm:
    """The GNN coupler around `message(x_NED, message_weight, message_bias, adjacency_logits)`,
    which returns [N, E, D], and `mean` over experts, [N, D]."""
    p = parts

    def forward(x_NED: Tensor) -> Tensor:
        for layer in p.module.gnn_layers_module:
            gate, neighbor, own = (
                layer.message_weight,
                layer.neighbor_transform,
                layer.self_transform,
            )
            message_NED = message(x_NED, gate.weight, gate.bias, layer.adjacency_logits)
            heard_NED = p.linear(message_NED, neighbor.weight, neighbor.bias)
            x_NED = F.gelu(p.linear(x_NED, own.weight, own.bias) + heard_NED) + x_NED
        return p.combine(mean(x_NED))

    return forward


def dense_message(x_NED: Tensor, weight: Tensor, bias: Tensor, logits_EE: Tensor) -> Tensor:
    """All gates of a token as one [E, E] matrix, then ATen's bmm."""
    experts = x_NED.shape[1]
    own_D, other_D = weight.to(x_NED.dtype).view(2, -1)
    own_NE, other_NE = x_NED @ own_D, x_NED @ other_D
    gates_NEE = torch.sigmoid(own_NE[:, :, None] + other_NE[:, None, :] + bias)
    not_self_EE = 1 - torch.eye(experts, dtype=logits_EE.dtype, device=x_NED.device)
    mixing_NEE = gates_NEE * (torch.sigmoid(logits_EE) * not_self_EE)
    return torch.bmm(mixing_NEE.to(x_NED.dtype), x_NED)


def compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    # dynamic=False: the sizes of a training run do not change, and fixed ones compile to more.
    return torch.compile(function, fullgraph=True, dynamic=False)
