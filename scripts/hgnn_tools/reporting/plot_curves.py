"""Learning curves with bands over seeds, against tokens and against training time."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hgnn_tools import plot_style
from hgnn_tools.reporting.curves import Band
from hgnn_tools.reporting.legend import seeds_note
from hgnn_tools.reporting.picture import (
    Picture,
    finish,
    names_below,
    new_picture,
    spread_labels,
    tag,
)
from hgnn_tools.wording import plural

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
    name: str,
    title: str,
    bands: Sequence[Band],
    loss: str,
    synthetic: bool,
    partners: Mapping[int, int],
) -> Iterator[Picture]:
    """A picture for each cost and each part of MAX_LINES bands, all on the same loss scale. `loss`
    says in words what the tables are about; `partners` has by the place of a band that of its
    baseline's, which is in every part with it."""
    limits = loss_limits(bands)
    groups = parts_of(len(bands), partners)
    for number, places in enumerate(groups, start=1):
        part = f", part {number} of {len(groups)}" if len(groups) > 1 else ""
        lines = [(place, bands[place]) for place in places]
        for cost in COSTS:
            costs = [getattr(band, cost) for _, band in lines]
            if not all(costs) or max(costs[0]) == 0:  # times mean nothing; no step was recorded
                continue
            file = f"{name}-{cost}" + (f"-{number}" if part else "")
            yield draw_group(file, title + part, lines, cost, limits, loss, synthetic)


def parts_of(number: int, partners: Mapping[int, int]) -> list[list[int]]:
    """Places in parts of MAX_LINES or fewer, in their order, each with its partner."""
    if number <= MAX_LINES:
        return [list(range(number))]
    baselines = set(partners.values())
    parts: list[set[int]] = [set()]
    for place in range(number):
        if place in baselines and place not in partners:
            continue  # comes with what is compared with it
        wanted = {place, partners.get(place, place)}
        if len(parts[-1] | wanted) > MAX_LINES:
            parts.append(set())
        parts[-1] |= wanted
    return [sorted(part) for part in parts]


def draw_group(
    name: str,
    title: str,
    lines: Sequence[tuple[int, Band]],
    cost: str,
    limits: tuple[float, float],
    loss: str,
    synthetic: bool,
) -> Picture:
    """`lines` are bands with their places among those of all parts, which give letter and look."""
    figure, axes = new_picture(title, synthetic)
    bands = [band for _, band in lines]
    places = [place for place, _ in lines]
    handles = draw_panel(axes, bands, cost, limits, places)
    names_below(axes, handles, end_names(bands), places)
    seeds = seeds_note(((tag(place), band.seeds) for place, band in lines), MAX_LINES)
    caption = f"{CAPTION.format(loss=loss)} {seeds}"
    if max(band.high[0] for band in bands) > limits[1]:
        caption += f" Losses above {limits[1]:.2f} are cut off, to show what differs."
    return finish(figure, name, caption, alternative(bands, cost))


def draw_panel(
    axes: Axes,
    bands: Sequence[Band],
    cost: str,
    limits: tuple[float, float],
    places: Sequence[int],
) -> list[Line2D]:
    axes.set_ylim(limits)
    styles = list(itertools.islice(plot_style.line_styles(), max(places) + 1))
    lines = [
        draw_band(axes, band, cost, styles[place])
        for band, place in zip(bands, places, strict=True)
    ]
    tag_ends(axes, bands, cost, places)
    axes.set_xlabel(COSTS[cost])
    axes.set_ylabel("evaluation loss, nats a token")
    axes.locator_params(axis="x", nbins=6)
    axes.grid(alpha=0.3)
    return lines


def end_names(bands: Sequence[Band]) -> list[str]:
    return [f"{band.label}: {band.mean[-1]:.4f}" for band in bands]


def draw_band(axes: Axes, band: Band, cost: str, style: dict) -> Line2D:
    costs = [SCALE[cost] * value for value in getattr(band, cost)]
    every = plot_style.mark_every(len(costs))
    (line,) = axes.plot(costs, band.mean, markevery=every, linewidth=1.4, **style)
    if len(band.seeds) > 1:
        axes.fill_between(costs, band.low, band.high, color=style["color"], alpha=0.18, linewidth=0)
    return line


def loss_limits(bands: Sequence[Band]) -> tuple[float, float]:
    """From the lowest loss to the highest of a quarter of the way: the first evaluations lie so far
    above the others that lines would seem to be one."""
    low = min(min(band.low) for band in bands)
    high = max(band.high[len(band.high) // 4] for band in bands)
    margin = 0.05 * (high - low) or 0.05
    return low - margin, high + margin


def tag_ends(axes: Axes, bands: Sequence[Band], cost: str, places: Sequence[int]) -> None:
    """A letter beside the end of each line, spread so that none covers another."""
    low, high = axes.get_ylim()
    height = axes.figure.get_size_inches()[1] * POINTS_AN_INCH * AXES_SHARE
    gap = (high - low) * TAG_POINTS / height
    heights = spread_labels([band.mean[-1] for band in bands], gap, (low, high))
    for number, band, place in zip(places, bands, heights, strict=True):
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
        f"Evaluation loss against {COSTS[cost]}, {plural(len(bands), 'line')} with bands over"
        f" seeds: {ends}."
    )
