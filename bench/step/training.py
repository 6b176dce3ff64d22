"""The training step of a PyTorch user: autocast, backward, clip, fused AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
import time

import torch
from torch import Tensor, nn

from step.case import LEARNING_RATE, Case
from step.data import Batch
from step.models import LossFunction, load_parameters, loss_function

GRAD_CLIP = 1.0
# Clips gradients in place and returns their norm before.
Clip = Callable[[Iterable[nn.Parameter]], Tensor]


@dataclass(frozen=True)
class StepRecord:
    loss: float
    grad_norm: float  # before clipping


def clip_as_users_do(parameters: Iterable[nn.Parameter]) -> Tensor:
    return nn.utils.clip_grad_norm_(parameters, GRAD_CLIP)


def clip_by_exact_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """The same with a norm that is summed up in float64. In float32 it loses 1e-3 of the norm of a
    gradient with tens of millions of entries, more than most mistakes in a model would change."""
    with_gradients = [parameter for parameter in parameters if parameter.grad is not None]
    norms = [
        torch.linalg.vector_norm(parameter.grad, dtype=torch.float64)
        for parameter in with_gradients
    ]
    norm = torch.stack(norms).norm()
    nn.utils.clip_grads_with_norm_(with_gradients, GRAD_CLIP, norm)
    return norm


class Training:
    """All peers of a case train the same parameters with one optimizer, so that many of them fit
    into memory; the time of a step does not depend on the values."""

    def __init__(self, case: Case, weights: Path, device: torch.device) -> None:
        self.case, self.device = case, device
        self._weights = weights
        self.parameters = load_parameters(weights, device)
        self._optimizer = self._new_optimizer(LEARNING_RATE)

    def _new_optimizer(self, rate: float) -> torch.optim.AdamW:
        # betas, eps and decay of docs/model.md are AdamW's defaults.
        return torch.optim.AdamW(self.parameters.values(), lr=rate, fused=True)

    def start_again(self, rate: float = LEARNING_RATE) -> None:
        """From the initial weights, without moments."""
        self._optimizer = self._new_optimizer(rate)
        with torch.no_grad():
            for name, values in load_parameters(self._weights, self.device).items():
                self.parameters[name].copy_(values)

    def loss_function(self, peer: str, dropout: float) -> LossFunction:
        return loss_function(peer, self.case, dropout, self.parameters, self.device)

    def step(
        self,
        loss_of: LossFunction,
        batch: Batch,
        precision: str,
        clip: Clip = clip_as_users_do,
    ) -> StepRecord:
        loss, norm = self._step(loss_of, batch, precision, clip)
        return StepRecord(loss.item(), norm.item())

    def _step(
        self, loss_of: LossFunction, batch: Batch, precision: str, clip: Clip
    ) -> tuple[Tensor, Tensor]:
        """Loss and norm as tensors: asking for values would make the host wait for a GPU."""
        self._optimizer.zero_grad(set_to_none=True)
        bf16 = precision == "bf16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16):
            loss = loss_of(batch.tokens_BT, batch.labels_BT)
        loss.backward()
        norm = clip(self.parameters.values())
        self._optimizer.step()
        return loss.detach(), norm

    def first_steps(
        self,
        loss_of: LossFunction,
        batches: Sequence[Batch],
        precision: str,
        count: int,
        rate: float = LEARNING_RATE,
    ) -> list[StepRecord]:
        """From the initial weights, with exact norms: for comparisons, not for times."""
        self.start_again(rate)
        return [
            self.step(loss_of, batches[index % len(batches)], precision, clip_by_exact_norm)
            for index in range(count)
        ]

    def milliseconds(
        self, loss_of: LossFunction, batches: Iterable[Batch], precision: str
    ) -> float:
        """Of a step, on average over the batches. What steps report is read behind the last one, so
        that a GPU finds the next step queued, as it does with ours."""
        reports = []
        self.wait()
        start = time.perf_counter()
        for batch in batches:
            reports.append(self._step(loss_of, batch, precision, clip_as_users_do))
        for loss, norm in reports:
            loss.item()
            norm.item()
        self.wait()
        return 1e3 * (time.perf_counter() - start) / len(reports)

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
