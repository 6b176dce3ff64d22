"""The couplers by this project's operations: libhgnn_moe_ops.so, see docs/operators.md."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from common.coupler_parts import CouplerForm
from common.torch_forms import gnn_with
from coupler.problem import Problem

OPERATORS = (
    "incidence_csr",
    "mixing_matrix",
    "expert_mix",
    "hypergraph_conv",
    "collapsed_hypergraph",
    "gnn_message",
)


def load_library(path: Path) -> str | None:
    """Loads the operations; None, or why there are none."""
    if not path.is_file():
        return f"{path.name} is missing: build the release preset (or cuda, for --gpu)"
    try:
        torch.ops.load_library(path)
    except OSError as error:
        return f"{path.name} cannot be loaded: {error}"
    absent = [name for name in OPERATORS if not hasattr(torch.ops.hgnn_moe, name)]
    return f"{path.name} has no {', '.join(absent)}: build it again" if absent else None


def collapses(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether collapsed_hypergraph takes X and matrices of that type, on both of its ways: more
    tokens than features, and fewer."""
    mixing_EE = torch.eye(2, device=device)
    matrix_DD, vector_D = (torch.ones(s, dtype=dtype, device=device) for s in ((4, 4), (4,)))
    collapse = torch.ops.hgnn_moe.collapsed_hypergraph
    try:
        for tokens in (2, 8):
            x_NED = torch.ones(tokens, 2, 4, dtype=dtype, device=device)
            args = (x_NED, mixing_EE, [matrix_DD], [vector_D], matrix_DD, vector_D)
            if collapse(*args).dtype != dtype:
                return False
    except RuntimeError:
        return False
    return True


def incidence(problem: Problem) -> tuple[Tensor, ...]:
    """The compressed incidence, made once beforehand."""
    return torch.ops.hgnn_moe.incidence_csr(
        problem.hyperedge_index, problem.case.experts, len(problem.hyperedges)
    )


def default_hgnn(problem: Problem) -> CouplerForm:
    """The trainer's default path: one weighted mean a token goes through the products."""
    p, ops, csr = problem, torch.ops.hgnn_moe, incidence(problem)
    convs = [layer.conv for layer in p.module.hgnn_layers_module]
    out = p.module.combiner[0]

    def forward(x_NED: Tensor) -> Tensor:
        mixing_EE = ops.mixing_matrix(*csr, p.weights_M(), "pyg")
        thetas = [p.cast(conv.lin.weight) for conv in convs]
        biases = [p.cast(conv.bias) for conv in convs]
        return p.finish(
            ops.collapsed_hypergraph(
                x_NED, mixing_EE, thetas, biases, p.cast(out.weight), p.cast(out.bias)
            )
        )

    return forward


def batched_hgnn(problem: Problem, readout: bool) -> CouplerForm:
    """Every layer on all experts; with `readout` the last one on their weighted mean alone."""
    p, ops, csr = problem, torch.ops.hgnn_moe, incidence(problem)
    convs = [layer.conv for layer in p.module.hgnn_layers_module]

    def forward(x_NED: Tensor) -> Tensor:
        w_M = p.weights_M()
        for conv in convs[:-1] if readout else convs:
            theta_DD, bias_D = p.cast(conv.lin.weight), p.cast(conv.bias)
            x_NED = ops.hypergraph_conv(x_NED, *csr, w_M, "pyg", theta_DD, bias_D)
        if not readout:
            return p.combine(mean_over_experts(x_NED))
        mixing_EE = ops.mixing_matrix(*csr, w_M, "pyg")
        mean_ND = ops.expert_mix(mixing_EE.mean(0, keepdim=True), x_NED).squeeze(1)
        return p.combine(p.linear(mean_ND, convs[-1].lin.weight, convs[-1].bias))

    return forward


def gnn(problem: Problem) -> CouplerForm:
    """As the trainer: with gnn_update, in fp32 and where the library has it."""
    p, ops = problem, torch.ops.hgnn_moe
    if p.dtype != torch.float32 or not hasattr(ops, "gnn_update"):
        return gnn_with(problem, ops.gnn_message, mean_over_experts)

    def forward(x_NED: Tensor) -> Tensor:
        for layer in p.module.gnn_layers_module:
            gate, own, neighbor = (
                layer.message_weight,
                layer.self_transform,
                layer.neighbor_transform,
            )
            message_NED = ops.gnn_message(x_NED, gate.weight, gate.bias, layer.adjacency_logits)
            x_NED = ops.gnn_update(
                x_NED, message_NED, own.weight, own.bias, neighbor.weight, neighbor.bias
            )
        return p.combine(mean_over_experts(x_NED))

    return forward


def mean_over_experts(x_NED: Tensor) -> Tensor:
    """[N, D], by expert_mix: its backward pass writes the gradient of X once."""
    experts = x_NED.shape[1]
    mean_RE = torch.full((1, experts), 1 / experts, device=x_NED.device)
    return torch.ops.hgnn_moe.expert_mix(mean_RE, x_NED).squeeze(1)
