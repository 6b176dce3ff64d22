"""The learning curve of one run, over what it cost."""

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass

from hgnn_tools.run_folder import Run, numbers


@dataclass(frozen=True)
class Curve:
    """Evaluation losses that are finite, with what training had cost until each."""

    steps: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()
    tokens: tuple[float, ...] = ()
    minutes: tuple[float, ...] = ()  # none where what the run took means nothing

    @staticmethod
    def of(run: Run) -> "Curve":
        tokens, milliseconds = cumulative_costs(run)
        points = [
            (step, loss, tokens(step), milliseconds(step) / 60_000)
            for step, loss in zip(steps_of(run), numbers(run.of_kind("eval"), "loss"), strict=True)
            if math.isfinite(loss)
        ]
        return Curve(*zip(*points, strict=True)) if points else Curve()


def steps_of(run: Run) -> list[int]:
    return [event["step"] for event in run.of_kind("eval")]


STEP_PARTS = ("data_ms", "forward_ms", "backward_ms", "optimizer_ms")


def cumulative_costs(run: Run) -> tuple[Callable[[int], float], Callable[[int], float]]:
    """Two functions of a step: tokens and milliseconds of all updates until then."""
    events = sorted(run.of_kind("step"), key=lambda event: event["step"])
    steps = [event["step"] for event in events]
    tokens = running_sums([event.get("tokens") or 0 for event in events])
    parts = [sum(event.get(part) or 0.0 for part in STEP_PARTS) for event in events]
    return lookup(steps, tokens), lookup(steps, running_sums(parts))


def running_sums(values: list[float]) -> list[float]:
    total, sums = 0.0, []
    for value in values:
        total += value
        sums.append(total)
    return sums


def lookup(steps: list[int], sums: list[float]) -> Callable[[int], float]:
    """The sum at the last of `steps` that is not after the one asked for."""

    def at(step: int) -> float:
        place = bisect.bisect_right(steps, step)
        return sums[place - 1] if place else 0.0

    return at
