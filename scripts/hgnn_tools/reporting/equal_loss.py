"""What each configuration needs until it has the loss of its baseline, seed by seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hgnn_tools.reporting.configurations import (
    Configuration,
    count_each,
    missing_reason,
    naming_columns,
)
from hgnn_tools.reporting.curve import Curve
from hgnn_tools.reporting.efficiency import flops_per_token
from hgnn_tools.reporting.legend import mark_legend
from hgnn_tools.reporting.questions import Comparison, Question
from hgnn_tools.reporting.sweep_folder import Row
from hgnn_tools.reporting.targets import differing_targets
from hgnn_tools.seed_statistics import geometric, summarise
from hgnn_tools.tables import AtMost, Column, Table
from hgnn_tools.wording import in_short


@dataclass(frozen=True)
class Cost:
    """Of one run until its loss came down to a target. At its first evaluation it may have been
    there for long, so that all of these are upper bounds."""

    tokens: float
    minutes: float | None  # None where times mean nothing
    flops: float | None  # needed ones
    at_most: bool


@dataclass(frozen=True)
class Pair:
    """Two runs of one seed. The target is what the baseline's run comes to."""

    target: float
    ours: Cost | None  # None where it is never reached
    theirs: Cost


COSTS = {"time": "minutes", "token": "tokens", "flops": "flops"}
COLUMNS = (
    # A mean over the seeds in both is another one than that of the question's table.
    Column("target_loss", "the baseline's loss", "loss", csv_only=True),
    Column("common_seeds", "seeds in both"),
    Column("reached", "seeds that reach the baseline's loss"),
    Column("minutes", "training until then, min", "measure"),
    Column("baseline_minutes", "the baseline's, min", "measure"),
    Column("time_ratio", "of the baseline's time", "measure"),
    Column("time_ratio_interval", "95 % interval, time", "measure_interval"),
    Column("token_ratio", "of its tokens", "measure"),
    Column("token_ratio_interval", "95 % interval, tokens", "measure_interval"),
    Column("flops_ratio", "of its needed FLOPs", "measure"),
    Column("flops_ratio_interval", "95 % interval, FLOPs", "measure_interval"),
    Column("at_most", "upper bounds", csv_only=True),
    Column("data", "data", csv_only=True),
)
NOTE = (
    "The target of each seed is the baseline's own {loss} of that seed (target_loss of the CSV file"
    " is its mean over the seeds in both), and the cost is read on straight lines between"
    " evaluations. Ratios are geometric means over seeds, intervals"
    " Student's t of their logarithms; they are given where every seed of both that has ended"
    " reaches the target. A loss on the way of a learning-rate schedule is mostly above that of a"
    " shorter run whose schedule ends there."
)
LOSS_WORDS = {"best_eval_loss": "lowest loss", "final_eval_loss": "loss at the end"}
BOUND_NOTE = "≤ marks upper bounds: some seed is there at its first evaluation already."


def cost_at(curve: Curve, costs: Sequence[float], loss: float) -> float | None:
    """The cost at which the line between evaluations first comes down to `loss`."""
    for place, value in enumerate(curve.losses):
        if value > loss:
            continue
        if place == 0:
            return costs[0]
        before = curve.losses[place - 1]
        share = (before - loss) / (before - value)
        return costs[place - 1] + share * (costs[place] - costs[place - 1])
    return None


def cost_of(row: Row, loss: float) -> Cost | None:
    tokens = cost_at(row.curve, row.curve.tokens, loss)
    if tokens is None:
        return None
    minutes = cost_at(row.curve, row.curve.minutes, loss) if row.curve.minutes else None
    each = flops_per_token(row)
    at_most = row.curve.losses[0] <= loss
    return Cost(tokens, minutes, None if each is None else each * tokens, at_most)


def target_of(row: Row, loss_key: str) -> float:
    return row.curve.losses[-1] if loss_key == "final_eval_loss" else min(row.curve.losses)


def with_curve(configuration: Configuration) -> dict[int, Row]:
    return {row.seed: row for row in configuration.done if row.curve.losses}


def pairs_of(comparison: Comparison) -> dict[int, Pair]:
    """By seed."""
    ours, theirs = map(with_curve, (comparison.configuration, comparison.baseline))
    pairs = {}
    for seed in sorted(ours.keys() & theirs.keys()):
        target = target_of(theirs[seed], comparison.baseline.loss_key)
        at_end = cost_of(theirs[seed], target)
        pairs[seed] = Pair(target, cost_of(ours[seed], target), at_end)
    return pairs


