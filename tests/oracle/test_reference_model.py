"""The reference model: names, totals, causality, and the two ways of calling HypergraphConv."""

import full_environment  # noqa: F401  (first: skips where torch is missing)

from dataclasses import replace
import unittest

import torch

from golden_cases import MODEL_CASES
from hypergraphs import strategy_hyperedges
from reference_model import LanguageModel, ModelConfig, next_token_loss

SMALL = ModelConfig(
    vocab_size=13,
    embed_dim=8,
    num_heads=2,
    num_layers=2,
    max_seq_length=6,
    num_experts=4,
    gnn_layers=2,
    coupler_type="HGNN",
    hyperedges=strategy_hyperedges("all_pairs", 4),
)


def _published_totals() -> list[tuple[ModelConfig, int]]:
    """(configuration, parameters) in the order of the table in docs/model.md."""
    gnn = replace(
        SMALL,
        vocab_size=50257,
        max_seq_length=128,
        embed_dim=384,
        num_layers=4,
        coupler_type="GNN",
        hyperedges=[],
    )
    small_pairs = replace(
        gnn,
        coupler_type="HGNN",
        num_layers=6,
        gnn_layers=3,
        num_experts=2,
        hyperedges=strategy_hyperedges("all_pairs", 2),
    )
    large_pairs = replace(
        small_pairs,
        embed_dim=512,
        num_layers=8,
        num_experts=4,
        hyperedges=strategy_hyperedges("all_pairs", 4),
    )
    return [
        (replace(gnn, num_experts=2), 55_859_321),
        (gnn, 70_055_129),
        (replace(gnn, num_experts=8), 98_446_937),
        (replace(gnn, embed_dim=256), 39_773_401),
        (replace(gnn, embed_dim=512), 107_283_673),
        (replace(gnn, gnn_layers=1), 68_869_269),
        (replace(gnn, gnn_layers=3), 71_240_989),
        (replace(gnn, num_layers=6), 85_733_917),
        (replace(gnn, num_layers=8), 101_412_705),
        (small_pairs, 63_543_895),
        (large_pairs, 160_869_505),
    ]


PUBLISHED_TOTALS = _published_totals()

OUTER_NAMES = """
    token_emb.weight pos_emb.weight output_norm.weight output_norm.bias lm_head.weight lm_head.bias
"""
EXPERT_NAMES = """
    attention.in_proj_weight attention.in_proj_bias attention.out_proj.weight
    attention.out_proj.bias norm1.weight norm1.bias norm2.weight norm2.bias
    ffn.0.weight ffn.0.bias ffn.3.weight ffn.3.bias
"""
COMBINER_NAMES = "combiner.0.weight combiner.0.bias combiner.2.weight combiner.2.bias"
COUPLER_NAMES = {
    "GNN": """
        gnn_layers_module.0.neighbor_transform.weight gnn_layers_module.0.neighbor_transform.bias
        gnn_layers_module.0.self_transform.weight gnn_layers_module.0.self_transform.bias
        gnn_layers_module.0.message_weight.weight gnn_layers_module.0.message_weight.bias
        gnn_layers_module.0.adjacency_logits
    """
    + COMBINER_NAMES,
    "HGNN": """
        hyperedge_weights hgnn_layers_module.0.conv.lin.weight hgnn_layers_module.0.conv.bias
    """
    + COMBINER_NAMES,
    "MEAN": COMBINER_NAMES,
    "NONE": "",
}


