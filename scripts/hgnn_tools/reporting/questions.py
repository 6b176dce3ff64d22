"""The questions of a sweep: configurations side by side, each against its baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hgnn_tools.reporting.conditions import describe, meets
from hgnn_tools.reporting.configurations import (
    Configuration,
    configurations_of,
    naming_columns,
    select,
    short_text,
    survivors,
    telling_options,
)
from hgnn_tools.reporting.legend import evaluation_notes, legend_notes
from hgnn_tools.reporting.sweep_folder import Sweep
from hgnn_tools.seed_statistics import Difference, chance_note, compare
from hgnn_tools.tables import Column, Table

NOISE = "no difference can be told from seed noise"
RESULT_COLUMNS = (
    Column("seeds", "seeds"),
    Column("loss_mean", "loss, mean", "loss"),
    Column("loss_sd", "sd over seeds", "loss"),
    Column("loss_interval", "95 % interval", "interval"),
)
DIFFERENCE_COLUMNS = (
    Column("difference", "against the baseline", "signed"),
    Column("difference_interval", "its 95 % interval", "signed_interval"),
    Column("method", "interval by", csv_only=True),
    Column("verdict", "what can be told", "sentence"),
)
COST_COLUMNS = (
    Column("parameters", "parameters", "count"),
    Column("train_minutes", "training, min", "measure"),
    Column("needed_flops", "needed FLOPs", "measure"),
    Column("data", "data", csv_only=True),
)


@dataclass(frozen=True)
class Comparison:
    configuration: Configuration
    baseline: Configuration
    difference: Difference

    @property
    def verdict(self) -> str:
        noise = self.difference.is_noise
        if noise is None:
            return self.difference.method
        if noise:
            return NOISE
        return "lower loss" if self.difference.mean < 0 else "higher loss"

    @property
    def full_verdict(self) -> str:
        """With the seeds that are missing from it."""
        return self.verdict + survivors(self.configuration, self.baseline)


@dataclass(frozen=True)
class Question:
    number: int
    title: str
    factors: tuple[str, ...]
    where: dict[str, Any]
    baseline: dict[str, Any] | None
    varied: tuple[str, ...]
    configurations: tuple[Configuration, ...]

    @cached_property
    def options(self) -> list[str]:
        """The factors, then whatever else tells the configurations apart."""
        return telling_options(self.configurations, self.factors, self.varied)

    def label(self, configuration: Configuration, marks: bool = True) -> str:
        return configuration.label(self.options, marks)

    def is_baseline(self, configuration: Configuration) -> bool:
        return bool(self.baseline) and all(
            meets(configuration.rows[0].value_of(option), wanted)
            for option, wanted in self.baseline.items()
        )

    @cached_property
    def comparisons(self) -> dict[int, Comparison]:
        """By the place of a configuration; baselines have none."""
        found = {}
        for place, configuration in enumerate(self.configurations):
            baseline = self.baseline_of(configuration)
            if baseline is not None and not self.is_baseline(configuration):
                difference = compare(baseline.losses, configuration.losses)
                found[place] = Comparison(configuration, baseline, difference)
        return found

    @property
    def told(self) -> list[Comparison]:
        """Those with an interval."""
        return [one for one in self.comparisons.values() if one.difference.interval is not None]

    def baseline_of(self, configuration: Configuration) -> Configuration | None:
        """The baseline that shares most of the other options; None where two are as near."""
        baselines = [one for one in self.configurations if self.is_baseline(one)]
        others = [option for option in self.options if option not in (self.baseline or {})]

        def shared(one: Configuration) -> int:
            return sum(agree(one, configuration, key) for key in others)

        most = max(map(shared, baselines), default=0)
        nearest = [one for one in baselines if shared(one) == most]
        return nearest[0] if len(nearest) == 1 else None


def agree(one: Configuration, other: Configuration, option: str) -> bool:
    """Also where one of them has no use for the option."""
    values = one.value_of(option), other.value_of(option)
    return None in values or values[0] == values[1]


def questions_of(sweep: Sweep, loss_key: str) -> list[Question]:
    """Those of the sweep file; where it has none, all configurations side by side."""
    stored = sweep.questions or (
        {"title": "All configurations", "factor": list(sweep.varied), "baseline": None},
    )
    return [make_question(sweep, number, one, loss_key) for number, one in enumerate(stored, 1)]


def make_question(sweep: Sweep, number: int, stored: dict[str, Any], loss_key: str) -> Question:
    factor = stored.get("factor") or []
    where = stored.get("where") or {}
    return Question(
        number=number,
        title=str(stored.get("title") or f"Question {number}"),
        factors=tuple([factor] if isinstance(factor, str) else factor),
        where=where,
        baseline=stored.get("baseline"),
        varied=sweep.varied,
        configurations=tuple(configurations_of(sweep, select(sweep.rows, where), loss_key)),
    )


def question_table(question: Question) -> Table:
    has_baseline = bool(question.comparisons)
    columns = (
        *naming_columns(question.options),
        *RESULT_COLUMNS,
        *(DIFFERENCE_COLUMNS if has_baseline else ()),
        *COST_COLUMNS,
    )
    rows = tuple(
        question_row(question, place, one) for place, one in enumerate(question.configurations)
    )
    title = "Evaluation losses"
    if question.where:
        title += f" of runs with {describe(question.where)}"
    return Table(f"question-{question.number}", title, columns, rows, notes_of(question))


def question_row(question: Question, place: int, configuration: Configuration) -> dict[str, Any]:
    return {
        **configuration.cells(question.options),
        **loss_cells(configuration),
        **difference_cells(question, place, configuration),
        "parameters": configuration.parameters,
        "train_minutes": configuration.minutes,
        "needed_flops": configuration.flops,
        "data": configuration.data_mode,
    }


def loss_cells(configuration: Configuration) -> dict[str, Any]:
    loss = configuration.loss
    one_seed = "n/a (one seed)" if loss.n == 1 else None
    return {
        "seeds": configuration.seeds,
        "loss_mean": loss.mean,
        "loss_sd": loss.sd if loss.n > 1 else one_seed,
        "loss_interval": loss.interval if loss.n > 1 else one_seed,
    }


def difference_cells(
    question: Question, place: int, configuration: Configuration
) -> dict[str, Any]:
    if question.is_baseline(configuration):
        return {"verdict": "the baseline"}
    comparison = question.comparisons.get(place)
    if comparison is None:
        return {"verdict": "n/a (no single baseline)"}
    difference = comparison.difference
    return {
        "difference": difference.mean,
        "difference_interval": difference.interval or told_why(difference),
        "method": difference.method,
        "verdict": comparison.full_verdict + against(question, comparison),
    }


def told_why(difference: Difference) -> str | None:
    """Beside a difference without interval; where there is no difference the verdict says it."""
    return None if difference.mean is None else difference.method


def against(question: Question, comparison: Comparison) -> str:
    """Names the baseline's other options where they are not those of the configuration."""
    if comparison.difference.mean is None:
        return ""
    theirs, ours = comparison.baseline, comparison.configuration
    other = [
        short_text(option, theirs.value_of(option))
        for option in question.options
        if option not in question.baseline
        and option not in question.factors
        and not agree(theirs, ours, option)
    ]
    return f" (baseline has {', '.join(other)})" if other else ""


