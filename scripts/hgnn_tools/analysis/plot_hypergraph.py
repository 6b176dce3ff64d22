"""hypergraph.png: per layer, the hypergraph of the last record with the weights it has learned."""

import itertools
import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from hgnn_tools import plot_style
from hgnn_tools.analysis.layer_series import events_by_layer
from hgnn_tools.hyperedges import hyperedge_members
from hgnn_tools.plot_experts import as_matrix
from hgnn_tools.run_folder import Event, Run

Members = list[tuple[int, ...]]
# More hyperedges than these hide each other on the circle; more columns would be too narrow.
MAX_STARS = 10
SQUARE_GAP = 0.24
MAX_COLUMNS = 40
MAX_ROWS = 24
ROOMY_PAIRS = 28  # lines on a circle that leave room between them
ROOMY_EXPERTS = 8  # all of them are named beside their dots
MAX_NUMBERED = 16  # columns with room for the number of a weight
WIDEST = 9.0  # points, of the largest weight


def reason_for_no_hypergraph(run: Run) -> str | None:
    if run.config.get("coupler_type") != "HGNN":
        return f"coupler_type {run.config.get('coupler_type')} has no hyperedges"
    events = weighted_events(run)
    if not events:
        return "metrics.jsonl has no hyperedge weights (the run has just begun, or has none)"
    if hyperedge_members(run, len(events[-1]["hyperedge_weights"])) is None:
        source = run.config.get("hyperedges_file") or run.config.get("static_hyperedge_strategy")
        return (
            f"the members of its hyperedges are unknown: {source} is gone or does not give as many"
            " as the run recorded; put the file back"
        )
    return None


def weighted_events(run: Run) -> list[Event]:
    return [event for event in run.of_kind("coupler") if event.get("hyperedge_weights")]


def draw_hypergraph(run: Run, path: Path) -> None:
    events = [found[-1] for found in events_by_layer(run, "coupler").values()]
    shown = [event for event in events if event.get("hyperedge_weights")][:MAX_ROWS]
    weights = as_matrix([event["hyperedge_weights"] for event in shown])
    members = hyperedge_members(run, weights.shape[1])
    experts = int(run.config["num_experts"])
    figure = plot_style.new_figure(11, 3.9 * len(shown) + 0.9)
    panels = figure.subplots(len(shown), 2, squeeze=False, width_ratios=(1, 1.7))
    title = plot_style.describe_run(run)
    if len(shown) < len(events):
        title += f"\nthe first {len(shown)} of {len(events)} layers"
    figure.suptitle(f"{title}\nwidth: weight of a hyperedge; dashed: a negative one")
    largest = float(np.nanmax(np.abs(weights))) if np.isfinite(weights).any() else 1.0
    for (circle, matrix), event, row in zip(panels, shown, weights, strict=True):
        place = f"layer {event['layer']}, step {event['step']}"
        draw_circle(circle, place, members, row, experts, largest or 1.0)
        draw_incidence(matrix, place, members, row, experts)
    plot_style.save(figure, path)


def draw_circle(
    axes: Axes, place: str, members: Members, weights: np.ndarray, experts: int, largest: float
) -> None:
    spots = circle_of(experts)
    sizes = {len(edge) for edge in members}
    if max(sizes) > 2 and len(members) <= MAX_STARS:
        draw_stars(axes, spots, members, weights, largest)
        what = "circles: experts, squares: hyperedges"
    else:
        joined = weights_of_pairs(members, weights)
        scale = max(map(abs, joined.values()), default=1.0) if max(sizes) > 2 else largest
        draw_pairs(axes, spots, joined, scale or 1.0)
        what = "pairs" if max(sizes) == 2 else "pairs, with all hyperedges that both are in"
    axes.set_title(f"{place}\n{what}", fontsize=9)
    axes.scatter(*spots.T, s=330, color="white", edgecolor="black", zorder=4)
    for expert, (x, y) in enumerate(spots):
        axes.text(x, y, str(expert), ha="center", va="center", fontsize=9, zorder=5)
    axes.set_aspect("equal")
    axes.set_xlim(-1.35, 1.35)
    axes.set_ylim(-1.35, 1.35)
    axes.set_axis_off()


