"""Published or hoped-for figures beside the measured ones."""

import re
from collections.abc import Sequence
from typing import Any

from hgnn_tools.reporting.conditions import describe
from hgnn_tools.reporting.configurations import (
    Configuration,
    configurations_of,
    select,
    survivors,
    telling_options,
)
from hgnn_tools.reporting.legend import legend_notes
from hgnn_tools.reporting.question_table import loss_cells
from hgnn_tools.reporting.sweep_folder import Sweep
from hgnn_tools.tables import Column, Table, plain

COLUMNS = (
    Column("runs", "runs with", "name"),
    Column("marks", "marks", csv_only=True),
    Column("expected_loss", "expected loss"),
    Column("loss_mean", "measured, mean", "loss"),
    Column("loss_interval", "95 % interval", "interval"),
    Column("difference", "difference", "signed"),
    Column("seeds", "seeds"),
    Column("verdict", "loss", "sentence"),
    Column("expected_minutes", "expected, min", "measure"),
    Column("train_minutes", "training, min", "measure"),
    Column("time_ratio", "of the expected time", "measure"),
    Column("source", "source", "sentence"),
    Column("data", "data", csv_only=True),
)


# Of a source: what makes a loss one of other targets.
OTHER_TARGETS = re.compile(
    r"\bother (?:\w+ )?(?:text|data|targets|tokenizer|vocabulary)\b", re.IGNORECASE
)
NOT_COMPARABLE = "not comparable: of other text or data, as its source says"


def expectation_table(sweep: Sweep, loss_key: str) -> Table | None:
    """A row for each configuration that an expectation is about; None without expectations."""
    if not sweep.expected:
        return None
    rows, shown = [], []
    for expected in sweep.expected:
        where = expected.get("where") or {}
        found = configurations_of(sweep, select(sweep.rows, where), loss_key)
        names = telling_options(found, (), sweep.varied)
        rows += [expectation_row(expected, where, one, names) for one in found]
        shown += [(name_of(where, one, names), one) for one in found]
        if not found:
            rows.append(expectation_row(expected, where, None, []))
    notes = [
        *legend_notes(shown),
        "Expected figures come from other machines: the difference is stated, not explained. Losses"
        " of other text or data, where the source says so, do not compare, and none is stated.",
    ]
    return Table("expected", "Expected and measured", COLUMNS, tuple(rows), tuple(notes))


def expectation_row(
    expected: dict[str, Any],
    where: dict[str, Any],
    found: Configuration | None,
    names: Sequence[str],
) -> dict[str, Any]:
    loss, minutes = expected.get("eval_loss"), expected.get("minutes")
    comparable = not OTHER_TARGETS.search(expected.get("source") or "")
    row = {
        "runs": name_of(where, found, names),
        "source": expected.get("source"),
        "expected_loss": expected_text(loss),
        "expected_minutes": minutes,
    }
    if found is None:
        return row | {"verdict": "no such run in the sweep"}
    return row | {
        "marks": found.marks,
        **loss_cells(found),
        "difference": distance(found.loss.mean, loss) if comparable else None,
        "verdict": (verdict(found, loss) if comparable else NOT_COMPARABLE) + survivors(found),
        "train_minutes": found.minutes,
        "time_ratio": found.minutes / minutes if found.minutes and minutes else None,
        "data": found.data_mode,
    }


def name_of(where: dict[str, Any], found: Configuration | None, names: Sequence[str]) -> str:
    """The conditions, and where several configurations meet them, which of these it is."""
    text = describe(where) or "all runs"
    if found is not None and names:
        return f"{text}: {found.label(names)}"
    return f"{text} {found.marks}" if found is not None and found.marks else text


def bounds(loss: Any) -> tuple[float, float] | None:
    """Of a number or of [low, high]; None where no loss is expected."""
    if isinstance(loss, list) and len(loss) == 2:
        return float(loss[0]), float(loss[1])
    return None if loss is None else (float(loss), float(loss))


def expected_text(loss: Any) -> str | None:
    ends = bounds(loss)
    if ends is None:
        return None
    low, high = ends
    return plain(low, 4) if low == high else f"{plain(low, 4)} to {plain(high, 4)}"


def distance(measured: float | None, loss: Any) -> float | None:
    """To the nearer end of a range; 0 inside."""
    ends = bounds(loss)
    if measured is None or ends is None:
        return None
    low, high = ends
    return measured - min(max(measured, low), high)


def verdict(found: Configuration, loss: Any) -> str:
    ends, mean = bounds(loss), found.loss.mean
    if mean is None:
        return "no finished run"
    if ends is None:
        return "no loss was expected"
    low, high = ends
    side = "inside" if low <= mean <= high else ("below" if mean < low else "above")
    what = "the expected range" if low < high else "the expected value"
    interval = found.loss.interval
    if interval is None:
        return f"{side} {what} (one seed)" if side != "inside" else f"{side} {what}, one seed"
    if low == high and interval[0] <= low <= interval[1]:
        return "the 95 % interval holds the expected value"
    overlaps = interval[0] <= high and low <= interval[1]
    if side == "inside":
        return f"inside {what}"
    return f"{side} {what}" + (", but its 95 % interval reaches it" if overlaps else "")