def notes_of(question: Question) -> tuple[str, ...]:
    named = [(question.label(one, marks=False), one) for one in question.configurations]
    notes = [*legend_notes(named), *evaluation_notes(named)]
    if question.told:
        notes.append(interval_note(question, question.told))
    left_out = left_out_of_means(question)
    if left_out:
        notes.append(left_out)
    if question.baseline and not question.comparisons:
        notes.append(f"No finished run is the baseline, {describe(question.baseline)}.")
    return tuple(notes)


def left_out_of_means(question: Question) -> str:
    """'Left out of the means: HGNN 1 of 3 seeds diverged.'; empty where nothing is."""
    missing = [
        f"{question.label(one, marks=False)}: {one.survival}"
        for one in question.configurations
        if one.survival
    ]
    return f"Left out of the means: {'; '.join(missing)}." if missing else ""


def interval_note(question: Question, told: Sequence[Comparison]) -> str:
    methods = sorted({one.difference.method for one in told})
    pairs = sorted({one.difference.pairs for one in told if one.difference.pairs})
    over = f" over {' or '.join(map(str, pairs))} seeds" if pairs else ""
    note = (
        f"The baseline is {describe(question.baseline)}. Intervals of differences are"
        f" {' or '.join(methods)}{over}, Student's t."
    )
    if len(told) > 1:
        note += f" {chance_note(len(told))}"
    return note