def circle_of(experts: int) -> np.ndarray:
    """[E, 2], the first on top, clockwise."""
    angles = math.pi / 2 - 2 * math.pi * np.arange(experts) / experts
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def weights_of_pairs(members: Members, weights: np.ndarray) -> dict[tuple[int, int], float]:
    """For each two experts the sum of the weights of the hyperedges that hold both."""
    joined: dict[tuple[int, int], float] = {}
    for edge, weight in zip(members, weights, strict=True):
        if math.isfinite(weight):
            for pair in itertools.combinations(sorted(edge), 2):
                joined[pair] = joined.get(pair, 0.0) + float(weight)
    return joined


def draw_pairs(
    axes: Axes, spots: np.ndarray, joined: dict[tuple[int, int], float], scale: float
) -> None:
    """The heaviest on top, and all of them thinner where they are many."""
    crowd = max(1.0, len(joined) / ROOMY_PAIRS)
    for (i, j), weight in sorted(joined.items(), key=lambda item: abs(item[1])):
        look = {"color": "#0072B2", "alpha": 0.65, "solid_capstyle": "round"}
        width, dash = line_of(weight, scale * crowd)
        axes.plot(*spots[[i, j]].T, linewidth=width, linestyle=dash, **look)


def line_of(weight: float, scale: float) -> tuple[float, str]:
    width = WIDEST * abs(weight) / scale if math.isfinite(weight) else 0.0
    return max(width, 0.3), "--" if weight < 0 else "-"


def draw_stars(
    axes: Axes, spots: np.ndarray, members: Members, weights: np.ndarray, largest: float
) -> None:
    """A hyperedge is a square amid its experts, with a line to each of them."""
    placed: list[np.ndarray] = []
    for number, (edge, weight) in enumerate(zip(members, weights, strict=True)):
        middle = free_spot(spots[list(edge)].mean(axis=0), placed)
        placed.append(middle)
        width, dash = line_of(weight, largest)
        for spot in spots[list(edge)]:
            look = {"color": "#0072B2", "alpha": 0.65, "linestyle": dash, "linewidth": width}
            axes.plot(*np.stack([middle, spot]).T, **look)
        axes.scatter(*middle, s=170, marker="s", color="0.85", edgecolor="black", zorder=4)
        axes.text(*middle, str(number), ha="center", va="center", fontsize=8, zorder=5)


def free_spot(wanted: np.ndarray, placed: list[np.ndarray]) -> np.ndarray:
    """The nearest on a spiral around the wanted place where no other square is."""
    for turn in range(200):
        angle = 2.4 * turn
        spot = wanted + 0.03 * turn * np.array([math.cos(angle), math.sin(angle)])
        if all(np.hypot(*(spot - other)) > SQUARE_GAP for other in placed):
            return spot
    return wanted


def draw_incidence(
    axes: Axes, place: str, members: Members, weights: np.ndarray, experts: int
) -> None:
    """A column a hyperedge, the heaviest first: its weight as a bar above, its experts as dots."""
    order = np.argsort(-np.nan_to_num(weights), kind="stable")
    title = f"{place}\nhyperedges by weight"
    if len(order) > MAX_COLUMNS:
        half = MAX_COLUMNS // 2
        title += f": the {half} heaviest and the {half} lightest of {len(order)}"
        order = np.concatenate([order[:half], order[-half:]])
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
    bars, dots = axes.inset_axes((0, 0.52, 1, 0.48)), axes.inset_axes((0, 0.06, 1, 0.42))
    places = np.arange(len(order))
    bars.bar(places, weights[order], color="0.55", edgecolor="black", linewidth=0.6, width=0.7)
    bars.axhline(0, color="black", linewidth=0.8)
    bars.set_ylabel("weight w")
    bars.set_xticks([])
    dots.set_ylabel("expert")
    for place_of_edge, edge in zip(places, order, strict=True):
        held = sorted(members[edge])
        dots.plot([place_of_edge] * experts, range(experts), ".", color="0.85", markersize=4)
        dots.plot([place_of_edge] * len(held), held, "o-", color="black", markersize=5)
    dots.set_yticks(range(experts) if experts <= ROOMY_EXPERTS else range(0, experts, 2))
    dots.set_ylim(experts - 0.4, -0.6)
    dots.set_xticks(places, order, fontsize=8 if len(order) <= MAX_NUMBERED else 6)
    dots.set_xlabel("hyperedge")
    for inset in (bars, dots):
        inset.set_xlim(-0.7, len(order) - 0.3)
    if len(order) <= MAX_NUMBERED:
        for spot, edge in zip(places, order, strict=True):
            bars.annotate(
                f"{weights[edge]:.3f}",
                (spot, max(weights[edge], 0)),
                ha="center",
                va="bottom",
                fontsize=7,
            )
        bars.margins(y=0.15)
