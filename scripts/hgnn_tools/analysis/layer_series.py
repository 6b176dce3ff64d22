"""Numbers of each layer over the steps, from the events `layer` and `coupler` of a run."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hgnn_tools.run_folder import Event, Run


class Series(NamedTuple):
    """Of one layer: `low` and `high` are those of a band, or the values themselves."""

    name: str
    steps: list[int]
    values: list[float]
    low: list[float]
    high: list[float]

    @property
    def is_finite(self) -> bool:
        return any(map(math.isfinite, self.values))


def events_by_layer(run: Run, kind: str) -> dict[str, list[Event]]:
    """In the order of the model; a GNN has a graph in each coupler layer of a layer."""
    layers: dict[str, list[Event]] = {}
    for event in run.of_kind(kind):
        name = f"layer {event.get('layer')}"
        if event.get("coupler_layer") is not None:
            name += f", coupler layer {event['coupler_layer']}"
        layers.setdefault(name, []).append(event)
    return layers


def series_of(run: Run, kind: str, values_of: Callable[[Event], np.ndarray]) -> list[Series]:
    """`values_of` an event are one number or several, whose mean, least and largest are taken;
    layers without any finite one are left out."""
    found = []
    for name, events in events_by_layer(run, kind).items():
        rows = [spread(values_of(event)) for event in events]
        steps = [event["step"] for event in events]
        series = Series(name, steps, *(list(column) for column in zip(*rows, strict=True)))
        if series.is_finite:
            found.append(series)
    return found


def spread(values: np.ndarray) -> tuple[float, float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return (math.nan, math.nan, math.nan)
    return (float(finite.mean()), float(finite.min()), float(finite.max()))


def numbers_of(key: str) -> Callable[[Event], np.ndarray]:
    """Null, written for a value that does not exist or was not finite, becomes NaN."""

    def values(event: Event) -> np.ndarray:
        found = event.get(key)
        return np.array([np.nan] if found is None else found, dtype=float).ravel()

    return values


def similarities(event: Event) -> np.ndarray:
    """Of each two different experts."""
    matrix = np.array(event.get("expert_cka") or [[np.nan]], dtype=float)
    return matrix[np.triu_indices(len(matrix), k=1)]


def evenness(event: Event) -> np.ndarray:
    """Per expert, how evenly it listens: the entropy of its row of the mixing's magnitudes, over
    the largest possible. 0: to one expert alone, 1: to all alike. A GNN's K has no diagonal."""
    matrix = np.abs(np.array(event.get("mixing") or [[np.nan]], dtype=float))
    heard = len(matrix) - (1 if event.get("adjacency") else 0)
    if heard < 2:
        return np.array([np.nan])
    totals = matrix.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = matrix / totals
        terms = np.where(shares > 0, -shares * np.log(shares), 0.0)
    entropy = np.where(np.isfinite(totals[:, 0]) & (totals[:, 0] > 0), terms.sum(axis=1), np.nan)
    return entropy / math.log(heard)
