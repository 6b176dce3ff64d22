"""The shared library of operations, called from Python and compared with PyTorch Geometric."""

import full_environment  # noqa: F401  (first: skips where torch is missing)

import os
from pathlib import Path
import unittest

import torch
from torch import Tensor
from torch_geometric.nn import HypergraphConv

from hypergraphs import hyperedge_index, mixing_matrix, strategy_hyperedges

LIBRARY = Path(os.environ.get("HGNN_MOE_OPS_LIBRARY", "build/release/lib/libhgnn_moe_ops.so"))
EXPERTS, DIM, TOKENS = 5, 16, 7
# With an expert in no hyperedge, an empty hyperedge and one of a single expert.
IRREGULAR = [[0, 1], [4, 1, 2], [], [1]]


def setUpModule() -> None:
    if not LIBRARY.is_file():
        raise unittest.SkipTest(f"{LIBRARY} is missing: build the release preset")
    torch.ops.load_library(LIBRARY)
    torch.manual_seed(1)


def incidence(hyperedges: list[list[int]], experts: int = EXPERTS) -> tuple[Tensor, ...]:
    index = hyperedge_index(hyperedges)
    return torch.ops.hgnn_moe.incidence_csr(index, experts, len(hyperedges))


def gradients(output: Tensor, inputs: list[Tensor], cotangent: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(output, inputs, cotangent))


