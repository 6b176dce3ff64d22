"""Learning curves with bands over seeds, against tokens and against training time."""

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hgnn_tools import plot_style
from hgnn_tools.reporting.curves import Band
from hgnn_tools.reporting.picture import (
    Picture,
    finish,
    names_below,
    new_picture,
    spread_labels,
    tag,
)

# Lines that can be told apart in one picture; more go into further pictures.
MAX_LINES = 8
TAG_POINTS = 10  # between two letters
POINTS_AN_INCH = 72
AXES_SHARE = 0.75  # of the figure's height
COSTS = {"tokens": "training tokens, millions", "minutes": "training time, minutes"}
SCALE = {"tokens": 1e-6, "minutes": 1.0}
CAPTION = (
    "Evaluation loss, the mean over seeds; the band reaches from the lowest to the highest seed, at"
    " steps where all of them were evaluated. The loss behind a name is the mean at the last of"
    " these steps; tables are about {loss}."
)


def draw_curves(
    name: str, title: str, bands: Sequence[Band], loss: str, synthetic: bool
) -> Iterator[Picture]:
    """A picture for each cost and each MAX_LINES bands, the groups on the same loss scale. `loss`
    says in words what the tables are about."""
    caption = CAPTION.format(loss=loss)
    limits = loss_limits(bands)
    groups = [bands[first : first + MAX_LINES] for first in range(0, len(bands), MAX_LINES)]
    for number, group in enumerate(groups, start=1):
        part = f", part {number} of {len(groups)}" if len(groups) > 1 else ""
        for cost in COSTS:
            costs = [getattr(band, cost) for band in group]
            if not all(costs) or max(costs[0]) == 0:  # times mean nothing; no step was recorded
                continue
            file = f"{name}-{cost}" + (f"-{number}" if part else "")
            yield draw_group(file, title + part, caption, group, cost, limits, synthetic)


def draw_group(
    name: str,
    title: str,
    caption: str,
    bands: Sequence[Band],
    cost: str,
    limits: tuple[float, float],
    synthetic: bool,
) -> Picture:
    figure, axes = new_picture(title, synthetic)
    lines = draw_panel(axes, bands, cost, limits)
    names_below(axes, lines, end_names(bands))
    if max(band.high[0] for band in bands) > limits[1]:
        caption += f" Losses above {limits[1]:.2f} are cut off, to show what differs."
    return finish(figure, name, caption, alternative(bands, cost))


def draw_panel(
    axes: Axes, bands: Sequence[Band], cost: str, limits: tuple[float, float]
) -> list[Line2D]:
    axes.set_ylim(limits)
    styles = plot_style.line_styles()
    lines = [draw_band(axes, band, cost, style) for band, style in zip(bands, styles, strict=False)]
    tag_ends(axes, bands, cost)
    axes.set_xlabel(COSTS[cost])
    axes.set_ylabel("evaluation loss, nats a token")
    axes.grid(alpha=0.3)
    return lines


def end_names(bands: Sequence[Band]) -> list[str]:
    return [f"{band.label}: {band.mean[-1]:.4f}" for band in bands]


def draw_band(axes: Axes, band: Band, cost: str, style: dict) -> Line2D:
    costs = [SCALE[cost] * value for value in getattr(band, cost)]
    every = plot_style.mark_every(len(costs))
    (line,) = axes.plot(costs, band.mean, markevery=every, linewidth=1.4, **style)
    if band.seeds > 1:
        axes.fill_between(costs, band.low, band.high, color=style["color"], alpha=0.18, linewidth=0)
    return line


def loss_limits(bands: Sequence[Band]) -> tuple[float, float]:
    """From the lowest loss to the highest of a quarter of the way: the first evaluations lie so far
    above the others that lines would seem to be one."""
    low = min(min(band.low) for band in bands)
    high = max(band.high[len(band.high) // 4] for band in bands)
    margin = 0.05 * (high - low) or 0.05
    return low - margin, high + margin


def tag_ends(axes: Axes, bands: Sequence[Band], cost: str) -> None:
    """A letter beside the end of each line, spread so that none covers another."""
    low, high = axes.get_ylim()
    height = axes.figure.get_size_inches()[1] * POINTS_AN_INCH * AXES_SHARE
    gap = (high - low) * TAG_POINTS / height
    places = spread_labels([band.mean[-1] for band in bands], gap, (low, high))
    for number, (band, place) in enumerate(zip(bands, places, strict=True)):
        axes.annotate(
            tag(number),
            xy=(SCALE[cost] * getattr(band, cost)[-1], band.mean[-1]),
            xytext=(1.02, place),
            textcoords=axes.get_yaxis_transform(),
            fontsize=9,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": "0.5", "linewidth": 0.6},
        )


def alternative(bands: Sequence[Band], cost: str) -> str:
    ends = "; ".join(f"{band.label} ends at {band.mean[-1]:.4f}" for band in bands)
    return (
        f"Evaluation loss against {COSTS[cost]}, {len(bands)} lines with bands over seeds: {ends}."
    )
