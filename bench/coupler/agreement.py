"""All peers must compute one function, output and every gradient, before any of them is timed."""

from __future__ import annotations

from collections.abc import Mapping
import math
import time

import torch
from torch import Tensor

from coupler.problem import Forward

# In the norm, against float64: two peers within it are within twice as much of each other, 1e-4 in
# fp32. tf32 rounds to 10 bits, bf16 to 8, and gradients add several such steps.
TOLERANCE = {"fp32": 5e-5, "tf32": 1e-2, "bf16": 1e-1}
# A gradient with fewer entries than this, such as that of the hyperedge weights, is a sum over all
# tokens and features, in an order of the peer's choice.
SMALL = 4096
# Mixing two tokens changes outputs by far more than rounding.
WRONG_BY_DESIGN = 1e-2


class Disagreement(AssertionError):
    """A peer computes something else than the others: its time would mean nothing."""


def output_and_gradients(
    forward: Forward, inputs: Mapping[str, Tensor], cotangent: Tensor
) -> dict[str, Tensor]:
    output = forward()
    gradients = torch.autograd.grad(output, list(inputs.values()), cotangent)
    return {"output": output.detach(), **dict(zip(inputs, gradients, strict=True))}


def relative_error(actual: Tensor, expected: Tensor) -> float:
    """|actual - expected| / |expected| in the Euclidean norm."""
    return float((actual.double() - expected).norm() / expected.norm().clamp_min(1e-300))


def tolerance(entries: int, precision: str, terms: int) -> float:
    """For a tensor of so many entries. The rounding of a sum of `terms` numbers in fp32 grows as a
    random walk, and up to four times as much of it is left where the numbers cancel."""
    if entries >= SMALL:
        return TOLERANCE[precision]
    walk = 4 * torch.finfo(torch.float32).eps * math.sqrt(terms)
    return max(TOLERANCE[precision], walk)


def check(
    name: str,
    actual: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    precision: str,
    terms: int,
    wrong: bool = False,
) -> float:
    """The largest relative error of a peer's tensors; `terms` is N·D. Raises Disagreement where one
    is above its tolerance, or, for a peer that is wrong by design, where its output is right."""
    errors = {key: relative_error(actual[key], expected[key]) for key in expected}
    if wrong:
        if not errors["output"] > WRONG_BY_DESIGN:
            raise Disagreement(
                f"the output of {name} differs by {errors['output']:.1e} in the norm, although it"
                " mixes tokens"
            )
        return max(errors.values())
    for key, error in errors.items():
        allowed = tolerance(expected[key].numel(), precision, terms)
        if not error <= allowed:
            raise Disagreement(
                f"{key} of {name} differs by {error:.1e} in the norm; {precision} allows"
                f" {allowed:.0e}"
            )
    return max(errors.values())


def check_all(
    forwards: Mapping[str, Forward],
    inputs: Mapping[str, Tensor],
    cotangent: Tensor,
    expected: Mapping[str, Tensor],
    precision: str,
    wrong: frozenset[str] = frozenset(),
) -> tuple[dict[str, float], dict[str, float]]:
    """Runs each peer forward and backward; its largest relative error, and its milliseconds."""
    errors, milliseconds = {}, {}
    for name, forward in forwards.items():
        start = time.perf_counter()
        actual = output_and_gradients(forward, inputs, cotangent)
        if cotangent.is_cuda:
            torch.cuda.synchronize()
        milliseconds[name] = 1e3 * (time.perf_counter() - start)
        errors[name] = check(
            name, actual, expected, precision, cotangent.numel(), name in wrong
        )
        del actual  # one peer's tensors at a time
    return errors, milliseconds
