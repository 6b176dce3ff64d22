"""Answers to questions in a sentence or two, for the top of the page."""

from collections.abc import Iterable, Sequence

from hgnn_tools.reporting.conditions import describe
from hgnn_tools.reporting.configurations import CANCEL, LEGEND, NO_OP
from hgnn_tools.reporting.question_table import left_out_of_means, undecided_words
from hgnn_tools.reporting.questions import NOISE, Comparison, Question
from hgnn_tools.reporting.targets import differing_targets, do_not_compare
from hgnn_tools.seed_statistics import chance_note
from hgnn_tools.tables import signed
from hgnn_tools.wording import plural

# What a graph is that cannot help, whatever is learned; see Row.graph.
INACTIVE = {
    "none": "without a graph",
    "no_op": f"whose graph is a no-op {NO_OP}",
    "weights_cancel": f"whose weights cancel {CANCEL}",
}
# Of a comparison's verdict, behind a number of configurations; others name what is missing.
WORDS = {
    "lower loss": "with a lower loss",
    "higher loss": "with a higher loss",
    NOISE: "without a difference that can be told from seed noise",
    "n/a (no finished run)": "without a finished run on either side",
}


def answers(questions: Sequence[Question]) -> tuple[str, ...]:
    return tuple(f"{asked(one.title)} {short_answer(one)}" for one in questions)


def asked(title: str) -> str:
    """A title that is no sentence gets a colon, so that the answer does not run on from it."""
    return title if title.rstrip().endswith(("?", "!", ".", ":")) else f"{title.rstrip()}:"


def answer_notes(questions: Sequence[Question]) -> list[str]:
    """Below the answers: the marks that occur in them, and how many intervals they rest on."""
    told = " ".join(map(short_answer, questions))
    notes = [f"{mark} {text}." for mark, text in LEGEND.items() if mark in told]
    intervals = sum(len(one.told) for one in questions)
    return notes + ([chance_note(intervals, " in all questions")] if intervals > 1 else [])


def short_answer(question: Question) -> str:
    """Sentences for the top of the page."""
    return f"{answer(question)} {left_out_of_means(question)}".rstrip()


def answer(question: Question) -> str:
    """Of the graphs that can do something; what else there is stands beside them, because a lower
    loss of a mean, or of layers whose graph does nothing, is none of a graph. Where no graph can do
    anything, the question is about all rows."""
    comparisons = list(question.comparisons.values())
    if not comparisons:
        return without_baseline(question)
    active = [one for one in comparisons if one.configuration.graph == "active"]
    others = [one for one in comparisons if one.configuration.graph != "active"]
    told, apart = (active, others) if active else (others, [])
    baseline = told_baseline(question, told)
    if len(told) == 1:
        text = f"{one_answer(question, told[0])}, against {baseline}."
    else:
        text = f"Of {plural(len(told), 'configuration')} against {baseline}: {counted(told)}."
        clear = [one for one in told if one.verdict == "lower loss"]
        if clear:
            best = min(clear, key=lambda one: one.difference.mean)
            text += f" Lowest: {one_answer(question, best)}."
    if apart:
        text += f" Beside {'it' if len(told) == 1 else 'them'} {told_beside(apart)}."
    return f"{text} {undecided_words(question)}." if question.undecided else text


def without_baseline(question: Question) -> str:
    """Where nothing is compared: why, and who is lowest where that can be said."""
    finished = [one for one in question.configurations if one.loss.mean is not None]
    if not finished:
        return "no finished run yet."
    why = undecided_words(question) if question.undecided else "no baseline to compare with"
    targets = differing_targets(finished)
    if targets:
        return f"{why}; {do_not_compare(targets)}."
    best = min(finished, key=lambda one: one.loss.mean)
    return (
        f"{why}; the lowest mean loss is {best.loss.mean:.4f}"
        f" ({question.label(best)}, seeds: {best.seeds})."
    )


def told_baseline(question: Question, comparisons: Iterable[Comparison]) -> str:
    """With what its graph is, where that is none: of all baselines, or of how many."""
    baselines = list({id(one.baseline): one.baseline for one in comparisons}.values())
    graphs = [one.graph for one in baselines]
    told = [
        words if graphs.count(graph) == len(graphs) else f"{graphs.count(graph)} of"
        f" {len(graphs)} {words}"
        for graph, words in INACTIVE.items()
        if graph in graphs
    ]
    text = describe(question.baseline)
    return f"{text} ({'; '.join(told)})" if told else text


def told_beside(comparisons: Sequence[Comparison]) -> str:
    """'2 without a graph: 1 lower loss, 1 higher loss; 1 whose graph is a no-op †: ...'."""
    kinds: dict[str, list[Comparison]] = {}
    for one in comparisons:
        words = INACTIVE.get(one.configuration.graph, "whose graph is unknown")
        kinds.setdefault(words, []).append(one)
    return "; ".join(f"{len(found)} {words}: {counted(found)}" for words, found in kinds.items())


def counted(comparisons: Iterable[Comparison]) -> str:
    counts: dict[str, int] = {}
    for one in comparisons:
        words = verdict_words(one)
        counts[words] = counts.get(words, 0) + 1
    return ", ".join(f"{number} {words}" for words, number in counts.items())


def verdict_words(comparison: Comparison) -> str:
    if comparison.difference.mean is not None and comparison.difference.interval is None:
        return "with too few seeds to tell"
    return WORDS.get(comparison.verdict, f"with {comparison.verdict}")


def one_answer(question: Question, comparison: Comparison) -> str:
    difference = comparison.difference
    text = f"{question.label(comparison.configuration)}: {comparison.full_verdict}"
    if difference.interval is None:
        return text
    low, high = difference.interval
    interval = f"95 % interval {signed(low, 4)} to {signed(high, 4)}"
    return f"{text} ({signed(difference.mean, 4)}, {interval})"
