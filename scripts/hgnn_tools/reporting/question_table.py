"""The table of a question: losses, differences to the baseline, and what the reader should know."""

from collections.abc import Iterator, Sequence
from typing import Any

from hgnn_tools.reporting.conditions import describe
from hgnn_tools.reporting.configurations import Configuration, naming_columns, short_text
from hgnn_tools.reporting.legend import enumerated, evaluation_notes, legend_notes
from hgnn_tools.reporting.questions import Comparison, Question, agree
from hgnn_tools.seed_statistics import Difference, chance_note
from hgnn_tools.tables import Column, Table
from hgnn_tools.wording import in_short

RESULT_COLUMNS = (
    Column("seeds", "seeds"),
    Column("loss_mean", "loss, mean", "loss"),
    Column("loss_sd", "sd over seeds", "loss"),
    Column("loss_interval", "95 % interval", "interval"),
)
DIFFERENCE_COLUMNS = (
    Column("common_seeds", "seeds in both"),
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


def question_table(question: Question) -> Table:
    has_baseline = bool(question.comparisons or question.undecided)
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
        near = len(question.nearest_baselines(configuration))
        return {"verdict": f"n/a ({near} baselines are equally near)"} if near else {}
    difference = comparison.difference
    return {
        "common_seeds": common_seeds(difference),
        "difference": difference.mean,
        "difference_interval": difference.interval or told_why(difference),
        "method": difference.method,
        "verdict": comparison.full_verdict + against(question, comparison),
    }


def common_seeds(difference: Difference) -> str | None:
    """Over which the difference is; 'none' where it is that of the two means."""
    if difference.mean is None:
        return None
    return in_short(difference.common) or "none"


def told_why(difference: Difference) -> str | None:
    """Beside a difference without interval; where there is no difference the verdict says it."""
    return None if difference.mean is None else "n/a (one seed)"


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
    notes += baseline_notes(question) if question.baseline else []
    left_out = left_out_of_means(question)
    return (*notes, left_out) if left_out else tuple(notes)


def left_out_of_means(question: Question) -> str:
    """'Left out of the means: HGNN 1 of 3 seeds diverged.'; empty where nothing is."""
    missing = [
        f"{question.label(one, marks=False)}: {one.survival}"
        for one in question.configurations
        if one.survival
    ]
    return f"Left out of the means: {'; '.join(missing)}." if missing else ""


def baseline_notes(question: Question) -> Iterator[str]:
    """What the baseline is, how differences to it were made, and why there are none."""
    wanted = describe(question.baseline)
    if not question.baselines:
        yield f"No run of this question is the baseline, {wanted}."
        return
    comparisons, told = question.comparisons.values(), question.told
    notes = [f"The baseline is {wanted}."]
    if told:
        notes.append(interval_note(told))
    if any(leaves_seeds_out(one) for one in comparisons):
        notes.append(
            "A difference is the mean over the seeds in both; where a row and its baseline have"
            " other seeds besides, it is not the difference of their means."
        )
    if len(told) > 1:
        notes.append(chance_note(len(told)))
    yield " ".join(notes)
    yield from undecided_note(question)


def interval_note(told: Sequence[Comparison]) -> str:
    methods = sorted({one.difference.method for one in told})
    pairs = sorted({len(one.difference.common) for one in told if one.difference.common})
    over = f" over {' or '.join(map(str, pairs))} seeds" if pairs else ""
    return f"Intervals of differences are {' or '.join(methods)}{over}, Student's t."


def leaves_seeds_out(comparison: Comparison) -> bool:
    common = set(comparison.difference.common)
    ours, theirs = comparison.configuration.losses, comparison.baseline.losses
    return bool(common) and common != ours.keys() | theirs.keys()


def undecided_note(question: Question) -> Iterator[str]:
    """Why configurations are compared with nothing although there are baselines."""
    if question.undecided:
        yield (
            f"{undecided_words(question)}: name more of its options in the sweep file's"
            ' "baseline".'
        )
    elif not question.comparisons:
        yield "Every configuration of this question is a baseline, so nothing is compared."


def undecided_words(question: Question) -> str:
    """'To E=4, rate=0.002 2 baselines are equally near (...)', of the first one that is undecided
    where it is several."""
    one, *others = question.undecided
    nearest = [question.label(near, marks=False) for near in question.nearest_baselines(one)]
    more = f" and {len(others)} more" if others else ""
    return (
        f"To {question.label(one, marks=False)}{more} several baselines are equally near"
        f" ({enumerated(nearest)}), so none is compared with"
    )
