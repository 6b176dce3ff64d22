"""The language model of docs/model.md in PyTorch and PyTorch Geometric, as plainly as possible.

Everything with a library implementation calls it: nn.MultiheadAttention, nn.LayerNorm, nn.Linear,
nn.GELU and torch_geometric's HypergraphConv, the last once a token on that token's own small graph.
Nothing is shared with the C++ sources, so agreement between the two means something.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import HypergraphConv

from hypergraphs import Hyperedges, hyperedge_index, mixing_matrix, strategy_hyperedges

# softplus(RAW_OF_ONE) = 1: where the positive parameterisation starts.
RAW_OF_ONE = 0.541324854612918


@dataclass(frozen=True)
class ModelConfig:
    """What the shapes and the mathematics depend on; names as the trainer's flags."""

    vocab_size: int
    embed_dim: int
    num_heads: int
    num_layers: int
    max_seq_length: int
    num_experts: int
    gnn_layers: int
    coupler_type: str  # GNN, HGNN, MEAN or NONE
    hyperedges: Hyperedges = field(default_factory=list)
    hyperedge_weighting: str = "pyg"  # or paper
    hyperedge_weight_param: str = "positive"  # or raw
    hyperedge_weight_source: str = "shared"  # or token
    hgnn_learnable_edge_weights: bool = True
    hgnn_activation: str = "none"  # or gelu
    hgnn_residual: bool = False
    dropout_rate: float = 0.0
    # one token's graph at a time, or all of them in one block-diagonal incidence
    conv_calls: str = "per_token"  # or block_diagonal

    @staticmethod
    def from_run(options: dict[str, Any], vocab_size: int) -> ModelConfig:
        """From the "config" object of a run's config.json (every key resolved)."""
        if options.get("hyperedges_file"):
            hyperedges = json.loads(Path(options["hyperedges_file"]).read_text(encoding="utf-8"))
        else:
            hyperedges = strategy_hyperedges(
                options["static_hyperedge_strategy"], options["num_experts"]
            )
        same_name = (
            "embed_dim num_heads num_layers max_seq_length num_experts gnn_layers coupler_type "
            "hyperedge_weighting hyperedge_weight_param hyperedge_weight_source "
            "hgnn_learnable_edge_weights hgnn_activation hgnn_residual dropout_rate"
        )
        return ModelConfig(
            vocab_size=vocab_size,
            hyperedges=hyperedges,
            **{name: options[name] for name in same_name.split()},
        )

    def weight_notes(self) -> dict[str, str]:
        """Metadata of a model.safetensors: what its tensors do not show."""
        return {
            "format": "pt",
            "num_heads": str(self.num_heads),
            "hyperedge_weighting": self.hyperedge_weighting,
            "hyperedge_weight_param": self.hyperedge_weight_param,
            "hgnn_activation": self.hgnn_activation,
            "hgnn_residual": str(self.hgnn_residual).lower(),
        }


class ExpertBlock(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.embed_dim
        self.attention = nn.MultiheadAttention(
            width, config.num_heads, dropout=config.dropout_rate, batch_first=True
        )
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.ffn = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(config.dropout_rate),
            nn.Linear(4 * width, width),
            nn.Dropout(config.dropout_rate),
        )

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        length = x.shape[1]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        attended, _ = self.attention(normed, normed, normed, attn_mask=future, need_weights=False)
        hidden = x + attended
        return hidden + self.ffn(self.norm2(hidden))


