"""docs/images/precision_losses.png: the curves, and their gap beside seed noise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
import sys
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from hgnn_tools import plot_style  # noqa: E402
from precision.curves import PRECISIONS, WINDOW, gap_and_noise, smooth  # noqa: E402


def draw(group: Mapping[str, Any], path: Path) -> None:
    smoothed = smooth({p: [run["loss"] for run in group["runs"][p]] for p in PRECISIONS})
    steps = range(WINDOW, group["steps"] + 1)
    figure = plot_style.new_figure(9.5, 4)
    left, right = figure.subplots(1, 2)
    styles = dict(zip(PRECISIONS, plot_style.line_styles(), strict=False))
    every = plot_style.mark_every(len(steps))
    for precision in PRECISIONS:
        by_step = list(zip(*smoothed[precision], strict=True))
        style = styles[precision]
        left.plot(steps, list(map(mean, by_step)), label=precision, markevery=every, **style)
        low, high = list(map(min, by_step)), list(map(max, by_step))
        left.fill_between(steps, low, high, color=style["color"], alpha=0.15, linewidth=0)
    seeds = len(group["runs"]["fp32"])
    left.set_title(f"Training loss: mean and range of {seeds} seeds")
    left.set_ylabel(f"nats per token, running mean of {WINDOW} steps")
    gaps, noise = zip(*gap_and_noise(smoothed), strict=True)
    styles_right = plot_style.line_styles()
    for values, label in (
        (noise, "standard deviation over seeds, fp32"),
        (gaps, "mean |bf16 − fp32| of a seed"),
    ):
        right.plot(steps, values, label=label, markevery=every, **next(styles_right))
    right.set_yscale("log")
    right.set_title("What precision changes, and what the seed does")
    right.set_ylabel("nats per token")
    for axes in (left, right):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend()
    plot_style.save(figure, path)
