"""Lines below a table: its marks, and what the sweep noted on its rows, once a configuration."""

import re
from collections.abc import Iterable, Sequence

from hgnn_tools.reporting.configurations import LEGEND, Configuration
from hgnn_tools.wording import seeds_told

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
MOST_NAMES = 3


def legend_notes(named: Iterable[tuple[str, Configuration]]) -> list[str]:
    """Of configurations and their names: the legend of the marks that occur, then what was noted,
    'MEAN: match_time: 15 to 147 steps of ...', each note once behind the names that it is of."""
    named = list(named)
    names: dict[str, list[str]] = {}
    for name, one in named:
        for note in summarised(one.notes):
            names.setdefault(note, []).append(name)
    legend = mark_legend(one for _, one in named)
    return legend + [f"{enumerated(found)}: {note}" for note, found in names.items()]


def mark_legend(configurations: Iterable[Configuration]) -> list[str]:
    """Of the marks that occur; for a table that stands below one with the notes."""
    marks = "".join(one.marks for one in configurations)
    return [f"{mark} {text}." for mark, text in LEGEND.items() if mark in marks]


def evaluation_notes(named: Iterable[tuple[str, Configuration]]) -> list[str]:
    """One where best losses are the lowest of different numbers of evaluations, else none: who
    trains for more steps in equal time has more of them."""
    names: dict[str, list[str]] = {}
    for name, one in named:
        counts = [str(len(row.curve.losses)) for row in one.done if row.curve.losses]
        if counts and one.loss_key == "best_eval_loss":
            names.setdefault(range_of(counts), []).append(name)
    if len(names) < 2:
        return []
    told = "; ".join(f"{count} ({enumerated(found)})" for count, found in names.items())
    return [
        f"Numbers of evaluations differ: {told}. A best loss is the lowest of them, so more of them"
        " make it lower by chance alone; --loss final compares losses at the end."
    ]


def seeds_note(named: Iterable[tuple[str, tuple[int, ...]]], most: int = MOST_NAMES) -> str:
    """Over which seeds the means of names are: of all, or of each where they differ."""
    names: dict[tuple[int, ...], list[str]] = {}
    for name, seeds in named:
        names.setdefault(seeds, []).append(name)
    if len(names) < 2:
        return "".join(f"All are of {seeds_told(seeds)}." for seeds in names)
    told = [f"{seeds_told(seeds)} ({enumerated(found, most)})" for seeds, found in names.items()]
    return f"They differ in seeds: {', '.join(told)}."


def summarised(notes: Sequence[str]) -> list[str]:
    """Notes of equal words as one, with ranges in the place of numbers that differ."""
    numbers: dict[tuple[str, ...], list[list[str]]] = {}
    for note in notes:
        numbers.setdefault(tuple(NUMBER.split(note)), []).append(NUMBER.findall(note))
    return [
        first + "".join(map(str.__add__, map(range_of, zip(*found, strict=True)), rest))
        for (first, *rest), found in numbers.items()
    ]


def range_of(numbers: Sequence[str]) -> str:
    ordered = sorted(numbers, key=lambda number: float(number.replace(",", "")))
    low, high = ordered[0], ordered[-1]
    return low if low == high else f"{low} to {high}"


def enumerated(names: Sequence[str], most: int = MOST_NAMES) -> str:
    names = list(dict.fromkeys(names))
    more = len(names) - most
    told = "; ".join(names[:most])
    return f"{told}; and {more} more" if more > 0 else told