class OperatorsTest(unittest.TestCase):
    def assert_same(self, ours: Tensor, reference: Tensor, inputs: list[Tensor]) -> None:
        """Outputs and the gradients of `inputs`, in float64."""
        torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-10)
        cotangent = torch.randn_like(ours)
        pairs = zip(gradients(ours, inputs, cotangent), gradients(reference, inputs, cotangent))
        for ours_gradient, reference_gradient in pairs:
            torch.testing.assert_close(ours_gradient, reference_gradient, rtol=1e-9, atol=1e-9)

    def test_hypergraph_conv_is_pyg_on_every_tokens_own_graph(self) -> None:
        for hyperedges in (IRREGULAR, strategy_hyperedges("all_pairs", EXPERTS)):
            for per_token in (False, True):
                with self.subTest(hyperedges=hyperedges, per_token=per_token):
                    shape = (TOKENS, len(hyperedges)) if per_token else (len(hyperedges),)
                    x = torch.randn(TOKENS, EXPERTS, DIM, dtype=torch.double, requires_grad=True)
                    w = (torch.rand(shape, dtype=torch.double) + 0.2).requires_grad_()
                    conv = HypergraphConv(DIM, DIM).double()
                    index = hyperedge_index(hyperedges)
                    reference = torch.stack(
                        [
                            conv(x[n], index, w[n] if per_token else w, num_edges=len(hyperedges))
                            for n in range(TOKENS)
                        ]
                    )
                    ours = torch.ops.hgnn_moe.hypergraph_conv(
                        x, *incidence(hyperedges), w, "pyg", conv.lin.weight, conv.bias
                    )
                    self.assert_same(ours, reference, [x, w, conv.lin.weight, conv.bias])

    def test_mixing_matrix_is_that_of_the_reference(self) -> None:
        hyperedges = [members for members in IRREGULAR if members]  # its 1 / 0 would be NaN
        w = torch.rand(len(hyperedges)).double() + 0.2
        for weighting in ("pyg", "paper"):
            ours = torch.ops.hgnn_moe.mixing_matrix(*incidence(hyperedges), w, weighting)
            torch.testing.assert_close(ours, mixing_matrix(hyperedges, EXPERTS, w, weighting))

    def test_collapsed_hypergraph_is_the_mean_of_pygs_layers(self) -> None:
        hyperedges = strategy_hyperedges("all_triplets", EXPERTS)
        x = torch.randn(TOKENS, EXPERTS, DIM, dtype=torch.double, requires_grad=True)
        w = (torch.rand(len(hyperedges), dtype=torch.double) + 0.2).requires_grad_()
        layers = [HypergraphConv(DIM, DIM).double() for _ in range(2)]
        tokens = []
        for n in range(TOKENS):
            y = x[n]
            for layer in layers:
                y = layer(y, hyperedge_index(hyperedges), w)
            tokens.append(y.mean(0))
        csr = incidence(hyperedges)
        ours = torch.ops.hgnn_moe.collapsed_hypergraph(
            x,
            torch.ops.hgnn_moe.mixing_matrix(*csr, w, "pyg"),
            [layer.lin.weight for layer in layers],
            [layer.bias for layer in layers],
            None,
            None,
        )
        parameters = [p for layer in layers for p in layer.parameters()]
        self.assert_same(ours, torch.stack(tokens), [x, w, *parameters])

    def test_expert_mix_is_a_product_a_token(self) -> None:
        x = torch.randn(TOKENS, EXPERTS, DIM, dtype=torch.double, requires_grad=True)
        for shape in ((3, EXPERTS), (TOKENS, 3, EXPERTS)):
            mixing = torch.randn(shape, dtype=torch.double, requires_grad=True)
            reference = torch.matmul(mixing, x)
            self.assert_same(torch.ops.hgnn_moe.expert_mix(mixing, x), reference, [mixing, x])

    def test_gnn_message_is_the_sum_over_pairs(self) -> None:
        x = torch.randn(TOKENS, EXPERTS, DIM, dtype=torch.double, requires_grad=True)
        weight = torch.randn(1, 2 * DIM, dtype=torch.double, requires_grad=True)
        bias = torch.randn(1, dtype=torch.double, requires_grad=True)
        logits = torch.randn(EXPERTS, EXPERTS, dtype=torch.double, requires_grad=True)
        rows = []
        for i in range(EXPERTS):
            total = torch.zeros(TOKENS, DIM, dtype=torch.double)
            for j in range(EXPERTS):
                if j != i:
                    pair = torch.cat([x[:, i], x[:, j]], dim=1)
                    gate = torch.sigmoid(torch.nn.functional.linear(pair, weight, bias))
                    total = total + torch.sigmoid(logits[i, j]) * gate * x[:, j]
            rows.append(total)
        ours = torch.ops.hgnn_moe.gnn_message(x, weight, bias, logits)
        self.assert_same(ours, torch.stack(rows, dim=1), [x, weight, bias, logits])


    def test_gnn_update_is_the_layer_behind_the_message(self) -> None:
        x, message = (torch.randn(TOKENS, EXPERTS, DIM).double().requires_grad_() for _ in "ab")
        own, neighbor = (torch.nn.Linear(DIM, DIM).double() for _ in "ab")
        parameters = [*own.parameters(), *neighbor.parameters()]
        reference = torch.nn.functional.gelu(own(x) + neighbor(message)) + x
        ours = torch.ops.hgnn_moe.gnn_update(x, message, *parameters)
        self.assert_same(ours, reference, [x, message, *parameters])


