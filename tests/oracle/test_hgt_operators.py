"""Attention over edges of the shared library, called from Python and compared with a plain loop."""

import full_environment  # noqa: F401  (first: skips where torch is missing)

import math
import os
from pathlib import Path
import unittest

import torch
from torch import Tensor

LIBRARY = Path(os.environ.get("HGNN_MOE_OPS_LIBRARY", "build/release/lib/libhgnn_moe_ops.so"))
SOURCES, DESTINATIONS, RELATIONS, HEADS, DIM = 6, 5, 3, 2, 3
# (relation, source, destination); destination 4 has no edge, and one edge stands there twice.
EDGES = [(0, 0, 0), (0, 5, 0), (0, 2, 3), (0, 2, 3), (2, 1, 0), (2, 4, 2), (2, 3, 1), (2, 3, 0)]


def setUpModule() -> None:
    if not LIBRARY.is_file():
        raise unittest.SkipTest(f"{LIBRARY} is missing: build the release preset")
    torch.ops.load_library(LIBRARY)
    torch.manual_seed(1)


def make_inputs() -> list[Tensor]:
    """k, q, v, k_rel, v_rel, p_rel."""
    features, matrices = HEADS * DIM, (RELATIONS, HEADS, DIM, DIM)
    rows = (SOURCES, DESTINATIONS, SOURCES)
    shapes = [*((count, features) for count in rows), matrices, matrices, (RELATIONS, HEADS)]
    return [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in shapes]


def plain_attention(inputs: list[Tensor]) -> Tensor:
    k, q, v, k_rel, v_rel, p_rel = inputs
    rows = []
    for destination in range(DESTINATIONS):
        heads = []
        for head in range(HEADS):
            own = slice(head * DIM, (head + 1) * DIM)
            into = [(r, source) for r, source, to in EDGES if to == destination]
            if not into:
                heads.append(torch.zeros(DIM, dtype=torch.double))
                continue
            scores = [
                q[destination, own] @ (k[source, own] @ k_rel[r, head]) * p_rel[r, head]
                for r, source in into
            ]
            weights = (torch.stack(scores) / math.sqrt(DIM)).softmax(0)
            heads.append(weights @ torch.stack([v[s, own] @ v_rel[r, head] for r, s in into]))
        rows.append(torch.cat(heads))
    return torch.stack(rows)


def make_edges(edges: list[tuple[int, int, int]] = EDGES) -> tuple[list[int], Tensor]:
    relation, source, destination = torch.tensor(edges).t()
    return torch.ops.hgnn_moe.hgt_edges(source, destination, relation, SOURCES, DESTINATIONS)


class HgtOperatorsTest(unittest.TestCase):
    def test_attention_is_the_plain_loop_with_its_gradients(self) -> None:
        inputs = make_inputs()
        ours = torch.ops.hgnn_moe.hgt_attention(*inputs, *make_edges())
        plain = plain_attention(inputs)
        torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-12)
        cotangent = torch.randn_like(plain)
        actual = torch.autograd.grad(ours, inputs, cotangent)
        expected = torch.autograd.grad(plain, inputs, cotangent)
        for one, other in zip(actual, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)

    def test_wrong_arguments_raise_value_error(self) -> None:
        ops, inputs, edges = torch.ops.hgnn_moe, make_inputs(), make_edges()
        with self.assertRaisesRegex(ValueError, "hgt_edges"):
            make_edges([(0, SOURCES, 0)])
        with self.assertRaisesRegex(ValueError, "hgt_edges"):
            make_edges([(1, 0, 0), (0, 0, 0)])
        with self.assertRaisesRegex(ValueError, "int64"):
            ops.hgt_edges(*torch.zeros(3, 4).unbind(), SOURCES, DESTINATIONS)
        for i in range(6):
            changed = [*inputs]
            changed[i] = changed[i].repeat(*[2] * changed[i].dim())
            with self.subTest(i), self.assertRaisesRegex(ValueError, "hgt_attention"):
                ops.hgt_attention(*changed, *edges)

    def test_is_differentiated_once(self) -> None:
        inputs = make_inputs()
        ours = torch.ops.hgnn_moe.hgt_attention(*inputs, *make_edges())
        with self.assertRaises(NotImplementedError):
            torch.autograd.grad(ours.sum(), inputs, create_graph=True)


if __name__ == "__main__":
    unittest.main()
