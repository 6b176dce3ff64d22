"""expert_connectivity.png: who listens to whom, per graph, at the first and the last record."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hgnn_tools import plot_style
from hgnn_tools.hyperedges import hyperedge_members, member_text
from hgnn_tools.run_folder import Event, Run

# Three digits an entry still fit a panel.
MAX_ANNOTATED_EXPERTS = 8
ROOMY_EXPERTS = 6
MAX_LEGEND_LINES = 12
# Matplotlib refuses pictures of more than 65,536 pixels a side.
MAX_ROWS = 96
# Share of the largest shade from which white digits are easier to read than black ones.
DARK_FROM = 0.65
MIXING = {"HGNN": "mixing matrix P", "GNN": "mean mixing matrix K"}


class Place(NamedTuple):
    """Where a graph is. A GNN has one in every coupler layer; those of a HGNN share theirs."""

    layer: int
    coupler_layer: int | None

    def __str__(self) -> str:
        if self.coupler_layer is None:
            return f"layer {self.layer}"
        return f"layer {self.layer}, coupler layer {self.coupler_layer}"


Graphs = dict[Place, list[Event]]


def reason_for_no_picture(run: Run) -> str | None:
    """Why this run has no connectivity to draw; None where it has."""
    coupler = run.config.get("coupler_type")
    if coupler not in MIXING:
        return f"coupler_type {coupler} has no graph between the experts"
    if not recorded_graphs(run):
        return "metrics.jsonl has no mixing matrix (the run has just begun, or its graph is empty)"
    return None


def draw_experts(run: Run, path: Path) -> None:
    every = events_by_place(recorded_graphs(run))
    graphs = dict(itertools.islice(every.items(), MAX_ROWS))
    columns = columns_for(run, graphs)
    figure = plot_style.new_figure(4.4 * len(columns), 3.4 * len(graphs) + 0.8)
    panels = figure.subplots(len(graphs), len(columns), squeeze=False)
    title = plot_style.describe_run(run)
    title += "\nrow: the expert that listens, column: the one it hears"
    if len(graphs) < len(every):
        title += f"\nthe first {len(graphs)} of {len(every)} graphs"
    figure.suptitle(title)
    for row, (place, events) in zip(panels, graphs.items(), strict=True):
        for axes, draw in zip(row, columns, strict=True):
            draw(axes, place, events)
    plot_style.save(figure, path)


def recorded_graphs(run: Run) -> list[Event]:
    """An empty graph has a record without a matrix."""
    return [event for event in run.of_kind("coupler") if event.get("mixing")]


def events_by_place(events: list[Event]) -> Graphs:
    """In the order of the first record, which is that of the model."""
    graphs: Graphs = {}
    for event in events:
        place = Place(event["layer"], event.get("coupler_layer"))
        graphs.setdefault(place, []).append(event)
    return graphs


Column = Callable[[Axes, Place, list[Event]], None]


def columns_for(run: Run, graphs: Graphs) -> list[Column]:
    """First and last matrix (one where there is one record), then what the coupler learns."""
    what = MIXING[run.config["coupler_type"]]
    # The range is common to all panels, so that a shade means the same in each.
    drawn = [events[index]["mixing"] for events in graphs.values() for index in (0, -1)]
    scale = Scale.of(drawn)

    def matrix_at(index: int) -> Column:
        def draw(axes: Axes, place: Place, events: list[Event]) -> None:
            title = f"{place}\n{what}, step {events[index]['step']}"
            if events[index] is not events[0]:
                title += f"\n{describe_change(events[0], events[index])}"
            draw_matrix(axes, as_matrix(events[index]["mixing"]), title, scale)

        return draw

    def weights(axes: Axes, place: Place, events: list[Event]) -> None:
        draw_weights(axes, place, events, run)

    recorded_twice = max(map(len, graphs.values())) > 1
    columns = [matrix_at(0), matrix_at(-1)] if recorded_twice else [matrix_at(0)]
    last_events = [events[-1] for events in graphs.values()]
    if any(event.get("adjacency") for event in last_events):
        columns.append(draw_adjacency)
    if any(event.get("hyperedge_weights") for event in last_events):
        columns.append(weights)
    return columns


def describe_change(first: Event, last: Event) -> str:
    """Said in words, as training may move a matrix by less than shades and digits show."""
    changes = np.abs(as_matrix(last["mixing"]) - as_matrix(first["mixing"]))
    finite = changes[np.isfinite(changes)]
    if not finite.size:
        return "no finite value to compare"
    return f"largest change since step {first['step']}: {finite.max():.2g}"


class Scale:
    """Shades for matrices: from 0 to the largest entry, or both ways around 0 where signs mix."""

    def __init__(self, low: float, high: float, colormap: str) -> None:
        self.low, self.high, self.colormap = low, high, colormap

    @staticmethod
    def of(matrices: list) -> "Scale":
        values = np.concatenate([as_matrix(matrix).ravel() for matrix in matrices])
        finite = values[np.isfinite(values)]
        largest = float(np.abs(finite).max()) if finite.size else 1.0
        largest = largest or 1.0
        if finite.size and finite.min() < 0:
            return Scale(-largest, largest, "RdBu")
        return Scale(0.0, largest, "Greys")


def as_matrix(rows: list) -> np.ndarray:
    """Null, written for a value that was not finite, becomes NaN."""
    return np.array(rows, dtype=float)


def draw_matrix(axes: Axes, matrix: np.ndarray, title: str, scale: Scale) -> None:
    image = axes.imshow(matrix, cmap=scale.colormap, vmin=scale.low, vmax=scale.high)
    axes.figure.colorbar(image, ax=axes, shrink=0.8)
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("from expert")
    axes.set_ylabel("to expert")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(matrix) > MAX_ANNOTATED_EXPERTS:
        return
    for (i, j), value in np.ndenumerate(matrix):
        # Entries far from the middle of the scale are dark.
        dark = abs(value) > DARK_FROM * scale.high
        axes.text(
            j,
            i,
            f"{value:.3f}",
            ha="center",
            va="center",
            fontsize=8 if len(matrix) <= ROOMY_EXPERTS else 6,
            color="white" if dark else "black",
        )


def draw_adjacency(axes: Axes, place: Place, events: list[Event]) -> None:
    matrix = as_matrix(events[-1]["adjacency"])
    title = f"{place}\nadjacency, step {events[-1]['step']}"
    draw_matrix(axes, matrix, title, Scale.of([matrix]))


def draw_weights(axes: Axes, place: Place, events: list[Event], run: Run) -> None:
    """One line a hyperedge, named by its members where the configuration tells them."""
    steps = [event["step"] for event in events]
    weights = np.array([event["hyperedge_weights"] for event in events], dtype=float)
    edges = weights.shape[1]
    axes.set_title(f"{place}\nhyperedge weights", fontsize=9)
    axes.set_xlabel("step (finished updates)")
    axes.set_ylabel("weight w")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    if edges > MAX_LEGEND_LINES:
        # Too many to tell apart: their spread is what can be seen.
        axes.plot(steps, weights, color="black", linewidth=0.6, alpha=0.5, marker=".")
        note = f"{edges} hyperedges, one line each"
        axes.text(0.02, 1.0, note, transform=axes.transAxes, va="bottom", fontsize=8)
        axes.set_title(axes.get_title(), fontsize=9, pad=14)
        return
    names = edge_names(run, edges)
    styles = itertools.islice(plot_style.line_styles(), edges)
    every = plot_style.mark_every(len(steps))
    for line, name, style in zip(weights.T, names, styles, strict=True):
        axes.plot(steps, line, label=name, markevery=every, **style)
    axes.legend(
        title="experts" if names[0].startswith("{") else None,
        fontsize=7,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )


def edge_names(run: Run, edges: int) -> list[str]:
    """By their members, or by number where the configuration does not tell them."""
    members = hyperedge_members(run, edges)
    if members is None:
        return [f"hyperedge {edge}" for edge in range(edges)]
    return list(map(member_text, members))
