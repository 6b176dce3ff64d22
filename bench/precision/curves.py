"""How far the loss curves of two precisions lie apart, beside how far those of seeds do. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from common.ratios import Target, target

WINDOW = 20  # steps of a running mean: single batches differ more than anything that is asked here
PRECISIONS = ("fp32", "bf16")

# By precision, then by seed in one order.
Curves = Mapping[str, Sequence[Sequence[float]]]


def running_mean(losses: Sequence[float]) -> list[float]:
    """Of the last WINDOW losses, from the first step that has so many."""
    return [mean(losses[end - WINDOW : end]) for end in range(WINDOW, len(losses) + 1)]


def smooth(curves: Curves) -> dict[str, list[list[float]]]:
    return {precision: [running_mean(run) for run in runs] for precision, runs in curves.items()}


def gap_and_noise(smoothed: Mapping[str, Sequence[Sequence[float]]]) -> list[tuple[float, float]]:
    """A pair a step: the mean over seeds of |bf16 - fp32| with one seed, which is the same data in
    the same order under the same dropout masks; and the standard deviation over seeds in fp32."""
    by_step = zip(zip(*smoothed["fp32"], strict=True), zip(*smoothed["bf16"], strict=True))
    return [
        (mean(abs(b - a) for a, b in zip(fp32, bf16, strict=True)), stdev(fp32))
        for fp32, bf16 in by_step
    ]


def verdicts(header: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """As step.verdicts; there are no peers."""
    found = [target for group in groups for target in evaluate(group)]
    if header["quick"]:
        found = [one | {"reached": None, "why": "so few steps mean nothing"} for one in found]
    return {"targets": found, "peer_checks": []}


def evaluate(group: Mapping[str, Any]) -> list[Target]:
    """Both promises: within seed noise at every step, and at the end on text that was not trained."""
    runs = group["runs"]
    pairs = gap_and_noise(smooth({p: [run["loss"] for run in runs[p]] for p in PRECISIONS}))
    ends = {p: [run["eval_loss"] for run in runs[p]] for p in PRECISIONS}
    end_gap = mean(abs(b - a) for a, b in zip(ends["fp32"], ends["bf16"], strict=True))
    worst = max((gap / noise for gap, noise in pairs if noise > 0), default=None)
    end_noise = stdev(ends["fp32"])
    return [
        target(
            group,
            f"largest gap of training losses, running means of {WINDOW} steps, in seed noise",
            "at_most",
            1,
            "mean |bf16 - fp32| of a seed / standard deviation of fp32 over seeds",
            worst,
        ),
        target(
            group,
            "gap of final evaluation losses in seed noise",
            "at_most",
            1,
            "mean |bf16 - fp32| of a seed / standard deviation of fp32 over seeds",
            end_gap / end_noise if end_noise > 0 else None,
        ),
    ]