class GnnLayer(nn.Module):
    """Messages between experts over a learned dense adjacency, one pair (i, j) at a time."""

    def __init__(self, width: int, num_experts: int) -> None:
        super().__init__()
        self.neighbor_transform = nn.Linear(width, width)
        self.self_transform = nn.Linear(width, width)
        self.message_weight = nn.Linear(2 * width, 1)
        self.adjacency_logits = nn.Parameter(torch.randn(num_experts, num_experts))

    def forward(self, x_NED: Tensor) -> Tensor:
        num_experts = x_NED.shape[1]
        outputs = []
        for i in range(num_experts):
            x_i = x_NED[:, i]
            hidden = self.self_transform(x_i)
            messages = []
            for j in range(num_experts):
                if j == i:
                    continue
                x_j = x_NED[:, j]
                gate = torch.sigmoid(self.message_weight(torch.cat([x_i, x_j], dim=-1)))
                messages.append(torch.sigmoid(self.adjacency_logits[i, j]) * gate * x_j)
            # A single expert has no neighbours: the whole term is absent, its bias too.
            if messages:
                hidden = hidden + self.neighbor_transform(sum(messages))
            outputs.append(nn.functional.gelu(hidden))
        return torch.stack(outputs, dim=1)


class HgnnLayer(nn.Module):
    """HypergraphConv over the experts of every token."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.conv = HypergraphConv(config.embed_dim, config.embed_dim)

    def forward(self, x_NED: Tensor, weights: Tensor | None) -> Tensor:
        """`weights` is [M], or [N, M] for weights of each token's own, or None for all ones."""
        if self.config.hyperedge_weighting == "paper":
            apply = self.paper_formula
        elif self.config.conv_calls == "per_token":
            apply = self.conv_per_token
        else:
            apply = self.conv_block_diagonal
        return apply(x_NED, weights)

    def conv_per_token(self, x_NED: Tensor, weights: Tensor | None) -> Tensor:
        index = hyperedge_index(self.config.hyperedges)
        edges = len(self.config.hyperedges)
        outputs = []
        for token, x_ED in enumerate(x_NED):
            own = weights[token] if weights is not None and weights.dim() == 2 else weights
            outputs.append(self.conv(x_ED, index, hyperedge_weight=own, num_edges=edges))
        return torch.stack(outputs)

    def conv_block_diagonal(self, x_NED: Tensor, weights: Tensor | None) -> Tensor:
        """One call for all tokens: experts are offset by E a token, hyperedges by M a token."""
        tokens, experts, width = x_NED.shape
        index = hyperedge_index(self.config.hyperedges)
        edges = len(self.config.hyperedges)
        offset = torch.tensor([experts, edges])[:, None, None] * torch.arange(tokens)[:, None]
        batched_index = (index[:, None, :] + offset).reshape(2, -1)
        if weights is not None:
            weights = weights.expand(tokens, edges).reshape(-1)
        mixed = self.conv(
            x_NED.reshape(tokens * experts, width),
            batched_index,
            hyperedge_weight=weights,
            num_edges=tokens * edges,
        )
        return mixed.reshape(tokens, experts, width)

    def paper_formula(self, x_NED: Tensor, weights: Tensor | None) -> Tensor:
        """HypergraphConv puts w into D only, so w beside B^-1 has to be written out."""
        edges, experts = len(self.config.hyperedges), x_NED.shape[1]
        if weights is None:
            weights = x_NED.new_ones(edges)
        per_token = weights.expand(x_NED.shape[0], edges)
        outputs = []
        for x_ED, own in zip(x_NED, per_token, strict=True):
            mixing = mixing_matrix(self.config.hyperedges, experts, own, "paper")
            outputs.append(mixing @ self.conv.lin(x_ED) + self.conv.bias)
        return torch.stack(outputs)


