"""The bare operations against memcpy of the same bytes and ATen's products with P."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from common.oracle import Hyperedges, hyperedge_index, incidence, strategy_hyperedges
from common.memcpy import copy_of
from common.progress import progress
from common.timing import Call, interleave, summary
from common.torch_forms import bmm_mix, dense_message
from coupler import agreement
from coupler.coupler_groups import DIRECTIONS
from coupler.plan import Plan
from coupler.problem import TYPES

# Weights per token are promised up to this many hyperedges.
MOST_HYPEREDGES_PER_TOKEN = 32
TOKENS_TO_COMPARE = 512

Operation = Callable[[Tensor, dict[str, Tensor]], Tensor]  # (x_NED, parameters) to [N, E, D]


def few_hyperedges(num_experts: int) -> Hyperedges:
    """All pairs where they are at most 32, else the pairs and triplets of neighbours on a ring."""
    pairs = strategy_hyperedges("all_pairs", num_experts)
    if len(pairs) <= MOST_HYPEREDGES_PER_TOKEN:
        return pairs
    ring = [[(first + step) % num_experts for step in range(3)] for first in range(num_experts)]
    return [sorted(members[:2]) for members in ring] + [sorted(members) for members in ring]


def mixing(incidence_EM: Tensor, weights: Tensor) -> Tensor:
    """P [E, E] or [N, E, E] under `pyg` for weights [M] or [N, M]."""
    shared = (incidence_EM / incidence_EM.sum(0)) @ incidence_EM.t()
    return shared / (weights @ incidence_EM.t()).unsqueeze(-1)


class Operations:
    """Parameters of the operations for N tokens of E experts, and the operations on them."""

    def __init__(self, experts: int, tokens: int, dim: int, device: torch.device) -> None:
        torch.manual_seed(2)
        self.experts, self.device = experts, device
        self.pairs, self.few = strategy_hyperedges("all_pairs", experts), few_hyperedges(experts)
        values = {
            "mixing": torch.randn(experts, experts),
            "token_mixing": torch.randn(tokens, experts, experts),
            "weights": torch.rand(len(self.pairs)) + 0.5,
            "token_weights": torch.rand(tokens, len(self.few)) + 0.5,
            "message_weight": torch.randn(1, 2 * dim) * dim**-0.5,
            "message_bias": torch.randn(1),
            "logits": torch.randn(experts, experts),
        }
        self.parameters = {k: v.to(device).requires_grad_() for k, v in values.items()}

    def first_tokens(self, count: int, dtype: torch.dtype) -> dict[str, Tensor]:
        """Leaves with the values of the first tokens alone."""
        return {
            name: (value[:count] if name.startswith("token_") else value)
            .detach()
            .to(dtype)
            .requires_grad_()
            for name, value in self.parameters.items()
        }

    def aten(self) -> dict[str, tuple[Operation, tuple[str, ...]]]:
        """ATen's form of each, and the parameters that it reads."""
        h_all, h_few = (
            incidence(edges, self.experts, torch.float32).to(self.device)
            for edges in (self.pairs, self.few)
        )

        def conv(h: Tensor, weights: Tensor, x: Tensor) -> Tensor:
            p = mixing(h.to(weights.dtype), weights).to(x.dtype)
            return bmm_mix(p, x) if p.dim() == 2 else torch.bmm(p, x)

        message = ("message_weight", "message_bias", "logits")
        return {
            "aten_bmm": (lambda x, p: bmm_mix(p["mixing"].to(x.dtype), x), ("mixing",)),
            "aten_matmul": (lambda x, p: torch.matmul(p["mixing"].to(x.dtype), x), ("mixing",)),
            "aten_bmm_per_token": (
                lambda x, p: torch.bmm(p["token_mixing"].to(x.dtype), x),
                ("token_mixing",),
            ),
            "aten_conv": (lambda x, p: conv(h_all, p["weights"], x), ("weights",)),
            "aten_conv_per_token": (
                lambda x, p: conv(h_few, p["token_weights"], x),
                ("token_weights",),
            ),
            "aten_message": (lambda x, p: dense_message(x, *(p[k] for k in message)), message),
        }

    def ours(self) -> dict[str, tuple[Operation, tuple[str, ...], str]]:
        """Our form of each, the parameters that it reads, and whom it must equal."""
        ops = torch.ops.hgnn_moe
        all_csr, few_csr = (
            ops.incidence_csr(
                hyperedge_index(edges).to(self.device), self.experts, len(edges)
            )
            for edges in (self.pairs, self.few)
        )

        def conv(csr: tuple[Tensor, ...], weights: Tensor, x: Tensor) -> Tensor:
            return ops.hypergraph_conv(x, *csr, weights, "pyg", None, None)

        message = ("message_weight", "message_bias", "logits")
        return {
            "expert_mix": (lambda x, p: ops.expert_mix(p["mixing"], x), ("mixing",), "aten_bmm"),
            "expert_mix_per_token": (
                lambda x, p: ops.expert_mix(p["token_mixing"], x),
                ("token_mixing",),
                "aten_bmm_per_token",
            ),
            "hypergraph_conv": (
                lambda x, p: conv(all_csr, p["weights"], x),
                ("weights",),
                "aten_conv",
            ),
            "hypergraph_conv_per_token": (
                lambda x, p: conv(few_csr, p["token_weights"], x),
                ("token_weights",),
                "aten_conv_per_token",
            ),
            "gnn_message": (
                lambda x, p: ops.gnn_message(x, *(p[k] for k in message)),
                message,
                "aten_message",
            ),
        }


