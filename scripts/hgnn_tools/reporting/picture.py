"""A picture of the report: its SVG, what it shows in words, and the words below it."""

import re
import string
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hgnn_tools import plot_style
from hgnn_tools.reporting.configurations import LEGEND
from hgnn_tools.wording import cut_in_the_middle

# In inches. Narrow, so that text keeps its size on a phone and two stand side by side elsewhere.
WIDTH = 5.4
HEIGHT = 3.7
LINE_HEIGHT = 0.19  # of a name below
LETTERS_AN_INCH = 13
TITLE_WIDTH, MOST_TITLE_LINES = 56, 3  # in letters
SYNTHETIC = "SYNTHETIC DATA: not a result on real text"


@dataclass(frozen=True)
class Picture:
    name: str  # of its file, without the ending
    caption: str
    alternative: str  # for readers who do not see it
    svg: bytes


def new_picture(title: str, synthetic: bool, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """As much higher as a title of several lines needs."""
    title = filled(cut_in_the_middle(title, MOST_TITLE_LINES * TITLE_WIDTH), TITLE_WIDTH)
    title = f"{title}\n{SYNTHETIC}" if synthetic else title
    figure = plot_style.new_figure(WIDTH, height + LINE_HEIGHT * title.count("\n"))
    axes = figure.subplots()
    figure.suptitle(title, fontsize=11)
    return figure, axes


def finish(figure: Figure, name: str, caption: str, alternative: str) -> Picture:
    if SYNTHETIC in figure.get_suptitle():
        caption, alternative = f"{caption} {SYNTHETIC}.", f"{SYNTHETIC}. {alternative}"
    return Picture(name, caption, alternative, plot_style.svg_bytes(figure))


def filled(text: str, width: int) -> str:
    """In lines of `width` letters; a mark stays with the word before it."""
    marked = re.sub(rf" ([{''.join(LEGEND)}]+)", "\u00a0\\1", text)
    return textwrap.fill(marked, width)


def tag(place: int) -> str:
    """a, b, ..., z, then 27, 28: what stands beside a line or point and before its name below."""
    return string.ascii_lowercase[place] if place < len(string.ascii_lowercase) else str(place + 1)


def names_below(
    axes: Axes, handles: Sequence[Artist], names: Sequence[str], places: Sequence[int] | None = None
) -> None:
    """The legend of the tags, a name below the other, and the figure as much higher. `places` are
    those of the tags, where they are not the first."""
    figure = axes.figure
    width, height = figure.get_size_inches()
    broken = [filled(name, int(LETTERS_AN_INCH * width)) for name in names]
    lines = sum(name.count("\n") + 1 for name in broken)
    figure.set_size_inches(width, height + LINE_HEIGHT * lines)
    tags = map(tag, places or range(len(names)))
    tagged = [f"{letter}   {name}" for letter, name in zip(tags, broken, strict=True)]
    figure.legend(
        handles, tagged, loc="outside lower left", fontsize=8.5, frameon=False, handlelength=3
    )


def spread_labels(wanted: Sequence[float], gap: float, limits: tuple[float, float]) -> list[float]:
    """Places for labels within the limits, `gap` apart (closer where they are too many) and as
    near to the wanted ones as that allows.

    Labels that collide share a block around the mean of what they want.
    """
    low, high = limits
    gap = min(gap, (high - low) / len(wanted))
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    blocks: list[tuple[float, list[int]]] = []  # middle, members
    for place in order:
        blocks.append((wanted[place], [place]))
        while len(blocks) > 1 and collide(blocks[-2], blocks[-1], gap):
            _, last = blocks.pop()
            _, before = blocks.pop()
            members = before + last
            blocks.append((sum(wanted[one] for one in members) / len(members), members))
    places = [0.0] * len(wanted)
    for middle, members in blocks:
        length = gap * (len(members) - 1)
        first = min(max(middle - length / 2, low), high - length)
        for number, member in enumerate(members):
            places[member] = first + gap * number
    return places


def collide(lower: tuple[float, list[int]], upper: tuple[float, list[int]], gap: float) -> bool:
    half = gap * (len(lower[1]) + len(upper[1])) / 2
    return upper[0] - lower[0] < half - 1e-12 * gap
