"""Loss against training time, needed FLOPs and parameters, with the Pareto front of each."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    EngFormatter,
    Formatter,
    LogLocator,
    NullFormatter,
    StrMethodFormatter,
)

from hgnn_tools import plot_style
from hgnn_tools.reporting.configurations import Configuration, naming_columns
from hgnn_tools.reporting.legend import mark_legend, seeds_note
from hgnn_tools.reporting.pareto import pareto_front
from hgnn_tools.reporting.picture import Picture, finish, names_below, new_picture, tag
from hgnn_tools.reporting.targets import differing_targets
from hgnn_tools.tables import Column, Table, significant
from hgnn_tools.wording import plural


class Cost(NamedTuple):
    name: str
    word: str
    title: str
    unit: str
    value: Callable[[Configuration], float | None]
    ticks: Formatter


COSTS = (
    Cost(
        "time",
        "time",
        "Loss against training time",
        "training, minutes",
        lambda one: one.minutes,
        StrMethodFormatter("{x:g}"),
    ),
    Cost(
        "flops",
        "needed FLOPs",
        "Loss against needed FLOPs",
        "needed FLOPs",
        lambda one: one.flops,
        EngFormatter(sep=" "),
    ),
    Cost(
        "parameters",
        "parameters",
        "Loss against parameters",
        "parameters",
        lambda one: one.parameters,
        EngFormatter(sep=" "),
    ),
)
# Wider ranges than this factor are drawn on a logarithmic scale.
LOGARITHMIC_RANGE = 4.0
# Intervals are drawn this much beyond the points, in parts of the range of the points.
BEYOND = 0.5
SIZE, HOLLOW_SIZE = 6.5, 11  # of markers: a hollow one is a ring around another at its place
Limits = tuple[float, float]


class Point(NamedTuple):
    configuration: Configuration
    cost: float
    loss: float


def points_of(configurations: Sequence[Configuration], cost: Cost) -> list[Point]:
    return [
        Point(one, float(value), one.loss.mean)
        for one in configurations
        if one.done and (value := cost.value(one)) is not None
    ]


def front_of(points: Sequence[Point]) -> list[Point]:
    return [points[place] for place in pareto_front([(one.cost, one.loss) for one in points])]


def draw_pareto(
    configurations: Sequence[Configuration], options: Sequence[str], cost: Cost, synthetic: bool
) -> Picture | None:
    """None where fewer than two configurations have this cost, or where losses of other targets
    make no front."""
    points = points_of(configurations, cost)
    if len(points) < 2 or differing_targets(point.configuration for point in points):
        return None
    front = front_of(points)
    figure, axes = new_picture(cost.title, synthetic)
    scale_costs(axes, [point.cost for point in points], cost)
    limits = loss_limits(points)
    axes.set_ylim(limits)
    draw_points(axes, points, limits)
    axes.set_xlabel(cost.unit)
    axes.set_ylabel("evaluation loss, nats a token")
    axes.grid(alpha=0.3)
    axes.margins(x=0.08)
    draw_front(axes, front)
    name_front(axes, front, options)
    caption = caption_of(points, limits, options)
    return finish(figure, f"pareto-{cost.name}", caption, alternative(points, front, options, cost))


def caption_of(points: Sequence[Point], limits: Limits, options: Sequence[str]) -> str:
    ends = [end for point in points for end in interval_of(point)]
    parts = ["Means over seeds; bars are 95 % intervals of the loss."]
    if min(ends) < limits[0] or max(ends) > limits[1]:
        parts.append(
            f"Bars with an arrowhead are cut off, so that points can be told apart: they reach down"
            f" to {min(ends):.2f} and up to {max(ends):.2f}."
        )
    if any(is_hollow(point) for point in points):
        parts.append("Hollow markers are larger and lie below the others.")
    parts.append(
        "The stepped line is the Pareto front: none of the others has both a lower loss and a lower"
        " cost. It joins means, so a point within seed noise of the line may belong to it."
    )
    named = [(one.configuration.label(options, marks=False), one) for one in points]
    parts.append(seeds_note((name, tuple(one.configuration.losses)) for name, one in named))
    return " ".join(parts)


def loss_limits(points: Sequence[Point]) -> Limits:
    """Of the picture: intervals of two seeds are so long that all points would seem to be one."""
    low, high = (pick(point.loss for point in points) for pick in (min, max))
    ends = [end for point in points for end in interval_of(point)]
    span = high - low or max(ends) - min(ends) or 0.1
    low, high = max(min(ends), low - BEYOND * span), min(max(ends), high + BEYOND * span)
    margin = 0.08 * (high - low or span)
    return low - margin, high + margin


def interval_of(point: Point) -> tuple[float, float]:
    """Its own loss twice where it has no interval."""
    return point.configuration.loss.interval or (point.loss, point.loss)


def scale_costs(axes: Axes, values: Sequence[float], cost: Cost) -> None:
    if max(values) > LOGARITHMIC_RANGE * min(values) > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(cost.ticks)


def draw_points(axes: Axes, points: Sequence[Point], limits: Limits) -> None:
    """A marker for each kind of coupler, hollow where the graph does nothing."""
    styles = plot_style.line_styles()
    handles = []
    for kind in dict.fromkeys(kind_of(point.configuration) for point in points):
        style = next(styles)
        members = [point for point in points if kind_of(point.configuration) == kind]
        for point in members:
            draw_interval(axes, point, limits)
            draw_point(axes, point, style)
        look = {"marker": style["marker"], "color": style["color"], "linestyle": "none"}
        handles.append(Line2D([], [], label=kind, markersize=7, **look))
    if any(is_hollow(point) for point in points):
        look = {"marker": "o", "mfc": "white", "mec": "black", "linestyle": "none"}
        handles.append(Line2D([], [], label="hollow: graph without effect", **look))
    if len(handles) > 1:  # above the axes, where it covers no bar
        place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": len(handles)}
        axes.legend(handles=handles, fontsize=8, frameon=False, columnspacing=1.2, **place)


def draw_point(axes: Axes, point: Point, style: dict) -> None:
    look = {"marker": style["marker"], "mec": style["color"], "linestyle": "none"}
    if is_hollow(point):
        look |= {"mfc": "none", "markersize": HOLLOW_SIZE, "zorder": 3}
    else:
        look |= {"mfc": style["color"], "markersize": SIZE, "zorder": 4}
    axes.plot([point.cost], [point.loss], **look)


def draw_interval(axes: Axes, point: Point, limits: Limits) -> None:
    """With an arrowhead where it goes on beyond the picture."""
    low, high = interval_of(point)
    look = {"color": "0.6", "linewidth": 1, "zorder": 1}
    axes.plot((point.cost, point.cost), (max(low, limits[0]), min(high, limits[1])), **look)
    inside = 0.015 * (limits[1] - limits[0])
    if low < limits[0]:
        axes.plot([point.cost], [limits[0] + inside], marker="v", markersize=5, **look)
    if high > limits[1]:
        axes.plot([point.cost], [limits[1] - inside], marker="^", markersize=5, **look)


def is_hollow(point: Point) -> bool:
    return point.configuration.graph in ("no_op", "weights_cancel")


def kind_of(configuration: Configuration) -> str:
    """The coupler where the sweep varies it, or all runs alike."""
    return str(configuration.value_of("coupler_type") or "configuration")


def draw_front(axes: Axes, front: Sequence[Point]) -> None:
    """Constant to the next point of the front, and on to the border."""
    right = axes.get_xlim()[1]
    costs = [point.cost for point in front] + [right]
    losses = [point.loss for point in front] + [front[-1].loss]
    axes.step(costs, losses, where="post", color="black", linewidth=1.2, zorder=2)
    axes.set_xlim(right=right)


def name_front(axes: Axes, front: Sequence[Point], options: Sequence[str]) -> None:
    """A letter below and to the left of each point, where by definition of the front no other
    point can be, and the names below the picture."""
    for place, point in enumerate(front):
        axes.annotate(
            tag(place),
            xy=(point.cost, point.loss),
            xytext=(-6, -6),
            textcoords="offset points",
            fontsize=10,
            ha="right",
            va="top",
        )
    handles = [Line2D([], [], linestyle="none") for _ in front]
    names = [f"{point.configuration.label(options)}: {point.loss:.4f}" for point in front]
    names_below(axes, handles, names)


def alternative(
    points: Sequence[Point], front: Sequence[Point], options: Sequence[str], cost: Cost
) -> str:
    told = "; ".join(
        f"{point.configuration.label(options)} at {significant(point.cost)}, loss {point.loss:.4f}"
        for point in front
    )
    return (
        f"{plural(len(points), 'configuration')}, evaluation loss against {cost.unit}. On the"
        f" Pareto front, by rising cost: {told}."
    )


def pareto_table(configurations: Sequence[Configuration], options: Sequence[str]) -> Table | None:
    """Which configurations are on which front; None where nothing is finished, or losses of other
    targets make no front."""
    if differing_targets(one for one in configurations if one.done):
        return None
    fronts = {
        cost.name: {id(point.configuration) for point in front_of(points_of(configurations, cost))}
        for cost in COSTS
    }
    on_one = [one for one in configurations if any(id(one) in front for front in fronts.values())]
    if not on_one:
        return None
    columns = (
        *naming_columns(options),
        Column("seeds", "seeds"),
        Column("loss_mean", "loss, mean", "loss"),
        *(Column(cost.name, cost.unit, "measure") for cost in COSTS[:2]),
        Column("parameters", "parameters", "count"),
        Column("fronts", "on the front of"),
        Column("data", "data", csv_only=True),
    )
    rows = tuple(
        {
            **one.cells(options),
            "seeds": one.seeds,
            "loss_mean": one.loss.mean,
            **{cost.name: cost.value(one) for cost in COSTS},
            "fronts": ", ".join(
                cost.word for cost in COSTS if id(one) in fronts[cost.name]
            ),
            "data": one.data_mode,
        }
        for one in on_one
    )
    notes = tuple(mark_legend(on_one))
    return Table("pareto", "Configurations on a Pareto front", columns, rows, notes)
