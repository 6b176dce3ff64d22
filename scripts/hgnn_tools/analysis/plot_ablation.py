"""ablation.png: what each part is worth, for all targets and by class."""

import itertools
from pathlib import Path

from matplotlib.axes import Axes

from hgnn_tools import plot_style
from hgnn_tools.analysis.ablation_table import ALL
from hgnn_tools.run_folder import Run
from hgnn_tools.tables import Table, signed

# Longer lists show the parts that matter most.
MAX_PARTS = 36
ROW_HEIGHT = 0.32
# Times the next one: a larger effect goes beyond the scale.
OUTLIER = 8.0
LEGEND_INCHES = 0.5  # below the axes
BAR = {"color": "0.75", "edgecolor": "black", "linewidth": 0.7, "height": 0.62}
WHISKER = {"color": "black", "linewidth": 1.2, "marker": "|", "markersize": 6}
UNIT = "loss added, nats a token"


def draw_ablation(run: Run, table: Table, path: Path) -> None:
    """`table` is that of ablation_table."""
    names, left_out = parts_to_show(table)
    classings = list(dict.fromkeys(row["classing"] for row in table.rows if row["classing"]))
    panels = 1 + len(classings)
    figure = plot_style.new_figure(4.1 * panels, 2.1 + ROW_HEIGHT * max(len(names), 3))
    grid = figure.subplots(1, panels, squeeze=False, sharey=True)[0]
    title = f"{plot_style.describe_run(run)}\n{table.title}: what removing a part adds to the loss"
    if left_out:
        title += (
            f"\nthe {len(names)} parts with the largest effect, {left_out} more are in by_class.csv"
        )
    figure.suptitle(title)
    draw_all(grid[0], table, names)
    for axes, classing in zip(grid[1:], classings, strict=True):
        draw_classes(axes, table, names, classing)
    outliers = outliers_of(table, names)
    for axes, classing in zip(grid, (None, *classings), strict=True):
        limit_to_others(axes, table, names, classing, outliers)
    for axes in grid:
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_xlabel(UNIT)
        axes.grid(axis="x", alpha=0.3)
        axes.locator_params(axis="x", nbins=5)
    grid[0].set_yticks([-place for place in range(len(names))], names)
    grid[0].set_ylim(-len(names) + 0.3, 0.7)
    plot_style.save(figure, path)


def parts_to_show(table: Table) -> tuple[list[str], int]:
    """In the order of the file, and how many are left out."""
    worth = {
        row["name"]: abs(row["difference"])
        for row in table.rows
        if row["class"] == ALL and row.get("difference") is not None
    }
    kept = set(sorted(worth, key=worth.get, reverse=True)[:MAX_PARTS])
    return [name for name in worth if name in kept], len(worth) - len(kept)


def outliers_of(table: Table, names: list[str]) -> list[str]:
    """Parts, such as the whole coupler, beside which no difference among the others would show."""
    rows = rows_of(table, names, None, ALL)
    ordered = sorted(rows, key=lambda row: abs(row["difference"]), reverse=True)
    for place, (row, following) in enumerate(itertools.pairwise(ordered), start=1):
        if abs(row["difference"]) > OUTLIER * abs(following["difference"]):
            return [one["name"] for one in ordered[:place]]
    return []


def limit_to_others(
    axes: Axes, table: Table, names: list[str], classing: str | None, outliers: list[str]
) -> None:
    """The axis fits the other parts; outliers go beyond it, and their values are written."""
    if not outliers:
        return
    shown = [row for row in table.rows if row["classing"] == classing and row["name"] in names]
    ends = [0.0]
    for row in shown:
        if row["name"] not in outliers:
            interval = row["difference_interval"]
            ends += [row["difference"], *(interval if isinstance(interval, tuple) else ())]
    margin = 0.06 * (max(ends) - min(ends)) or 0.01
    axes.set_xlim(min(ends) - margin, max(ends) + margin)
    for name in outliers:
        values = [signed(row["difference"], 3) for row in shown if row["name"] == name]
        look = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}
        axes.text(
            0.97,
            -names.index(name),
            f"off the scale: {', '.join(values)}",
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            fontsize=8,
            bbox=look,
        )


def rows_of(table: Table, names: list[str], classing: str | None, of_class: str) -> list[dict]:
    found = {
        row["name"]: row
        for row in table.rows
        if row["classing"] == classing and row["class"] == of_class
    }
    return [found[name] for name in names if name in found]


def draw_all(axes: Axes, table: Table, names: list[str]) -> None:
    axes.set_title("all targets, 95 % intervals over samples", fontsize=9)
    for place, row in enumerate(rows_of(table, names, None, ALL)):
        axes.barh(-place, row["difference"], **BAR)
        if isinstance(row["difference_interval"], tuple):
            axes.plot(row["difference_interval"], (-place, -place), **WHISKER)


def draw_classes(axes: Axes, table: Table, names: list[str], classing: str) -> None:
    """A marker of its own for each class, one below the other within a part."""
    axes.set_title(f"by {classing}", fontsize=9)
    classes = list(dict.fromkeys(r["class"] for r in table.rows if r["classing"] == classing))
    gap = 0.6 / max(1, len(classes) - 1)
    for number, (of_class, style) in enumerate(
        zip(classes, plot_style.line_styles(), strict=False)
    ):
        rows = rows_of(table, names, classing, of_class)
        shift = 0.3 - gap * number if len(classes) > 1 else 0.0
        places = [shift - names.index(row["name"]) for row in rows]
        for row, y in zip(rows, places, strict=True):
            if isinstance(row["difference_interval"], tuple):
                axes.plot(row["difference_interval"], (y, y), color=style["color"], linewidth=1)
        dots = {"marker": style["marker"], "color": style["color"], "linestyle": "none"}
        axes.plot([row["difference"] for row in rows], places, label=of_class, markersize=5, **dots)
    below = -LEGEND_INCHES / (ROW_HEIGHT * max(len(names), 3))
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, below), ncols=4, frameon=False)