def bytes_moved(x: Tensor, parameters: list[Tensor], direction: str) -> int:
    """What an operation must read and write: X and Y, and backward also dY, X again and dX; a
    parameter is read once and, backward, read again and its gradient written."""
    own = sum(parameter.nbytes for parameter in parameters)
    if direction == "forward":
        return 2 * x.nbytes + own
    return 5 * x.nbytes + 3 * own


def check_agreement(operations: Operations, x_NED: Tensor, precision: str, ours: bool) -> None:
    """On the first tokens, which is all there is to see: tokens do not mix."""
    few = min(TOKENS_TO_COMPARE, x_NED.shape[0])
    torch.manual_seed(3)
    cotangent = torch.randn_like(x_NED[:few])
    aten = operations.aten()

    def run(name: str, operation: Operation, needs: tuple[str, ...], dtype: torch.dtype):
        x = x_NED[:few].detach().to(dtype).requires_grad_()
        own = torch.float64 if dtype == torch.float64 else torch.float32
        parameters = operations.first_tokens(few, own)
        inputs = {"X": x} | {key: parameters[key] for key in needs}
        return agreement.output_and_gradients(
            lambda: operation(x, parameters), inputs, cotangent.to(dtype)
        )

    expected = {name: run(name, *form, torch.float64) for name, form in aten.items()}
    candidates = {name: (*form, name) for name, form in aten.items()}
    candidates |= operations.ours() if ours else {}
    for name, (operation, needs, same_as) in candidates.items():
        actual = run(name, operation, needs, x_NED.dtype)
        agreement.check(name, actual, expected[same_as], precision, cotangent.numel())


def measure_operations(
    experts: int, tokens: int, precision: str, plan: Plan, memory_setting: str
) -> list[dict[str, Any]]:
    """All operations on X [N, E, D], a group a direction."""
    operations = Operations(experts, tokens, plan.dim, plan.device)
    dtype = TYPES[precision]
    x_NED = torch.randn(tokens, experts, plan.dim, device=plan.device).to(dtype).requires_grad_()
    progress(f"operations E={experts} N={tokens} {precision}, X of {x_NED.nbytes / 1e6:.0f} MB")
    check_agreement(operations, x_NED, precision, plan.ours)
    cotangent = torch.randn_like(x_NED)
    forms = {name: form for name, form in operations.aten().items()}
    if plan.ours:
        forms |= {name: form[:2] for name, form in operations.ours().items()}
    groups = []
    for direction in DIRECTIONS:
        calls: dict[str, Call] = {"memcpy": copy_of(x_NED)}
        moved = {"memcpy": 2 * x_NED.nbytes}
        for name, (operation, needs) in forms.items():
            parameters = [operations.parameters[key] for key in needs]
            calls[name] = _call(operation, operations.parameters, x_NED, parameters, cotangent)[
                direction
            ]
            moved[name] = bytes_moved(x_NED, parameters, direction)
        samples = interleave(calls, plan.rounds, plan.clock)
        name = f"operations/{precision}/E{experts}/N{tokens}/{direction}/{memory_setting}".lower()
        groups.append(
            {
                "id": name,
                "kind": "operations",
                "experts": experts,
                "tokens": tokens,
                "dim": plan.dim,
                "precision": precision,
                "direction": direction,
                "memory": memory_setting,
                "x_bytes": x_NED.nbytes,
                "hyperedges_per_token": len(operations.few),
                "calls": {k: summary(v, bytes=moved[k]) for k, v in samples.items()},
            }
        )
    return groups


def _call(
    operation: Operation,
    parameters: dict[str, Tensor],
    x: Tensor,
    needed: list[Tensor],
    cotangent: Tensor,
) -> dict[str, Call]:
    def forward() -> None:
        with torch.no_grad():
            operation(x, parameters)

    def forward_backward() -> None:
        torch.autograd.grad(operation(x, parameters), [x, *needed], cotangent)

    return {"forward": forward, "forward_backward": forward_backward}


def measure_all(plan: Plan, memory_setting: str) -> list[dict[str, Any]]:
    """Every number of experts, type and size of the plan."""
    groups = []
    for precision in ("fp32", "bf16"):
        for experts in plan.kernel_experts:
            row = experts * plan.dim * TYPES[precision].itemsize
            for tokens in (plan.large_bytes // row, *plan.small_tokens):
                groups += measure_operations(experts, tokens, precision, plan, memory_setting)
    return groups
