"""What a step computes: the model, its batches, and how full their rows are. Plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PRECISIONS = ("fp32", "bf16")
DROPOUT = 0.1
LEARNING_RATE = 5e-4
FEW_EXPERTS = 4  # beside which the cost of many is measured, by calls of this name
WITH_FEW_EXPERTS = "ours_with_few_experts"
BATCHES = 2  # different ones, taken in turn, of what is timed
# Of lines, for peak memory: batches with as many different numbers of tokens, since a process that
# keeps something for each number it meets grows with them.
DISTINCT_BATCHES = 50


@dataclass(frozen=True)
class Case:
    """A model and the shape of its batches; letters as in docs/model.md, hyperedges all pairs."""

    coupler: str  # HGNN or GNN
    experts: int = 4
    dim: int = 384
    layers: int = 4
    gnn_layers: int = 2
    batch: int = 8
    length: int = 128
    vocab: int = 50257

    @property
    def heads(self) -> int:
        """As num_heads auto."""
        return self.dim // 64 if self.dim % 64 == 0 else 8

    @property
    def name(self) -> str:
        sizes = f"e{self.experts}/d{self.dim}/l{self.layers}/g{self.gnn_layers}"
        return f"{self.coupler.lower()}/{sizes}/{self.batch}x{self.length}"

    def __str__(self) -> str:
        return self.name

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


# The sizes that the figures and promises are about, and the published efficiency runs.
MAIN = {coupler: Case(coupler) for coupler in ("HGNN", "GNN")}
EFFICIENCY = Case("HGNN", experts=2, layers=6, gnn_layers=3, batch=32)
GPU_CASE = Case("HGNN", dim=512, layers=8, batch=32)