def small_model(**changes: object) -> LanguageModel:
    torch.manual_seed(3)
    model = LanguageModel(replace(SMALL, **changes)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def parameter_total(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def formula_total(config: ModelConfig) -> int:
    """The parameter count of docs/model.md."""
    width, experts = config.embed_dim, config.num_experts
    combiner = width * width + 3 * width
    gnn_layer = 2 * (width * width + width) + 2 * width + 1 + experts * experts
    learnable = len(config.hyperedges) if config.hgnn_learnable_edge_weights else 0
    if config.hyperedge_weight_source == "token":
        learnable += learnable * width
    coupler = {
        "GNN": config.gnn_layers * gnn_layer + combiner,
        "HGNN": config.gnn_layers * (width * width + width) + learnable + combiner,
        "MEAN": combiner,
        "NONE": 0,
    }[config.coupler_type]
    block = 12 * width * width + 13 * width
    embeddings = (config.vocab_size + config.max_seq_length) * width
    head = 2 * width + config.vocab_size * width + config.vocab_size
    return embeddings + config.num_layers * (experts * block + coupler) + head


class ParameterTest(unittest.TestCase):
    def test_formula_counts_every_golden_model(self) -> None:
        for case in MODEL_CASES:
            config = ModelConfig(**case.options())
            with self.subTest(case.name):
                self.assertEqual(parameter_total(LanguageModel(config)), formula_total(config))

    def test_published_totals(self) -> None:
        for config, total in PUBLISHED_TOTALS:
            with self.subTest(config=config):
                self.assertEqual(formula_total(config), total)
                with torch.device("meta"):
                    self.assertEqual(parameter_total(LanguageModel(config)), total)

    def test_names(self) -> None:
        for kind, coupler_names in COUPLER_NAMES.items():
            model = small_model(coupler_type=kind, num_layers=1, gnn_layers=1)
            expected = OUTER_NAMES.split()
            expected += [f"model_layers.0.coupler.{name}" for name in coupler_names.split()]
            for expert in range(SMALL.num_experts):
                prefix = f"model_layers.0.experts.{expert}."
                expected += [prefix + name for name in EXPERT_NAMES.split()]
            self.assertEqual(sorted(model.state_dict()), sorted(expected), kind)

    def test_no_weights_without_hyperedges_or_learning(self) -> None:
        for changes in ({"hyperedges": []}, {"hgnn_learnable_edge_weights": False}):
            names = small_model(**changes).state_dict()
            self.assertNotIn("model_layers.0.coupler.hyperedge_weights", names)
            self.assertIn("model_layers.0.coupler.hgnn_layers_module.1.conv.bias", names)


class ForwardTest(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(5)
        self.tokens = torch.randint(SMALL.vocab_size, (2, SMALL.max_seq_length))

    def test_block_diagonal_equals_one_call_a_token(self) -> None:
        for strategy in ("all_pairs", "all_triplets", "all"):
            for num_experts in (2, 4, 5):
                hyperedges = strategy_hyperedges(strategy, num_experts)
                changes = dict(num_experts=num_experts, hyperedges=hyperedges)
                self.compare_conv_calls(strategy, changes)
        self.compare_conv_calls("file", dict(hyperedges=[[0, 1], [1, 2], [1]]))
        self.compare_conv_calls("fixed", dict(hgnn_learnable_edge_weights=False))

    def compare_conv_calls(self, label: str, changes: dict) -> None:
        results = []
        for calls in ("per_token", "block_diagonal"):
            model = small_model(conv_calls=calls, **changes)
            loss = next_token_loss(model(self.tokens), self.tokens, [6, 4])
            loss.backward()
            results.append([loss] + [p.grad for p in model.parameters() if p.grad is not None])
        with self.subTest(label, **changes):
            self.assertEqual(len(results[0]), len(results[1]))
            for sequential, batched in zip(*results, strict=True):
                torch.testing.assert_close(batched, sequential)

    def test_block_diagonal_with_weights_of_each_token(self) -> None:
        layer = small_model().model_layers[0].coupler.hgnn_layers_module[0]
        x = torch.randn(5, 4, SMALL.embed_dim, dtype=torch.float64)
        weights = 0.3 + torch.rand(5, 6, dtype=torch.float64)
        sequential = layer.conv_per_token(x, weights)
        torch.testing.assert_close(layer.conv_block_diagonal(x, weights), sequential)
        shifted = layer.conv_block_diagonal(x, weights.roll(1, 0))
        self.assertGreater((shifted - sequential).abs().max().item(), 1e-3)

    def test_causality(self) -> None:
        """No logit depends on a later token, bit for bit."""
        changed = self.tokens.clone()
        changed[:, 3:] = (changed[:, 3:] + 1) % SMALL.vocab_size
        for kind in ("GNN", "HGNN", "MEAN", "NONE"):
            for calls in ("per_token", "block_diagonal"):
                model = small_model(coupler_type=kind, conv_calls=calls)
                with torch.no_grad():
                    before, after = model(self.tokens), model(changed)
                self.assertTrue(torch.equal(before[:, :3], after[:, :3]), (kind, calls))
                self.assertFalse(torch.equal(before[:, 3:], after[:, 3:]), (kind, calls))

    def test_loss_ignores_padding_but_not_token_zero(self) -> None:
        model = small_model()
        other_padding = self.tokens.clone()
        other_padding[1, 4:] = (other_padding[1, 4:] + 5) % SMALL.vocab_size
        with torch.no_grad():
            loss = next_token_loss(model(self.tokens), self.tokens, [6, 4])
            same = next_token_loss(model(other_padding), other_padding, [6, 4])
            self.assertEqual(loss.item(), same.item())
            zero_target = self.tokens.clone()
            zero_target[1, 3] = 0
            by_hand = 0.0
            for row, length in enumerate([6, 4]):
                logs = model(zero_target)[row].log_softmax(-1)
                for position in range(length - 1):
                    by_hand -= logs[position, zero_target[row, position + 1]].item()
            loss = next_token_loss(model(zero_target), zero_target, [6, 4])
            self.assertAlmostEqual(loss.item(), by_hand / 8, places=12)

    def test_single_expert_gnn_has_no_neighbour_term(self) -> None:
        model = small_model(coupler_type="GNN", num_experts=1)
        next_token_loss(model(self.tokens), self.tokens, [6, 6]).backward()
        layer = model.model_layers[0].coupler.gnn_layers_module[0]
        self.assertIsNone(layer.neighbor_transform.bias.grad)
        self.assertIsNone(layer.adjacency_logits.grad)
        self.assertIsNotNone(layer.self_transform.bias.grad)

    def test_no_hyperedges_is_the_mean_coupler(self) -> None:
        empty = small_model(hyperedges=[])
        mean = small_model(coupler_type="MEAN")
        mean.load_state_dict(empty.state_dict(), strict=False)
        with torch.no_grad():
            self.assertTrue(torch.equal(empty(self.tokens), mean(self.tokens)))

    def test_weights_per_token_begin_as_shared_ones(self) -> None:
        shared, token = (
            LanguageModel(replace(SMALL, hyperedge_weight_source=source)).double()
            for source in ("shared", "token")
        )
        token.load_state_dict(shared.state_dict(), strict=False)
        with torch.no_grad():
            torch.testing.assert_close(token(self.tokens), shared(self.tokens))
            for name, parameter in token.named_parameters():
                if "hyperedge_weight_proj" in name:
                    parameter.normal_()
            difference = (token(self.tokens) - shared(self.tokens)).abs().max().item()
        self.assertGreater(difference, 1e-6)

    def test_message_weight_splits_into_two_halves(self) -> None:
        """w.[x_i; x_j] + c = a_i + b_j: what lets one E x E matrix a token replace E^2 vectors."""
        layer = small_model(coupler_type="GNN").model_layers[0].coupler.gnn_layers_module[0]
        x = torch.randn(3, 4, SMALL.embed_dim, dtype=torch.float64)
        first, second = layer.message_weight.weight[0].chunk(2)
        gates = torch.sigmoid(
            (x @ first)[:, :, None] + (x @ second)[:, None, :] + layer.message_weight.bias
        )
        kernel = torch.sigmoid(layer.adjacency_logits) * gates
        kernel = kernel * (1 - torch.eye(4, dtype=torch.float64))
        hidden = layer.neighbor_transform(kernel @ x) + layer.self_transform(x)
        torch.testing.assert_close(torch.nn.functional.gelu(hidden), layer(x))


if __name__ == "__main__":
    unittest.main()