class Coupler(nn.Module):
    """GNN, HGNN or no layers, then the mean over experts and the combiner."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.embed_dim
        if config.coupler_type == "GNN":
            self.gnn_layers_module = nn.ModuleList(
                GnnLayer(width, config.num_experts) for _ in range(config.gnn_layers)
            )
        if config.coupler_type == "HGNN":
            self.hgnn_layers_module = nn.ModuleList(
                HgnnLayer(config) for _ in range(config.gnn_layers)
            )
            edges = len(config.hyperedges)
            if config.hgnn_learnable_edge_weights and edges > 0:
                positive = config.hyperedge_weight_param == "positive"
                start = torch.full((edges,), RAW_OF_ONE) if positive else torch.randn(edges)
                self.hyperedge_weights = nn.Parameter(start)
                if config.hyperedge_weight_source == "token":
                    # Its bias is hyperedge_weights.
                    self.hyperedge_weight_proj = nn.Linear(width, edges, bias=False)
        self.combiner = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))

    def effective_weights(self, input_ND: Tensor) -> Tensor | None:
        """w [M], or [N, M] where each token of the layer's input has its own, or None: all one."""
        if not self.config.hgnn_learnable_edge_weights:
            return None
        if self.config.hyperedge_weight_source == "token":
            projected = self.hyperedge_weight_proj(input_ND)
            return nn.functional.softplus(projected + self.hyperedge_weights)
        if self.config.hyperedge_weight_param == "positive":
            return nn.functional.softplus(self.hyperedge_weights)
        return self.hyperedge_weights

    def forward(self, x_NED: Tensor, input_ND: Tensor) -> Tensor:
        """`x_NED` is what the experts made of `input_ND`."""
        if self.config.coupler_type == "GNN":
            for layer in self.gnn_layers_module:
                x_NED = layer(x_NED) + x_NED
        # Without hyperedges the convolution layers exist but the coupler is the plain mean.
        if self.config.coupler_type == "HGNN" and self.config.hyperedges:
            weights = self.effective_weights(input_ND)
            for layer in self.hgnn_layers_module:
                convolved = layer(x_NED, weights)
                if self.config.hgnn_activation == "gelu":
                    convolved = nn.functional.gelu(convolved)
                x_NED = convolved + x_NED if self.config.hgnn_residual else convolved
        return self.combiner(x_NED.mean(dim=1))


class MoeLayer(nn.Module):
    """E experts on the same input, coupled token by token."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.experts = nn.ModuleList(ExpertBlock(config) for _ in range(config.num_experts))
        if config.coupler_type != "NONE":
            self.coupler = Coupler(config)

    def forward(self, x_BTD: Tensor) -> Tensor:
        experts_BTED = torch.stack([expert(x_BTD) for expert in self.experts], dim=2)
        if not hasattr(self, "coupler"):
            return experts_BTED.mean(dim=2)
        coupled_ND = self.coupler(experts_BTED.flatten(0, 1), x_BTD.flatten(0, 1))
        return x_BTD + coupled_ND.reshape(x_BTD.shape)


class LanguageModel(nn.Module):
    """Token ids [B, T] to logits [B, T, V], with the initial values of docs/model.md."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.token_emb = nn.Embedding(config.vocab_size, config.embed_dim)
        self.pos_emb = nn.Embedding(config.max_seq_length, config.embed_dim)
        self.dropout = nn.Dropout(config.dropout_rate)
        self.model_layers = nn.ModuleList(MoeLayer(config) for _ in range(config.num_layers))
        self.output_norm = nn.LayerNorm(config.embed_dim)
        self.lm_head = nn.Linear(config.embed_dim, config.vocab_size)
        self.apply(_draw_initial_values)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        positions = torch.arange(tokens_BT.shape[1])
        x = self.dropout(self.token_emb(tokens_BT) + self.pos_emb(positions))
        for layer in self.model_layers:
            x = layer(x)
        return self.lm_head(self.output_norm(x))


def _draw_initial_values(module: nn.Module) -> None:
    # LayerNorm, MultiheadAttention's in_proj and HypergraphConv already start as documented.
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    if isinstance(module, Coupler) and hasattr(module, "hyperedge_weight_proj"):
        nn.init.zeros_(module.hyperedge_weight_proj.weight)


def next_token_loss(logits_BTV: Tensor, tokens_BT: Tensor, lengths: list[int]) -> Tensor:
    """Mean cross entropy over the real targets: position t of sample b where t + 1 < lengths[b]."""
    predicted = [logits_BTV[b, : length - 1] for b, length in enumerate(lengths)]
    targets = [tokens_BT[b, 1:length] for b, length in enumerate(lengths)]
    return nn.functional.cross_entropy(torch.cat(predicted), torch.cat(targets))
