"""How long each configuration trains until it has the loss that its baseline ends with."""

import math
from dataclasses import dataclass
from typing import Any

from hgnn_tools.reporting.configurations import Configuration, naming_columns
from hgnn_tools.reporting.curve import Curve
from hgnn_tools.reporting.efficiency import flops_per_token
from hgnn_tools.reporting.questions import Question
from hgnn_tools.reporting.sweep_folder import Row
from hgnn_tools.seed_statistics import Summary, summarise
from hgnn_tools.tables import Column, Table


@dataclass(frozen=True)
class Reached:
    """Over the seeds that reached the loss, out of those with a curve."""

    curves: int
    minutes: Summary  # of none where times mean nothing
    tokens: Summary
    flops: Summary  # needed until then


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
    rows = [row for row in configuration.done if row.curve.losses]
    timed = [row.curve for row in rows if row.curve.minutes]
    minutes = [cost_at(curve, curve.minutes, loss) for curve in timed]
    tokens = [cost_at(row.curve, row.curve.tokens, loss) for row in rows]
    flops = [flops_of(row, until) for row, until in zip(rows, tokens, strict=True)]
    return Reached(len(rows), summary_of(minutes), summary_of(tokens), summary_of(flops))


def flops_of(row: Row, tokens: float | None) -> float | None:
    each = flops_per_token(row)
    return None if tokens is None or each is None else each * tokens


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
        Column("flops_ratio", "of its needed FLOPs", "measure"),
        Column("data", "data", csv_only=True),
    )
    timed = any(row["minutes"] is not None for row in present)
    what = "times are training time alone" if timed else "tokens are those of training"
    note = (
        f"The loss is the one that every seed of the baseline reaches; {what}, on straight lines"
        " between evaluations, of the seeds that reach it. Ratios are given where all of them do."
    )
    name = f"equal-loss-{question.number}"
    title = "Time at equal loss" if timed else "Tokens and FLOPs at equal loss"
    return Table(name, title, columns, tuple(present), (note,))


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
    all_reach = ours.tokens.n == ours.curves
    timed = theirs.minutes.n > 0
    return {
        **configuration.cells(question.options),
        "target_loss": loss,
        "reached": f"{ours.tokens.n} of {ours.curves}",
        "minutes": "not reached" if timed and not ours.tokens.n else ours.minutes.mean,
        "minutes_sd": ours.minutes.sd if ours.minutes.n != 1 else "n/a (one seed)",
        "baseline_minutes": theirs.minutes.mean,
        "time_ratio": ratio(ours.minutes.mean, theirs.minutes.mean) if all_reach else None,
        "token_ratio": ratio(ours.tokens.mean, theirs.tokens.mean) if all_reach else None,
        "flops_ratio": ratio(ours.flops.mean, theirs.flops.mean) if all_reach else None,
        "data": configuration.data_mode,
    }


def ratio(ours: float | None, theirs: float | None) -> float | None:
    if ours is None or not theirs or not math.isfinite(theirs):
        return None
    return ours / theirs
