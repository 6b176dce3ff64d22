"""The small models, operations and training runs whose numbers tests/golden holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypergraphs import Hyperedges, strategy_hyperedges

VOCAB_SIZE = 11
EMBED_DIM = 4
NUM_HEADS = 2
MAX_SEQ_LENGTH = 7  # one more than the batch needs, so that pos_emb is read in part
TOKENS_PER_ROW = 6
LENGTHS = [6, 2, 4]


@dataclass(frozen=True)
class ModelCase:
    """A model; `hyperedge_values` chooses how its raw hyperedge weights are drawn."""

    name: str
    coupler_type: str
    num_experts: int
    num_layers: int = 1
    gnn_layers: int = 2
    strategy: str | None = None
    hyperedges_file: Hyperedges | None = None
    weighting: str = "pyg"
    weight_param: str = "positive"
    weight_source: str = "shared"
    learnable: bool = True
    activation: str = "none"
    residual: bool = False
    hyperedge_values: str = "normal"  # or positive, negative

    def hyperedges(self) -> Hyperedges:
        if self.hyperedges_file is not None:
            return self.hyperedges_file
        return strategy_hyperedges(self.strategy, self.num_experts) if self.strategy else []

    def options(self) -> dict[str, Any]:
        """Keyword arguments of ModelConfig."""
        return dict(
            vocab_size=VOCAB_SIZE,
            embed_dim=EMBED_DIM,
            num_heads=NUM_HEADS,
            num_layers=self.num_layers,
            max_seq_length=MAX_SEQ_LENGTH,
            num_experts=self.num_experts,
            gnn_layers=self.gnn_layers,
            coupler_type=self.coupler_type,
            hyperedges=self.hyperedges(),
            hyperedge_weighting=self.weighting,
            hyperedge_weight_param=self.weight_param,
            hyperedge_weight_source=self.weight_source,
            hgnn_learnable_edge_weights=self.learnable,
            hgnn_activation=self.activation,
            hgnn_residual=self.residual,
        )


def _hgnn(name: str, num_experts: int, strategy: str | None = None, **more: Any) -> ModelCase:
    return ModelCase("model-hgnn-" + name, "HGNN", num_experts, strategy=strategy, **more)


MODEL_CASES = [
    ModelCase("model-gnn-e1", "GNN", 1),
    ModelCase("model-gnn-e2", "GNN", 2),
    ModelCase("model-gnn-e4", "GNN", 4),
    _hgnn("pairs-e2", 2, "all_pairs", num_layers=2),
    _hgnn("pairs-e4", 4, "all_pairs", gnn_layers=3),
    _hgnn("triplets-e4", 4, "all_triplets"),
    _hgnn("triplets-e5", 5, "all_triplets", gnn_layers=1),
    _hgnn("all-e3", 3, "all"),
    _hgnn("raw-positive-e2", 2, "all_pairs", weight_param="raw", hyperedge_values="positive"),
    _hgnn("raw-negative-e3", 3, "all_pairs", weight_param="raw", hyperedge_values="negative"),
    # Fixed weights on a complete uniform hypergraph would be a no-op and show nothing.
    _hgnn("file-fixed-e2", 2, hyperedges_file=[[0, 1], [0]], learnable=False),
    _hgnn("paper-pairs-e3", 3, "all_pairs", gnn_layers=3, weighting="paper"),
    _hgnn(
        "paper-file-fixed-e2", 2, hyperedges_file=[[0, 1], [0]], weighting="paper", learnable=False
    ),
    _hgnn("isolated-e4", 4, hyperedges_file=[[0, 1], [1, 2]]),
    _hgnn("no-hyperedges-e2", 2, "all_triplets"),
    _hgnn("gelu-e2", 2, hyperedges_file=[[0, 1], [0]], activation="gelu"),
    _hgnn("residual-e2", 2, hyperedges_file=[[0, 1], [1]], residual=True),
    _hgnn(
        "token-paper-gelu-residual-e3",
        3,
        "all_pairs",
        weighting="paper",
        weight_source="token",
        activation="gelu",
        residual=True,
    ),
    ModelCase("model-mean-e2", "MEAN", 2),
    ModelCase("model-none-e1", "NONE", 1, num_layers=2),
    ModelCase("model-none-e3", "NONE", 3),
]


@dataclass(frozen=True)
class HypergraphCase:
    """One hypergraph convolution on N tokens, its weights shared [M] or each token's own [N, M]."""

    name: str
    num_experts: int
    hyperedges: Hyperedges = field(default_factory=list)
    weighting: str = "pyg"
    per_token: bool = False
    num_tokens: int = 3


def _op(name: str, num_experts: int, edges: str | Hyperedges, **more: Any) -> HypergraphCase:
    hyperedges = strategy_hyperedges(edges, num_experts) if isinstance(edges, str) else edges
    return HypergraphCase("op-hypergraph-" + name, num_experts, hyperedges, **more)


_ISOLATED_AND_MIXED = [[0, 3], [0, 1, 3], [1, 4, 3], [3]]  # expert 2 is in none

HYPERGRAPH_CASES = [
    _op("pairs-e4", 4, "all_pairs"),
    _op("pairs-e4-per-token", 4, "all_pairs", per_token=True),
    _op("triplets-e6-per-token", 6, "all_triplets", per_token=True),
    _op("mixed-e5-per-token", 5, _ISOLATED_AND_MIXED, per_token=True),
    _op("paper-pairs-e4-per-token", 4, "all_pairs", weighting="paper", per_token=True),
    _op("paper-mixed-e5", 5, _ISOLATED_AND_MIXED, weighting="paper"),
]


@dataclass(frozen=True)
class TrainingCase:
    """A few optimizer steps on fresh random batches."""

    name: str
    model: ModelCase
    steps: int = 5
    learning_rate: float = 0.02
    warmup_steps: int = 2
    weight_decay: float = 0.01
    grad_clip: float = 1.0


TRAINING_CASES = [
    # One expert: adjacency_logits, message_weight and neighbor_transform are never used. The
    # gradient norms lie on both sides of the clipping threshold.
    TrainingCase("train-gnn-e1", ModelCase("", "GNN", 1), grad_clip=0.9),
    TrainingCase("train-hgnn-pairs-e3", ModelCase("", "HGNN", 3, strategy="all_pairs")),
]
