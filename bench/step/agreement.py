"""All peers and the program must take the same steps before any of them is timed. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
from typing import Protocol

STEPS = 3
# A hundredth of what is timed. At that rate the first updates overshoot, and a GNN of 16 experts had
# a third norm in bf16 that was 40 % off the one in fp32, both by eager PyTorch; here it is 0.3 %.
LEARNING_RATE = 5e-6
# Relative, against the dense form in fp32, of any step. A gradient's norm shows what a loss near
# its first value hardly does: which expert reads which. All sides sum it up in float64, so that in
# fp32 only the entries' own rounding differs, which averages out: 5e-7 was the most that any pair of
# right forms differed by, from D = 16 to 768. 1e-5 is twenty times that, a hundred times fp32's
# epsilon, and a hundredth of what a sum in float32 would lose.
# In bf16 rounding left 4e-3 at most (both couplers, E = 2 to 32).
# Only the first step's norm is of the same weights: AdamW's first updates have the size of the rate
# whatever the gradient's, so that rounding turns the sign of many small ones. Later norms may be ten
# times as far off.
TOLERANCE = {
    "fp32": {"loss": 1e-4, "first grad_norm": 1e-5, "grad_norm": 1e-4},
    "bf16": {"loss": 2e-2, "first grad_norm": 1e-2, "grad_norm": 1e-1},
}
FIRST = "first "  # of a name: of the first step alone, else of any


class Record(Protocol):
    """A step of a peer, or of the program."""

    loss: float
    grad_norm: float


class Disagreement(AssertionError):
    """A peer trains something else than the others: its time would mean nothing."""


def largest_difference(actual: Sequence[Record], expected: Sequence[Record], name: str) -> float:
    """Of what a tolerance names, relative, over its steps; NaN where one is."""
    pairs = list(zip(actual, expected, strict=True))
    if name.startswith(FIRST):
        name, pairs = name.removeprefix(FIRST), pairs[:1]
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
