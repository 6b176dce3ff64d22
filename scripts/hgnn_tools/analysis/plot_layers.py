"""layer_evolution.png: what became of the graph and the experts of each layer."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from hgnn_tools import plot_style
from hgnn_tools.analysis.layer_series import (
    Series,
    evenness,
    numbers_of,
    series_of,
    similarities,
)
from hgnn_tools.plot_training import allow_logarithmic, finish_axes
from hgnn_tools.run_folder import Event, Run

COLUMNS = 2
PANEL_HEIGHT = 3.0
# Relative to the value: a narrower range of values is rounding, and the range shown instead.
ROUNDING, NARROWEST = 1e-5, 1e-2
NO_GRAPH = "no graph between the experts"


class Panel(NamedTuple):
    title: str
    unit: str
    kind: str
    values: Callable[[Event], np.ndarray]
    missing: str  # what the panel says where there is nothing to draw
    dashed: Callable[[Event], np.ndarray] | None = None


PANELS = (
    Panel(
        "Hyperedge weights: mean, least and largest",
        "weight w",
        "coupler",
        numbers_of("hyperedge_weights"),
        "no hyperedges",
    ),
    Panel(
        "Gradient of the hyperedge weights",
        "2-norm before clipping",
        "layer",
        numbers_of("hyperedge_weight_grad_norm"),
        "no learnable hyperedge weights",
    ),
    Panel(
        "Mixing: how evenly experts listen",
        "entropy of a row, 1: to all alike",
        "coupler",
        evenness,
        NO_GRAPH,
    ),
    Panel(
        "Second eigenvalue of the mixing",
        "modulus",
        "layer",
        numbers_of("second_eigenvalue"),
        NO_GRAPH,
    ),
    Panel(
        "Dirichlet energy before (dashed, hollow) and after",
        "normalised energy",
        "layer",
        numbers_of("dirichlet_after"),
        NO_GRAPH,
        dashed=numbers_of("dirichlet_before"),
    ),
    Panel(
        "Norms of the experts' outputs",
        "2-norm a token",
        "layer",
        numbers_of("expert_norms"),
        "no layer event has norms",
    ),
    Panel(
        "Similarity of each two experts (CKA)",
        "1: alike up to rotation and scale",
        "layer",
        similarities,
        "one expert alone",
    ),
)


def reason_for_no_layers(run: Run) -> str | None:
    if run.of_kind("layer") or run.of_kind("coupler"):
        return None
    return (
        "metrics.jsonl has no layer and no coupler events; every run of this version of"
        " hgnn_moe_train writes them at step 0 and at each evaluation, so train it again"
    )


def draw_layers(run: Run, path: Path) -> None:
    rows = -(-len(PANELS) // COLUMNS)
    figure = plot_style.new_figure(11, PANEL_HEIGHT * rows + 0.8)
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    title = plot_style.describe_run(run) + "\na line a layer; bands from the least to the largest"
    figure.suptitle(title)
    drawn: dict[str, object] = {}
    for axes, panel in zip(grid.flat, PANELS, strict=False):
        drawn |= draw_panel(axes, run, panel)
    for axes in list(grid.flat)[len(PANELS) :]:
        axes.set_axis_off()
        axes.legend(drawn.values(), drawn.keys(), loc="center", ncols=2, fontsize=9)
    plot_style.save(figure, path)


def draw_panel(axes: Axes, run: Run, panel: Panel) -> dict[str, object]:
    """Its lines by the layers' names."""
    axes.set_title(panel.title, fontsize=10)
    found = series_of(run, panel.kind, panel.values)
    if not found:
        plot_style.say_inside(axes, missing_text(run, panel))
        return {}
    styles = list(zip(found, plot_style.line_styles(), strict=False))
    lines = {series.name: draw_series(axes, series, style) for series, style in styles}
    if panel.dashed is not None:
        hollow = {"mfc": "white", "linestyle": "--", "linewidth": 1}
        before = series_of(run, panel.kind, panel.dashed)
        for series, style in zip(before, plot_style.line_styles(), strict=False):
            draw_series(axes, series, style | hollow)
    finish_axes(axes, panel.unit)
    allow_logarithmic(axes, [value for series in found for value in series.values])
    keep_flat(axes)
    return lines


def keep_flat(axes: Axes) -> None:
    """Rounding errors of a constant are no evolution: they would fill the panel."""
    low, high = axes.get_ylim()
    middle = (low + high) / 2
    if high - low < ROUNDING * abs(middle):
        axes.set_ylim(middle - NARROWEST * abs(middle), middle + NARROWEST * abs(middle))


def draw_series(axes: Axes, series: Series, style: dict) -> object:
    every = plot_style.mark_every(len(series.steps))
    (line,) = axes.plot(series.steps, series.values, markevery=every, **style)
    if series.low != series.high:
        band = {"color": style["color"], "alpha": 0.15, "linewidth": 0}
        axes.fill_between(series.steps, series.low, series.high, **band)
    return line


def missing_text(run: Run, panel: Panel) -> str:
    if not run.of_kind("layer") and panel.kind == "layer":
        return "no layer events: train again with\nthis version of hgnn_moe_train"
    return panel.missing