def outcome(row: Row, comparison: Comparison, pairs: dict[int, Pair]) -> str:
    """Of one seed why it does not reach the target; empty where it does."""
    if row.seed in pairs:
        return "" if pairs[row.seed].ours else "not reached"
    if row not in comparison.configuration.done:
        return missing_reason(row)
    other = next((one for one in comparison.baseline.rows if one.seed == row.seed), None)
    if other is None:
        return "not in the baseline"
    if other not in comparison.baseline.done:
        return f"baseline {missing_reason(other)}"
    return "without a curve"


def has_ended(row: Row, comparison: Comparison) -> bool:
    """Whether it and the baseline's run of its seed have come to their ends, well or not."""
    others = [one for one in comparison.baseline.rows if one.seed == row.seed]
    return bool(others) and all(one.status in ("done", "failed") for one in (row, *others))


def equal_loss_table(question: Question) -> Table | None:
    """None where no configuration can be compared."""
    compared = [
        one
        for one in question.comparisons.values()
        if with_curve(one.configuration)
        and with_curve(one.baseline)
        and not differing_targets((one.configuration, one.baseline))
    ]
    if not compared:
        return None
    rows = tuple(equal_loss_row(question, one) for one in compared)
    notes = mark_legend(one.configuration for one in compared)
    notes.append(NOTE.format(loss=LOSS_WORDS[compared[0].baseline.loss_key]))
    if any(row["at_most"] for row in rows):
        notes.append(BOUND_NOTE)
    timed = any(row["minutes"] is not None for row in rows)
    title = "Time at equal loss" if timed else "Tokens and FLOPs at equal loss"
    columns = (*naming_columns(question.options), *COLUMNS)
    return Table(f"equal-loss-{question.number}", title, columns, rows, tuple(notes))


def equal_loss_row(question: Question, comparison: Comparison) -> dict[str, Any]:
    configuration, pairs = comparison.configuration, pairs_of(comparison)
    outcomes = {row.seed: outcome(row, comparison, pairs) for row in configuration.rows}
    missing = [words for words in outcomes.values() if words]
    reached = f"{len(outcomes) - len(missing)} of {len(outcomes)}"
    there = [pair for pair in pairs.values() if pair.ours]
    # The mean of those that reach it alone would flatter a configuration.
    complete = not any(
        outcomes[row.seed] for row in configuration.rows if has_ended(row, comparison)
    )
    at_most = any(pair.ours.at_most for pair in there)
    timed = any(pair.theirs.minutes is not None for pair in pairs.values())
    row = {
        **configuration.cells(question.options),
        "target_loss": summarise([pair.target for pair in pairs.values()]).mean,
        "common_seeds": in_short(list(pairs)) or "none",
        "reached": f"{reached} ({count_each(missing)})" if missing else reached,
        "minutes": mean_minutes(there, lambda pair: pair.ours),
        "baseline_minutes": mean_minutes(there, lambda pair: pair.theirs),
        "at_most": at_most,
        "data": configuration.data_mode,
    }
    if timed and not there:
        row["minutes"] = "not reached"
    for name, cost in COSTS.items() if complete else ():
        row |= ratio_cells(f"{name}_ratio", there, cost)
    return row


def mean_minutes(pairs: Sequence[Pair], side: Callable[[Pair], Cost]) -> float | None:
    costs = [side(pair) for pair in pairs if side(pair).minutes is not None]
    mean = summarise([cost.minutes for cost in costs]).mean
    return bounded(mean, any(cost.at_most for cost in costs))


def bounded(value: float | None, at_most: bool) -> float | None:
    return AtMost(value) if at_most and value is not None else value


def ratio_cells(key: str, pairs: Sequence[Pair], cost: str) -> dict[str, Any]:
    both = [(getattr(pair.ours, cost), getattr(pair.theirs, cost)) for pair in pairs]
    if not all(ours and theirs for ours, theirs in both) or not both:
        return {}
    if any(pair.theirs.at_most for pair in pairs):
        return {key: "n/a (the baseline is there at its first evaluation)"}
    ratios = geometric([ours / theirs for ours, theirs in both])
    if any(pair.ours.at_most for pair in pairs):
        return {key: AtMost(ratios.mean), f"{key}_interval": "n/a (an upper bound)"}
    return {key: ratios.mean, f"{key}_interval": ratios.interval or "n/a (one seed)"}
