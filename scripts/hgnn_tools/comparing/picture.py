"""Loss curves and the deciding figure of the variants of a comparison."""

import textwrap
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from hgnn_tools import plot_style
from hgnn_tools.comparing.comparison import Comparison, Curve, Variant

WRAP = 130


def draw_comparison(comparison: Comparison, path: Path) -> None:
    figure = plot_style.new_figure(15, 5)
    by_epoch, by_time, quality = figure.subplots(1, 3, width_ratios=(3, 3, 2))
    relation = f" for {comparison.relation}" if comparison.relation else ""
    figure.suptitle(
        textwrap.fill(f"{comparison.kind}{relation}: {comparison.why}", WRAP), size=10
    )
    for variant, style in zip(comparison.variants, plot_style.line_styles(), strict=False):
        draw_by_epoch(by_epoch, variant, style)
        draw_by_time(by_time, variant, style)
    for axes, label in ((by_epoch, "epochs"), (by_time, "seconds of training")):
        axes.set_xlabel(label)
        axes.set_ylabel("loss, mean of an epoch")
        axes.grid(alpha=0.3)
        if not axes.lines:
            plot_style.say_inside(axes, "no run made a step")
    by_epoch.set_title("Loss by epoch\nmean of seeds; band: lowest to highest", size=10)
    by_time.set_title("Loss by time\na line a seed", size=10)
    draw_quality(quality, comparison)
    handles, labels = by_epoch.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    plot_style.save(figure, path)


def draw_by_epoch(axes: Axes, variant: Variant, style: dict[str, Any]) -> None:
    """Over the epochs that all seeds have."""
    if not variant.curves:
        return
    epochs = list(zip(*(curve.loss for curve in variant.curves), strict=False))
    numbers = range(1, len(epochs) + 1)
    means = [sum(losses) / len(losses) for losses in epochs]
    every = plot_style.mark_every(len(epochs))
    axes.plot(numbers, means, label=variant.name, markevery=every, **style)
    lows, highs = [min(losses) for losses in epochs], [max(losses) for losses in epochs]
    axes.fill_between(numbers, lows, highs, color=style["color"], alpha=0.15, linewidth=0)


def draw_by_time(axes: Axes, variant: Variant, style: dict[str, Any]) -> None:
    for curve in variant.curves:
        draw_curve(axes, curve, style)


def draw_curve(axes: Axes, curve: Curve, style: dict[str, Any]) -> None:
    every = plot_style.mark_every(len(curve.loss))
    axes.plot(curve.seconds, curve.loss, markevery=every, linewidth=1, alpha=0.8, **style)


def draw_quality(axes: Axes, comparison: Comparison) -> None:
    """A point a run, and a bar at the mean."""
    axes.set_title(f"{comparison.quality}\na point a seed; bar: mean", size=10)
    for place, (variant, style) in enumerate(
        zip(comparison.variants, plot_style.line_styles(), strict=False)
    ):
        if not variant.quality:
            continue
        looks = {"color": style["color"], "marker": style["marker"], "linestyle": "none"}
        axes.plot([place] * len(variant.quality), variant.quality, fillstyle="none", **looks)
        mean = sum(variant.quality) / len(variant.quality)
        axes.hlines(mean, place - 0.3, place + 0.3, color=style["color"])
    axes.set_xticks(
        range(len(comparison.variants)), [variant.name for variant in comparison.variants]
    )
    axes.set_xlim(-0.6, len(comparison.variants) - 0.4)
    axes.grid(axis="y", alpha=0.3)
    if not any(variant.quality for variant in comparison.variants):
        plot_style.say_inside(axes, "no run is done")
