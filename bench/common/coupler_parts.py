"""What every form of a coupler reads: the reference's parameters and the hypergraph."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from common.oracle import RAW_OF_ONE, Coupler, Hyperedges, hyperedge_index, incidence

CouplerForm = Callable[[Tensor], Tensor]  # a whole coupler: [N, E, D] to [N, D]


class CouplerParts:
    """`module` holds float32 parameters; what multiplies a tensor of `dtype` is rounded to it on
    each call, as the trainer does."""

    def __init__(
        self,
        module: Coupler,
        hyperedges: Hyperedges,
        experts: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.module = module
        self.hyperedges = hyperedges
        self.device = device
        self.dtype = dtype
        self.hyperedge_index = hyperedge_index(hyperedges).to(device)
        self.incidence_EM = incidence(hyperedges, experts, torch.float32).to(device)

    def weights_M(self) -> Tensor:
        """w [M], float32."""
        return torch.nn.functional.softplus(self.module.hyperedge_weights)

    def mixing_EE(self) -> Tensor:
        """P [E, E] under `pyg`, float32, differentiable, from the incidence made once."""
        h_EM = self.incidence_EM
        return (h_EM / h_EM.sum(0)) @ h_EM.t() / (h_EM @ self.weights_M())[:, None]

    def cast(self, parameter: Tensor) -> Tensor:
        return parameter.to(self.dtype)

    def combine(self, mean_ND: Tensor) -> Tensor:
        """The combiner: Linear, GELU, LayerNorm."""
        linear = self.module.combiner[0]
        return self.finish(self.linear(mean_ND, linear.weight, linear.bias))

    def finish(self, linear_ND: Tensor) -> Tensor:
        """The combiner after its Linear."""
        gelu, norm = self.module.combiner[1], self.module.combiner[2]
        weight, bias = self.cast(norm.weight), self.cast(norm.bias)
        return torch.nn.functional.layer_norm(
            gelu(linear_ND), norm.normalized_shape, weight, bias, norm.eps
        )

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        bias = None if bias is None else self.cast(bias)
        return torch.nn.functional.linear(x, self.cast(weight), bias)


def make_every_parameter_count(module: torch.nn.Module) -> None:
    """Initial values leave biases zero and all w equal; agreement would then show too little."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0.0, 0.1)
            elif name.endswith("hyperedge_weights"):
                parameter.normal_(RAW_OF_ONE, 0.3)
