"""The FLOPs that a step needs, and the matrix products that most of them are. Plain data.

A multiplication and an addition are two FLOPs. Needed are those of the cheapest correct form, on
real tokens alone: forward, with N tokens, R targets, samples of t tokens, and per layer,

    experts    24 E D^2 N              QKV, output projection, both layers of the FFN
    attention  E D sum of 2 t (t + 1)  queries by keys and probabilities by values, causal
    HGNN       2 E D N + the smaller of 2 D^2 N + 2 G D^3 (matrices folded first)
               and 2 (G + 1) D^2 N     on the weighted mean of the experts
    GNN        G (4 D^2 + 2 E D + 4 D) E N + 2 D^2 N; with E = 1, whom nobody speaks to,
               2 (G + 1) D^2 N
    head       2 D V R                 once

and three times as much forward and backward together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from step.case import Case

FORWARD_AND_BACKWARD = 3


@dataclass(frozen=True)
class Product:
    """`count` products [rows, inner] times [inner, columns] of a forward pass."""

    name: str
    rows: int
    inner: int
    columns: int
    count: int

    @property
    def flops(self) -> int:
        return 2 * self.rows * self.inner * self.columns * self.count


def real_tokens(lengths: Sequence[int]) -> int:
    return sum(lengths)


def real_targets(lengths: Sequence[int]) -> int:
    """Of the next token: a sample's last has none."""
    return sum(length - 1 for length in lengths)


def forward_products(case: Case, lengths: Sequence[int]) -> list[Product]:
    """By parameters, on real tokens: attention and mixing are not among them."""
    tokens, dim, experts, layers = real_tokens(lengths), case.dim, case.experts, case.layers
    return [
        Product("qkv", tokens, dim, 3 * experts * dim, layers),
        Product("attention output", tokens, dim, dim, layers * experts),
        Product("ffn up", tokens, dim, 4 * dim, layers * experts),
        Product("ffn down", tokens, 4 * dim, dim, layers * experts),
        *_coupler_products(case, tokens),
        Product("head", real_targets(lengths), dim, case.vocab, 1),
    ]


def _coupler_products(case: Case, tokens: int) -> list[Product]:
    dim, layers, depth = case.dim, case.layers, case.gnn_layers
    if case.coupler == "GNN":
        transforms = 1 if case.experts == 1 else 2  # its own, and that of what it hears
        return [
            Product("transforms", tokens * case.experts, dim, dim, transforms * depth * layers),
            Product("combiner", tokens, dim, dim, layers),
        ]
    one_by_one = [Product("convolutions, combiner", tokens, dim, dim, (depth + 1) * layers)]
    folded = [
        Product("folded matrices", dim, dim, dim, depth * layers),
        Product("folded coupler", tokens, dim, dim, layers),
    ]
    return min(one_by_one, folded, key=lambda products: sum(p.flops for p in products))


def attention_flops(case: Case, lengths: Sequence[int]) -> int:
    """Forward: token t of a sample sees t + 1 keys."""
    pairs = sum(length * (length + 1) // 2 for length in lengths)
    return 4 * case.dim * pairs * case.experts * case.layers


def mixing_flops(case: Case, lengths: Sequence[int]) -> int:
    """Forward: HGNN's weighted mean over experts; GNN's gates and messages."""
    tokens, experts, dim = real_tokens(lengths), case.experts, case.dim
    if case.coupler == "GNN":
        if experts == 1:
            return 0
        return case.layers * case.gnn_layers * (2 * experts + 4) * experts * dim * tokens
    return case.layers * 2 * experts * dim * tokens


def needed_flops(case: Case, lengths: Sequence[int]) -> int:
    """Of one step, forward and backward."""
    forward = sum(product.flops for product in forward_products(case, lengths))
    forward += attention_flops(case, lengths) + mixing_flops(case, lengths)
    return FORWARD_AND_BACKWARD * forward


def work_of(case: Case, batches: Sequence[Sequence[int]]) -> dict[str, float]:
    """What a group says of a step on one of these batches, given by lengths, on average."""
    tokens = mean(map(real_tokens, batches))
    return {
        "tokens": tokens,
        "fill": round(tokens / (case.batch * case.length), 3),
        "needed_flops": mean(needed_flops(case, batch) for batch in batches),
    }
