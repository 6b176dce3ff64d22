"""The ablation as a table: every part, all targets and each class of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from hgnn_tools.analysis.ablation import Ablation, Effect, Removal, effect_of
from hgnn_tools.analysis.token_classes import Classes
from hgnn_tools.tables import Column, Table

ALL = "all targets"
COLUMNS = (
    Column("name", "without"),
    Column("removed", "that is", "sentence", csv_only=True),
    Column("classing", "by"),
    Column("class", "class"),
    Column("targets", "targets", "count"),
    Column("loss", "loss", "loss"),
    Column("difference", "against the whole", "signed"),
    Column("difference_interval", "95 % interval over samples", "signed_interval"),
)


def effects(
    ablation: Ablation, removal: Removal, classes: Classes
) -> Iterator[tuple[str | None, str, Effect]]:
    """(way to sort, class, effect), all targets first."""
    every = ~np.isnan(ablation.whole.losses)
    groups = [(None, ALL, every)]
    for one in classes.classings:
        groups += [(one.name, name, mask) for name, mask in one.masks()]
    for classing, name, mask in groups:
        effect = effect_of(removal, ablation.whole, mask)
        if effect is not None:
            yield classing, name, effect


def ablation_table(ablation: Ablation, classes: Classes) -> Table:
    rows: list[dict[str, Any]] = []
    for removal in (ablation.whole, *ablation.removals):
        is_whole = removal is ablation.whole
        for classing, name, effect in effects(ablation, removal, classes):
            row = {
                "name": removal.name,
                "removed": removal.removed,
                "classing": classing,
                "class": name,
                "targets": effect.targets,
                "loss": effect.loss,
            }
            if not is_whole:
                row |= {
                    "difference": effect.difference,
                    "difference_interval": effect.interval or "n/a (one sample)",
                }
            rows.append(row)
    at = "" if ablation.step is None else f", weights of step {ablation.step}"
    note = (
        "Intervals are over samples of the evaluation text, for these weights: they say nothing of"
        " other seeds."
    )
    return Table("by_class", f"Ablation{at}", COLUMNS, tuple(rows), (note,))


def overall(table: Table) -> Table:
    """Without the classes."""
    rows = tuple(row for row in table.rows if row["classing"] is None)
    columns = tuple(column for column in table.columns if column.key not in ("classing", "class"))
    return Table("ablation", table.title, columns, rows, table.notes)
