"""One coupler and one set of tensors, which every peer reads."""

from __future__ import annotations

from collections.abc import Callable
import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from common.coupler_parts import CouplerForm, CouplerParts, make_every_parameter_count
from common.oracle import Coupler, Hyperedges, ModelConfig, strategy_hyperedges

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


class Problem(CouplerParts):
    """Tensors of a case, equal for equal cases; x_NED is a leaf of the case's type."""

    def __init__(self, case: Case, device: torch.device) -> None:
        self.case = case
        hyperedges = strategy_hyperedges("all_pairs", case.experts)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            module = Coupler(_model_config(case, hyperedges)).to(device)
            make_every_parameter_count(module)
            super().__init__(module, hyperedges, case.experts, device, TYPES[case.precision])
            shape = (case.tokens, case.experts, case.dim)
            self.x_NED = torch.randn(shape).to(device, self.dtype).requires_grad_()
            self.cotangent_ND = torch.randn(case.tokens, case.dim).to(device, self.dtype)

    @property
    def inputs(self) -> dict[str, Tensor]:
        """Everything that gets a gradient, by name."""
        return {"X": self.x_NED, **dict(self.module.named_parameters())}

    def forward_of(self, form: CouplerForm) -> Forward:
        """The form on this problem's X."""
        return lambda: form(self.x_NED)

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


def _model_config(case: Case, hyperedges: Hyperedges) -> ModelConfig:
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
