"""Interleaved timing: in every round each call runs once, so that noise meets all of them alike.

Without torch, except for the clock of a GPU: the tests run in the small environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import math
from statistics import median
import time
from typing import Any, Protocol

Call = Callable[[], object]

# A sample shorter than this repeats its call: the clock and a cold cache weigh less.
SHORTEST_SAMPLE_MS = 3.0
MOST_REPEATS = 50


class Clock(Protocol):
    def measure(self, call: Call, repeats: int) -> float:
        """Milliseconds of one call, on average over `repeats` calls in a row."""
        ...


class WallClock:
    """For calls that are done when they return."""

    def measure(self, call: Call, repeats: int) -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return 1e3 * (time.perf_counter() - start) / repeats


class CudaClock:
    """Between two events on the current stream: includes launches that the GPU waits for."""

    def measure(self, call: Call, repeats: int) -> float:
        from torch import cuda

        start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
        cuda.synchronize()
        start.record()
        for _ in range(repeats):
            call()
        end.record()
        cuda.synchronize()
        return start.elapsed_time(end) / repeats


class ToldClock:
    """For calls that return their own milliseconds."""

    def measure(self, call: Call, repeats: int) -> float:
        return float(call())  # type: ignore[arg-type]


def repeats_for(milliseconds: float) -> int:
    """How often a call of that length is repeated in a sample."""
    if milliseconds * MOST_REPEATS <= SHORTEST_SAMPLE_MS:
        return MOST_REPEATS
    return max(1, math.ceil(SHORTEST_SAMPLE_MS / milliseconds))


def interleave(
    calls: Mapping[str, Call],
    rounds: int,
    clock: Clock,
    rounds_of_slow: Mapping[str, int] | None = None,
) -> dict[str, list[float]]:
    """Milliseconds of each call, one sample a round, after a warm-up of two calls each.

    The calls named in `rounds_of_slow` run that many rounds, the last ones, and are not warmed up:
    their caller has run them before.
    """
    own_rounds = dict(rounds_of_slow or {})
    repeats = {}
    for name, call in calls.items():
        if name in own_rounds:
            repeats[name] = 1
            continue
        clock.measure(call, 1)
        repeats[name] = repeats_for(clock.measure(call, 1))
    samples: dict[str, list[float]] = {name: [] for name in calls}
    longest = max([rounds, *own_rounds.values()])
    for left in range(longest, 0, -1):
        for name, call in calls.items():
            if left <= own_rounds.get(name, rounds):
                samples[name].append(clock.measure(call, repeats[name]))
    return samples


def summary(samples_ms: list[float], **more: Any) -> dict[str, Any]:
    """What the results hold of a call: the median, all samples and what the caller adds."""
    return {
        "median_ms": _rounded(median(samples_ms)),
        "samples_ms": [_rounded(sample) for sample in samples_ms],
        **more,
    }


def _rounded(milliseconds: float) -> float:
    """To 5 digits: more are noise, and the files go into the repository."""
    return float(f"{milliseconds:.5g}")
