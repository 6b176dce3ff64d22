"""The training step of docs/model.md with torch.optim.AdamW and torch's own gradient clipping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
import math

import torch

from reference_model import LanguageModel, next_token_loss

LOWEST_RATE = 1e-6


@dataclass(frozen=True)
class Batch:
    tokens: torch.Tensor  # [B, T], padded on the right
    lengths: list[int]


@dataclass(frozen=True)
class TrainingSettings:
    learning_rate: float
    total_steps: int
    warmup_steps: int = 0
    weight_decay: float = 0.01
    grad_clip: float = 1.0


@dataclass(frozen=True)
class StepRecord:
    step: int  # finished updates, first 1
    loss: float
    learning_rate: float
    grad_norm: float  # before clipping


def learning_rate_at(step: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then a cosine down to LOWEST_RATE; `step` counts from 0."""
    peak, warmup = settings.learning_rate, settings.warmup_steps
    if step < warmup:
        return peak * (step + 1) / warmup
    floor = min(peak, LOWEST_RATE)
    progress = (step - warmup) / (settings.total_steps - warmup)
    return floor + (peak - floor) * (1 + math.cos(math.pi * progress)) / 2


def train(
    model: LanguageModel, batches: Iterable[Batch], settings: TrainingSettings
) -> Iterator[StepRecord]:
    """One AdamW update a batch; yields after each."""
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=settings.weight_decay,
    )
    model.train()
    for step, batch in enumerate(batches):
        rate = learning_rate_at(step, settings)
        for group in optimizer.param_groups:
            group["lr"] = rate
        # None, not zero: a parameter that the forward pass never uses must stay untouched.
        optimizer.zero_grad(set_to_none=True)
        loss = next_token_loss(model(batch.tokens), batch.tokens, batch.lengths)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
        optimizer.step()
        yield StepRecord(step + 1, loss.item(), rate, norm.item())
