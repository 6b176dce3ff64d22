"""One coupler and one set of tensors, which every peer reads."""

from __future__ import annotations

from collections.abc import Callable
import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from oracle import RAW_OF_ONE, Coupler, ModelConfig, hyperedge_index, incidence, strategy_hyperedges

Forward = Callable[[], Tensor]  # a whole coupler: [N, D] from the problem's tensors

# fp32 multiplies in float32; tf32 (GPU alone) lets products round their inputs to 10 bits.
TYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Case:
    """E experts of N tokens with D features, G coupler layers; the hyperedges are all pairs."""

    coupler: str  # HGNN or GNN
    experts: int
    tokens: int
    dim: int
    layers: int
    precision: str = "fp32"

    def __str__(self) -> str:
        return f"{self.coupler} E={self.experts} N={self.tokens} D={self.dim} {self.precision}"


class Problem:
    """Tensors of a case, equal for equal cases.

    x_NED is a leaf of the case's type. The parameters belong to `module`, the reference coupler;
    they are float32 in every precision, and what multiplies bf16 is rounded on each call, as the
    trainer does.
    """

    def __init__(self, case: Case, device: torch.device) -> None:
        self.case = case
        self.device = device
        self.dtype = TYPES[case.precision]
        self.hyperedges = strategy_hyperedges("all_pairs", case.experts)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.module = Coupler(_model_config(case, self.hyperedges)).to(device)
            _make_every_parameter_count(self.module)
            shape = (case.tokens, case.experts, case.dim)
            self.x_NED = torch.randn(shape).to(device, self.dtype).requires_grad_()
            self.cotangent_ND = torch.randn(case.tokens, case.dim).to(device, self.dtype)
        self.hyperedge_index = hyperedge_index(self.hyperedges).to(device)
        self.incidence_EM = incidence(self.hyperedges, case.experts, torch.float32).to(device)

    @property
    def inputs(self) -> dict[str, Tensor]:
        """Everything that gets a gradient, by name."""
        return {"X": self.x_NED, **dict(self.module.named_parameters())}

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

    def in_float64(self) -> Problem:
        """The same values, for a reference whose rounding does not count."""
        twin = copy.copy(self)
        twin.dtype = torch.float64
        twin.case = replace(self.case, precision="fp64")
        twin.module = copy.deepcopy(self.module).double()
        twin.x_NED = self.x_NED.detach().double().requires_grad_()
        twin.cotangent_ND = self.cotangent_ND.double()
        twin.incidence_EM = self.incidence_EM.double()
        return twin


def _model_config(case: Case, hyperedges: list[list[int]]) -> ModelConfig:
    return ModelConfig(
        vocab_size=1,
        embed_dim=case.dim,
        num_heads=1,
        num_layers=1,
        max_seq_length=1,
        num_experts=case.experts,
        gnn_layers=case.layers,
        coupler_type=case.coupler,
        hyperedges=hyperedges,
    )


def _make_every_parameter_count(module: Coupler) -> None:
    """Initial values leave biases zero and all w equal; agreement would then show too little."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0.0, 0.1)
            elif name == "hyperedge_weights":
                parameter.normal_(RAW_OF_ONE, 0.3)
