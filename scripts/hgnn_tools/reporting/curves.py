"""Learning curves of a configuration: the mean over its seeds, and how far they lie apart."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hgnn_tools.reporting.curve import Curve


@dataclass(frozen=True)
class Band:
    """At the steps at which every seed has an evaluation."""

    label: str
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    tokens: tuple[float, ...]  # means over the seeds, as minutes and mean
    minutes: tuple[float, ...]  # none where a seed has no times
    mean: tuple[float, ...]
    low: tuple[float, ...]  # the lowest and highest of the seeds
    high: tuple[float, ...]


def band_of(label: str, of_seeds: Iterable[tuple[int, Curve]]) -> Band | None:
    """None where no step has a loss of every seed."""
    known = [(seed, curve) for seed, curve in of_seeds if curve.losses]
    if not known:
        return None
    curves = [curve for _, curve in known]
    common = sorted(set.intersection(*(set(curve.steps) for curve in curves)))
    if not common:
        return None
    places = [[curve.steps.index(step) for step in common] for curve in curves]

    def across(values: str) -> list[list[float]]:
        """For each step, the values of the seeds."""
        picked = [
            [getattr(curve, values)[place] for place in where]
            for curve, where in zip(curves, places, strict=True)
        ]
        return [list(step) for step in zip(*picked, strict=True)]

    losses = across("losses")
    return Band(
        label=label,
        seeds=tuple(sorted(seed for seed, _ in known)),
        steps=tuple(common),
        tokens=means(across("tokens")),
        minutes=means(across("minutes")) if all(curve.minutes for curve in curves) else (),
        mean=means(losses),
        low=tuple(map(min, losses)),
        high=tuple(map(max, losses)),
    )


def means(steps: list[list[float]]) -> tuple[float, ...]:
    return tuple(math.fsum(values) / len(values) for values in steps)
