"""The facts of docs/model.md about P, held against HypergraphConv itself."""

import full_environment  # noqa: F401  (first: skips where torch is missing)

from math import comb
import unittest

import torch
from torch_geometric.nn import HypergraphConv

from hypergraphs import (
    Hyperedges,
    hyperedge_index,
    incidence,
    mixing_matrix,
    strategy_hyperedges,
)
from reference_model import HgnnLayer, ModelConfig

IRREGULAR = [[0, 3], [0, 1, 3], [1, 4, 3], [3], [2, 1]]


def weights_for(hyperedges: Hyperedges, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(len(hyperedges), generator=generator, dtype=torch.float64)
    return 0.3 + draws.abs()


def conv_as_matrix(
    hyperedges: Hyperedges, num_experts: int, weights: torch.Tensor | None
) -> torch.Tensor:
    """What HypergraphConv multiplies by: its output for identity features and identity Theta."""
    conv = HypergraphConv(num_experts, num_experts, bias=False).double()
    with torch.no_grad():
        conv.lin.weight.copy_(torch.eye(num_experts))
        features = torch.eye(num_experts, dtype=torch.float64)
        return conv(features, hyperedge_index(hyperedges), weights, num_edges=len(hyperedges))


class StrategyTest(unittest.TestCase):
    def test_counts_and_order(self) -> None:
        for num_experts in range(1, 9):
            pairs = strategy_hyperedges("all_pairs", num_experts)
            triplets = strategy_hyperedges("all_triplets", num_experts)
            self.assertEqual(len(pairs), comb(num_experts, 2))
            self.assertEqual(len(triplets), comb(num_experts, 3))
            self.assertEqual(pairs, sorted(pairs))
            self.assertEqual(triplets, sorted(triplets))
        self.assertEqual(strategy_hyperedges("all", 1), [])
        self.assertEqual(strategy_hyperedges("all", 3), [[0, 1, 2]])


class MixingMatrixTest(unittest.TestCase):
    def test_pyg_formula_is_hypergraph_conv(self) -> None:
        for num_experts in range(2, 7):
            for strategy in ("all_pairs", "all_triplets", "all"):
                hyperedges = strategy_hyperedges(strategy, num_experts)
                if not hyperedges:
                    continue
                for sign in (1, -1):
                    weights = sign * weights_for(hyperedges, num_experts)
                    torch.testing.assert_close(
                        mixing_matrix(hyperedges, num_experts, weights, "pyg"),
                        conv_as_matrix(hyperedges, num_experts, weights),
                    )

    def test_paper_is_hypergraph_conv_with_repeated_hyperedges(self) -> None:
        """A weight of n is n copies of the hyperedge: another route to the same matrix."""
        copies = [2, 1, 3, 1, 2]
        repeated = [
            edge for edge, count in zip(IRREGULAR, copies, strict=True) for _ in range(count)
        ]
        weights = torch.tensor(copies, dtype=torch.float64)
        torch.testing.assert_close(
            mixing_matrix(IRREGULAR, 5, weights, "paper"), conv_as_matrix(repeated, 5, None)
        )

    def test_expert_in_no_hyperedge_has_a_zero_row(self) -> None:
        hyperedges = [[0, 1], [1, 2]]
        for weighting in ("pyg", "paper"):
            weights = weights_for(hyperedges, 3).requires_grad_()
            mixing = mixing_matrix(hyperedges, 4, weights, weighting)
            self.assertEqual(mixing[3].abs().max().item(), 0)
            mixing.square().sum().backward()
            self.assertTrue(torch.isfinite(weights.grad).all())
        self.assertEqual(conv_as_matrix(hyperedges, 4, None)[3].abs().max().item(), 0)

    def test_complete_uniform_hypergraph_is_lambda_identity_plus_mean(self) -> None:
        for num_experts in range(2, 9):
            for size, strategy in ((2, "all_pairs"), (3, "all_triplets"), (num_experts, "all")):
                hyperedges = strategy_hyperedges(strategy, num_experts)
                if not hyperedges:
                    continue
                share = (num_experts - size) / (size * (num_experts - 1))
                expected = torch.full(
                    (num_experts, num_experts), (1 - share) / num_experts, dtype=torch.float64
                ) + share * torch.eye(num_experts, dtype=torch.float64)
                mixing = conv_as_matrix(hyperedges, num_experts, None)
                torch.testing.assert_close(mixing, expected)
                ones = torch.ones(num_experts, dtype=torch.float64)
                torch.testing.assert_close(mixing.sum(0), ones)
                torch.testing.assert_close(mixing.sum(1), ones)

    def test_paper_diagonal_is_one_over_k_whatever_the_weights(self) -> None:
        for size, strategy in ((2, "all_pairs"), (3, "all_triplets")):
            hyperedges = strategy_hyperedges(strategy, 5)
            mixing = mixing_matrix(hyperedges, 5, weights_for(hyperedges, 1), "paper")
            torch.testing.assert_close(
                mixing.diagonal(), torch.full((5,), 1 / size, dtype=torch.float64)
            )

    def test_row_sums(self) -> None:
        """1 under `paper`; (number of hyperedges of i) / d_i under `pyg`."""
        weights = weights_for(IRREGULAR, 2)
        matrix = incidence(IRREGULAR, 5, torch.float64)
        torch.testing.assert_close(
            mixing_matrix(IRREGULAR, 5, weights, "paper").sum(1), torch.ones(5).double()
        )
        torch.testing.assert_close(
            mixing_matrix(IRREGULAR, 5, weights, "pyg").sum(1), matrix.sum(1) / (matrix @ weights)
        )

    def test_hyperedges_of_all_experts_leave_a_scalar_at_most(self) -> None:
        hyperedges = [[0, 1, 2], [0, 1, 2]]
        weights = weights_for(hyperedges, 3)
        mean = torch.full((3, 3), 1 / 3, dtype=torch.float64)
        torch.testing.assert_close(mixing_matrix(hyperedges, 3, weights, "paper"), mean)
        scalar = 2 / weights.sum()
        torch.testing.assert_close(mixing_matrix(hyperedges, 3, weights, "pyg"), scalar * mean)


class CollapsedIdentityTest(unittest.TestCase):
    """Mean over experts of G linear layers = one weighted sum of experts and one constant."""

    WIDTH = 3
    LAYERS = 3
    TOKENS = 4

    def setUp(self) -> None:
        torch.manual_seed(7)

    def layers(self, hyperedges: Hyperedges, num_experts: int, weighting: str) -> list[HgnnLayer]:
        config = ModelConfig(
            vocab_size=1,
            embed_dim=self.WIDTH,
            num_heads=1,
            num_layers=1,
            max_seq_length=1,
            num_experts=num_experts,
            gnn_layers=self.LAYERS,
            coupler_type="HGNN",
            hyperedges=hyperedges,
            hyperedge_weighting=weighting,
        )
        layers = [HgnnLayer(config).double() for _ in range(self.LAYERS)]
        for layer in layers:
            torch.nn.init.normal_(layer.conv.bias)
        return layers

    def collapsed(
        self, x_NED: torch.Tensor, layers: list[HgnnLayer], mixings: torch.Tensor, scalars: bool
    ) -> torch.Tensor:
        """m_n = a_G X_n Theta_1' .. Theta_G' + sum_g c_g b_g Theta_(g+1)' .. Theta_G'."""
        outputs = []
        for x_ED, mixing in zip(x_NED, mixings, strict=True):
            experts = x_ED.shape[0]
            mean = torch.full((experts,), 1 / experts, dtype=torch.float64)
            powers = [torch.linalg.matrix_power(mixing, power) for power in range(len(layers) + 1)]
            rows = [mean @ power for power in powers]  # a_0 .. a_G
            result = rows[len(layers)] @ x_ED
            for layer in layers:
                result = result @ layer.conv.lin.weight.t()
            for g, layer in enumerate(layers, start=1):
                term = layer.conv.bias
                if scalars:
                    term = rows[len(layers) - g].sum() * term
                for later in layers[g:]:
                    term = term @ later.conv.lin.weight.t()
                result = result + term
            outputs.append(result)
        return torch.stack(outputs)

    def compare(self, weighting: str, per_token: bool, scalars: bool = True) -> float:
        num_experts = 5
        hyperedges = IRREGULAR
        layers = self.layers(hyperedges, num_experts, weighting)
        x = torch.randn(self.TOKENS, num_experts, self.WIDTH, dtype=torch.float64)
        shape = (self.TOKENS, len(hyperedges)) if per_token else (len(hyperedges),)
        weights = 0.3 + torch.randn(shape, dtype=torch.float64).abs()
        with torch.no_grad():
            rows = weights.expand(self.TOKENS, len(hyperedges))
            mixings = torch.stack(
                [mixing_matrix(hyperedges, num_experts, row, weighting) for row in rows]
            )
            collapsed = self.collapsed(x, layers, mixings, scalars)
            for layer in layers:
                x = layer(x, weights)
            expected = x.mean(dim=1)
            return ((collapsed - expected).norm() / expected.norm()).item()

    def test_identity(self) -> None:
        for weighting in ("pyg", "paper"):
            for per_token in (False, True):
                with self.subTest(weighting=weighting, per_token=per_token):
                    self.assertLess(self.compare(weighting, per_token), 1e-13)

    def test_bias_scalar_matters_under_pyg_alone(self) -> None:
        self.assertGreater(self.compare("pyg", per_token=False, scalars=False), 0.01)
        self.assertLess(self.compare("paper", per_token=False, scalars=False), 1e-13)

    def test_no_op_graphs_leave_the_mean_over_experts_alone(self) -> None:
        for strategy in ("all_pairs", "all_triplets", "all"):
            hyperedges = strategy_hyperedges(strategy, 4)
            layers = self.layers(hyperedges, 4, "pyg")
            x = torch.randn(self.TOKENS, 4, self.WIDTH, dtype=torch.float64)
            with torch.no_grad():
                mean = x.mean(dim=1)
                for layer in layers:
                    x = layer(x, None)
                    mean = layer.conv.lin(mean) + layer.conv.bias
            torch.testing.assert_close(x.mean(dim=1), mean)


if __name__ == "__main__":
    unittest.main()
