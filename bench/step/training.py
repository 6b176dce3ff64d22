"""The training step of a PyTorch user: autocast, backward, clip, fused AdamW."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
import time

import torch

from step.case import LEARNING_RATE, Case
from step.data import Batch
from step.models import LossFunction, load_parameters, loss_function

GRAD_CLIP = 1.0


@dataclass(frozen=True)
class StepRecord:
    loss: float
    grad_norm: float  # before clipping


class Training:
    """All peers of a case train the same parameters with one optimizer, so that many of them fit
    into memory; the time of a step does not depend on the values."""

    def __init__(self, case: Case, weights: Path, device: torch.device) -> None:
        self.case, self.device = case, device
        self._weights = weights
        self.parameters = load_parameters(weights, device)
        self._optimizer = self._new_optimizer()

    def _new_optimizer(self) -> torch.optim.AdamW:
        # betas, eps and decay of docs/model.md are AdamW's defaults.
        return torch.optim.AdamW(self.parameters.values(), lr=LEARNING_RATE, fused=True)

    def start_again(self) -> None:
        """From the initial weights, without moments."""
        self._optimizer = self._new_optimizer()
        with torch.no_grad():
            for name, values in load_parameters(self._weights, self.device).items():
                self.parameters[name].copy_(values)

    def loss_function(self, peer: str, dropout: float) -> LossFunction:
        return loss_function(peer, self.case, dropout, self.parameters, self.device)

    def step(self, loss_of: LossFunction, batch: Batch, precision: str) -> StepRecord:
        self._optimizer.zero_grad(set_to_none=True)
        bf16 = precision == "bf16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16):
            loss = loss_of(batch.tokens_BT, batch.labels_BT)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), GRAD_CLIP)
        self._optimizer.step()
        return StepRecord(loss.item(), norm.item())

    def first_steps(
        self, loss_of: LossFunction, batches: Sequence[Batch], precision: str, count: int
    ) -> list[StepRecord]:
        """From the initial weights."""
        self.start_again()
        return [
            self.step(loss_of, batches[index % len(batches)], precision) for index in range(count)
        ]

    def milliseconds(
        self, loss_of: LossFunction, batches: Iterable[Batch], precision: str
    ) -> float:
        """Of a step, on average over the batches."""
        count = 0
        self.wait()
        start = time.perf_counter()
        for batch in batches:
            self.step(loss_of, batch, precision)
            count += 1
        self.wait()
        return 1e3 * (time.perf_counter() - start) / count

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
