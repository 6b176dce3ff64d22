"""Distributions, a projection and spectra of embeddings, type by type."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hgnn_tools import plot_style
from hgnn_tools.embeddings.embedding_report import EmbeddingReport, Histogram, TypeReport

# More would not be told apart; the types with most nodes are drawn.
MAX_TYPES = 24
SPECTRA_IN_A_ROW = 4
POINT_AREA = 14
SHARE = 0.9


def drawn_types(report: EmbeddingReport) -> list[TypeReport]:
    """The largest ones, in the order of the report."""
    largest = sorted(report.types, key=lambda each: -each.nodes)[:MAX_TYPES]
    return [each for each in report.types if each in largest]


def title_of(report: EmbeddingReport) -> str:
    left_out = len(report.types) - len(drawn_types(report))
    return report.title() + (f"\nwithout the {left_out} smallest types" if left_out else "")


def draw_distributions(report: EmbeddingReport, path: Path) -> None:
    figure = plot_style.new_figure(12, 5.5)
    norms, cosines = figure.subplots(1, 2)
    figure.suptitle(title_of(report))
    draw_histograms(norms, report, lambda each: each.norms)
    norms.set_title("How long embeddings are")
    norms.set_xlabel("norm")
    norms.set_ylabel("share of the type's nodes")
    draw_histograms(cosines, report, lambda each: each.cosines)
    cosines.set_title("How alike the embeddings of a type are")
    cosines.set_xlabel("cosine of two of its nodes")
    cosines.set_ylabel("share of the pairs")
    figure.legend(*norms.get_legend_handles_labels(), loc="outside right center")
    plot_style.save(figure, path)


def draw_histograms(
    axes: Axes, report: EmbeddingReport, histogram_of: Callable[[TypeReport], Histogram]
) -> None:
    for each, style in zip(drawn_types(report), plot_style.line_styles(), strict=False):
        histogram = histogram_of(each)
        if sum(histogram.counts):
            axes.plot(
                histogram.centres(),
                histogram.shares(),
                label=each.name,
                drawstyle="steps-mid",
                markevery=plot_style.mark_every(len(histogram.counts)),
                **style,
            )
    axes.grid(alpha=0.3)
    if not axes.lines:
        plot_style.say_inside(axes, "no finite embedding")


def draw_projection(report: EmbeddingReport, path: Path) -> None:
    figure = plot_style.new_figure(9.5, 7)
    axes = figure.subplots()
    figure.suptitle(title_of(report))
    looks = zip(itertools.cycle(plot_style.COLORS), itertools.cycle(plot_style.MARKERS), strict=True)
    for each, (color, marker) in zip(drawn_types(report), looks, strict=False):
        if each.x:
            # One number has one component.
            y = each.y or [0.0] * len(each.x)
            axes.scatter(
                each.x, y, s=POINT_AREA, marker=marker, facecolors="none", edgecolors=color,
                linewidths=0.7, label=f"{each.name} ({len(each.x)} of {each.nodes})",
            )
    if not axes.collections:
        plot_style.say_inside(axes, "no finite embedding")
    else:
        axes.set_xlabel(axis_label(report, 0))
        axes.set_ylabel(axis_label(report, 1))
        axes.grid(alpha=0.3)
        figure.legend(loc="outside right center")
    plot_style.save(figure, path)


def axis_label(report: EmbeddingReport, axis: int) -> str:
    if axis >= len(report.axis_shares):
        return "no second component"
    share = report.axis_shares[axis]
    return f"principal component {axis + 1} of all nodes ({100 * share:.1f} % of the variance)"


def draw_spectra(report: EmbeddingReport, path: Path) -> None:
    types = drawn_types(report)
    columns = min(SPECTRA_IN_A_ROW, len(types))
    rows = math.ceil(len(types) / columns)
    figure = plot_style.new_figure(3.6 * columns + 0.6, 3.0 * rows + 1.0)
    figure.suptitle(title_of(report))
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes, each in itertools.zip_longest(panels.flat, types):
        if each is None:
            axes.set_axis_off()
        else:
            draw_spectrum(axes, each)
    plot_style.save(figure, path)


def draw_spectrum(axes: Axes, each: TypeReport) -> None:
    axes.set_title(
        f"{each.name}: {each.verdict}\neffective rank {each.effective_rank:.1f}, 90 % of the"
        f" variance in {each.components_90}",
        size=9,
    )
    total = sum(each.variances)
    if not total:
        plot_style.say_inside(axes, "no variance")
        return
    cumulated = [part / total for part in itertools.accumulate(each.variances)]
    style = next(plot_style.line_styles())
    every = plot_style.mark_every(len(cumulated))
    axes.plot(range(1, len(cumulated) + 1), cumulated, markevery=every, **style)
    axes.axhline(SHARE, color="0.5", linewidth=0.8, linestyle=":")
    axes.axvline(each.components_90, color="0.5", linewidth=0.8, linestyle="--")
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("components")
    axes.set_ylabel("share of the variance")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)


PICTURES: dict[str, Callable[[EmbeddingReport, Path], None]] = {
    "embedding_distributions.png": draw_distributions,
    "pca_visualization.png": draw_projection,
    "embedding_spectra.png": draw_spectra,
}
