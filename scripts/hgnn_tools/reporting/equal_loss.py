"""How long each configuration trains until it has the loss that its baseline ends with."""

import math
from dataclasses import dataclass
from typing import Any

from hgnn_tools.reporting.configurations import Configuration, naming_columns
from hgnn_tools.reporting.questions import Question
from hgnn_tools.reporting.curve import Curve
from hgnn_tools.seed_statistics import Summary, summarise
from hgnn_tools.tables import Column, Table


@dataclass(frozen=True)
class Reached:
    """Over the seeds that reached the loss, out of those with a curve."""

    curves: int
    minutes: Summary
    tokens: Summary


def target_loss(baseline: Configuration) -> float | None:
    """The loss that every seed of the baseline reaches at some evaluation."""
    lowest = [min(row.curve.losses) for row in baseline.done if row.curve.losses]
    return max(lowest) if lowest else None


def cost_at(curve: Curve, costs: tuple[float, ...], loss: float) -> float | None:
    """The cost at which the line between evaluations first comes down to `loss`."""
    for place, value in enumerate(curve.losses):
        if value > loss:
            continue
        if place == 0 or curve.losses[place - 1] == value:
            return costs[place]
        before = curve.losses[place - 1]
        share = (before - loss) / (before - value)
        return costs[place - 1] + share * (costs[place] - costs[place - 1])
    return None


def reached(configuration: Configuration, loss: float) -> Reached:
    curves = [row.curve for row in configuration.done if row.curve.losses]
    minutes = [cost_at(curve, curve.minutes, loss) for curve in curves]
    tokens = [cost_at(curve, curve.tokens, loss) for curve in curves]
    return Reached(len(curves), summary_of(minutes), summary_of(tokens))


def summary_of(values: list[float | None]) -> Summary:
    return summarise([value for value in values if value is not None])


def equal_loss_table(question: Question) -> Table | None:
    """None where no configuration can be compared."""
    rows = [
        equal_loss_row(question, one.configuration, one.baseline)
        for one in question.comparisons.values()
    ]
    present = [row for row in rows if row is not None]
    if not present:
        return None
    columns = (
        *naming_columns(question.options),
        Column("target_loss", "the baseline's loss", "loss"),
        Column("reached", "seeds that reach it"),
        Column("minutes", "training until then, min", "measure"),
        Column("minutes_sd", "sd over seeds", "measure"),
        Column("baseline_minutes", "the baseline's, min", "measure"),
        Column("time_ratio", "of the baseline's time", "measure"),
        Column("token_ratio", "of its tokens", "measure"),
        Column("data", "data", csv_only=True),
    )
    note = (
        "The loss is the one that every seed of the baseline reaches; times are training time"
        " alone, on straight lines between evaluations, of the seeds that reach it. Ratios are"
        " given where all of them do."
    )
    name = f"equal-loss-{question.number}"
    return Table(name, "Time at equal loss", columns, tuple(present), (note,))


def equal_loss_row(
    question: Question, configuration: Configuration, baseline: Configuration
) -> dict[str, Any] | None:
    loss = target_loss(baseline)
    if loss is None:
        return None
    ours, theirs = reached(configuration, loss), reached(baseline, loss)
    if not ours.curves:
        return None
    # The mean of those that reach it alone would flatter a configuration.
    all_reach = ours.minutes.n == ours.curves
    return {
        **configuration.cells(question.options),
        "target_loss": loss,
        "reached": f"{ours.minutes.n} of {ours.curves}",
        "minutes": ours.minutes.mean if ours.minutes.n else "not reached",
        "minutes_sd": ours.minutes.sd if ours.minutes.n != 1 else "n/a (one seed)",
        "baseline_minutes": theirs.minutes.mean,
        "time_ratio": ratio(ours.minutes.mean, theirs.minutes.mean) if all_reach else None,
        "token_ratio": ratio(ours.tokens.mean, theirs.tokens.mean) if all_reach else None,
        "data": configuration.data_mode,
    }


def ratio(ours: float | None, theirs: float | None) -> float | None:
    if ours is None or not theirs or not math.isfinite(theirs):
        return None
    return ours / theirs
