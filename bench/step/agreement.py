"""All peers and the program must take the same steps before any of them is timed. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
from typing import Protocol

STEPS = 3
# Relative, against the dense form in fp32, of any step. A gradient's norm shows what a loss near
# its first value hardly does: which expert reads which. All sides sum it up in float64, so that in
# fp32 only the entries' own rounding differs, which averages out: 5e-7 was the most that any pair of
# right forms differed by, from D = 16 to 768. 1e-5 is twenty times that, a hundred times fp32's
# epsilon, and a hundredth of what a sum in float32 would lose.
TOLERANCE = {
    "fp32": {"loss": 1e-4, "grad_norm": 1e-5},
    "bf16": {"loss": 2e-2, "grad_norm": 2e-2},
}


class Record(Protocol):
    """A step of a peer, or of the program."""

    loss: float
    grad_norm: float


class Disagreement(AssertionError):
    """A peer trains something else than the others: its time would mean nothing."""


def largest_difference(actual: Sequence[Record], expected: Sequence[Record], name: str) -> float:
    """Of that field, relative, over all steps; NaN where one is."""
    pairs = zip(actual, expected, strict=True)
    differences = [abs(getattr(a, name) / getattr(e, name) - 1) for a, e in pairs]
    return math.nan if any(map(math.isnan, differences)) else max(differences)


def check(
    records: Mapping[str, Sequence[Record]],
    expected: Sequence[Record],
    wrong: frozenset[str] = frozenset(),
) -> dict[str, dict[str, float]]:
    """The largest relative differences of each call, by field; calls are named PEER@PRECISION.
    Raises Disagreement where one is too large, or, for a call that is wrong by design, none is."""
    differences = {}
    for call, own in records.items():
        tolerance = TOLERANCE[call.partition("@")[2]]
        found = {name: largest_difference(own, expected, name) for name in tolerance}
        too_large = [name for name in tolerance if not found[name] <= tolerance[name]]
        if call in wrong:
            if not too_large or any(map(math.isnan, found.values())):
                raise Disagreement(f"{call} mixes tokens, and yet it differs by {found} alone")
        elif too_large:
            name = too_large[0]
            raise Disagreement(
                f"{name} of {call} differs by {found[name]:.1e} relative within {len(expected)}"
                f" steps; {tolerance[name]:.0e} is allowed"
            )
        differences[call] = {name: float(f"{value:.2g}") for name, value in found.items()}
    return differences
