"""The part of docs/performance.md about precisions: Markdown from the results of a run."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any

from common.tables import table
from precision.curves import PRECISIONS, WINDOW


def curve_table(group: Mapping[str, Any]) -> list[str]:
    """A row a seed, and their means."""
    runs = group["runs"]
    numbers = [
        [
            *(mean(run["loss"][-WINDOW:]) for run in pair),
            *(run["eval_loss"] for run in pair),
        ]
        for pair in zip(*(runs[precision] for precision in PRECISIONS), strict=True)
    ]
    names = [str(run["seed"]) for run in runs["fp32"]]
    rows = [
        [name, *(f"{value:.4f}" for value in line)]
        for name, line in zip(names, numbers, strict=True)
    ]
    means = [mean(column) for column in zip(*numbers, strict=True)]
    rows.append(["mean", *(f"{value:.4f}" for value in means)])
    last = [f"last {WINDOW} steps, {precision}" for precision in PRECISIONS]
    evaluation = [f"evaluation, {precision}" for precision in PRECISIONS]
    return table(["seed", *last, *evaluation], rows)