class DispatcherTest(unittest.TestCase):
    """What torch.compile, FakeTensor and autograd expect of an operator."""

    def arguments(self) -> dict[str, tuple]:
        x = torch.randn(TOKENS, EXPERTS, DIM, requires_grad=True)
        w = (torch.rand(len(IRREGULAR)) + 0.2).requires_grad_()
        bias = torch.randn(DIM, requires_grad=True)
        mixing = torch.randn(TOKENS, EXPERTS, EXPERTS, requires_grad=True)
        return {
            "expert_mix": (mixing, x),
            "hypergraph_mix": (x, *incidence(IRREGULAR), w, "paper", bias),
            "gnn_message": (
                x,
                torch.randn(1, 2 * DIM, requires_grad=True),
                torch.zeros(1, requires_grad=True),
                torch.randn(EXPERTS, EXPERTS, requires_grad=True),
            ),
        }

    def test_opcheck(self) -> None:
        for name, arguments in self.arguments().items():
            with self.subTest(name):
                torch.library.opcheck(getattr(torch.ops.hgnn_moe, name).default, arguments)

    def test_a_compiled_model_computes_the_same(self) -> None:
        csr = incidence(strategy_hyperedges("all_pairs", EXPERTS))
        theta = torch.randn(DIM, DIM, requires_grad=True)
        bias = torch.randn(DIM, requires_grad=True)
        w = (torch.rand(10) + 0.2).requires_grad_()

        def layer(x: Tensor) -> Tensor:
            y = torch.ops.hgnn_moe.hypergraph_conv(x, *csr, w, "pyg", theta, bias)
            return torch.nn.functional.gelu(y) + x

        compiled = torch.compile(layer, fullgraph=True, dynamic=True)
        for tokens in (TOKENS, 3 * TOKENS):
            x = torch.randn(tokens, EXPERTS, DIM, requires_grad=True)
            expected, actual = layer(x), compiled(x)
            torch.testing.assert_close(actual, expected)
            cotangent = torch.randn_like(expected)
            for a, b in zip(
                gradients(actual, [x, w, theta, bias], cotangent),
                gradients(expected, [x, w, theta, bias], cotangent),
            ):
                torch.testing.assert_close(a, b)

    def test_messages_name_what_is_wrong(self) -> None:
        x = torch.randn(TOKENS, EXPERTS, DIM)
        csr = incidence(IRREGULAR)
        ops = torch.ops.hgnn_moe
        for message, call in {
            "a mixing of 4 experts for x of 5": lambda: ops.expert_mix(torch.ones(3, 4), x),
            "weighting is 'pgy'": lambda: ops.hypergraph_conv(
                x, *csr, torch.ones(4), "pgy", None, None
            ),
            "3 weights for 4 hyperedges": lambda: ops.hypergraph_conv(
                x, *csr, torch.ones(3), "pyg", None, None
            ),
            "weights of 6 tokens for x of 7": lambda: ops.hypergraph_conv(
                x, *csr, torch.ones(6, 4), "pyg", None, None
            ),
            "puts expert 5 into hyperedge 0": lambda: ops.incidence_csr(
                torch.tensor([[5], [0]]), EXPERTS, 1
            ),
            "a second time": lambda: ops.incidence_csr(
                torch.tensor([[1, 1], [0, 0]]), EXPERTS, 1
            ),
            "weights have the shape .2.": lambda: ops.mixing_matrix(*csr, torch.ones(2), "pyg"),
            "theta has the shape .4, 4.": lambda: ops.hypergraph_conv(
                x, *csr, torch.ones(4), "pyg", torch.ones(4, 4), None
            ),
            "a theta is Double": lambda: ops.collapsed_hypergraph(
                x,
                torch.ones(EXPERTS, EXPERTS),
                [torch.ones(DIM, DIM, dtype=torch.float64)],
                [torch.ones(DIM)],
                None,
                None,
            ),
            "message has the shape": lambda: ops.gnn_update(
                x,
                x[1:],
                torch.ones(DIM, DIM),
                torch.ones(DIM),
                torch.ones(DIM, DIM),
                torch.ones(DIM),
            ),
            "it needs a floating type": lambda: ops.expert_mix(torch.ones(3, 5), x.long()),
        }.items():
            with self.subTest(message), self.assertRaisesRegex(ValueError, message):
                call()

    def test_second_derivatives_are_refused(self) -> None:
        x = torch.randn(TOKENS, EXPERTS, DIM, requires_grad=True)
        mixing = torch.randn(EXPERTS, EXPERTS, requires_grad=True)
        y = torch.ops.hgnn_moe.expert_mix(mixing, x)
        with self.assertRaisesRegex(NotImplementedError, "differentiated once"):
            torch.autograd.grad(y.sum(), (mixing, x), create_graph=True)


if __name__ == "__main__":
    unittest.main()
