"""A question as two pictures: losses of all configurations, and differences to the baseline."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from hgnn_tools.reporting.answers import short_answer
from hgnn_tools.reporting.configurations import Configuration
from hgnn_tools.reporting.picture import Picture, filled, finish, new_picture
from hgnn_tools.reporting.questions import Comparison, Question
from hgnn_tools.reporting.targets import differing_targets, do_not_compare
from hgnn_tools.tables import signed
from hgnn_tools.wording import plural

# In inches.
ROW_HEIGHT = 0.32
FRAME_HEIGHT = 1.3
MAX_ROWS = 40
NAME_WIDTH = 38
BAR = {"color": "#0072B2", "linewidth": 2, "marker": "|", "markersize": 9}
MEAN = {"color": "#0072B2", "marker": "D", "markersize": 6, "linestyle": "none"}
RUN = {"marker": "o", "markersize": 6, "mfc": "none", "mec": "0.35", "linestyle": "none"}
REFERENCE = {"color": "0.3", "linestyle": "--", "linewidth": 1}


def draw_losses(question: Question, synthetic: bool) -> Picture | None:
    """None where no run is finished."""
    finished = [one for one in question.configurations if one.done]
    if not finished:
        return None
    shown = finished[:MAX_ROWS]
    figure, axes = new_rows(question.title, len(shown), synthetic)
    for place, configuration in enumerate(shown):
        losses = list(configuration.losses.values())
        axes.plot(losses, [-place] * len(losses), **RUN)
        if configuration.loss.interval is not None:
            draw_interval(axes, -place, configuration.loss.mean, configuration.loss.interval)
    name_rows(axes, [label_of(question, one) for one in shown])
    axes.set_xlabel("evaluation loss, nats a token")
    caption = (
        "Each circle is a run, the diamond their mean, the bar its 95 % interval (Student's t over"
        " seeds). Bars may overlap and paired seeds differ all the same, or the other way round."
    )
    caption += mark_baseline(axes, question) + said_left_out(len(finished) - len(shown))
    best, worst = (pick(finished, key=lambda one: one.loss.mean) for pick in (min, max))
    told = (
        f"Mean evaluation losses of {plural(len(finished), 'configuration')},"
        f" from {best.loss.mean:.4f}"
        f" ({question.label(best)}) to {worst.loss.mean:.4f} ({question.label(worst)})."
    )
    return finish(figure, f"question-{question.number}", caption, told)


def draw_differences(question: Question, synthetic: bool) -> Picture | None:
    """None where no difference has an interval."""
    told = question.told
    if not told:
        return None
    shown = told[:MAX_ROWS]
    figure, axes = new_rows("Difference to the baseline", len(shown), synthetic)
    for place, comparison in enumerate(shown):
        draw_pairs(axes, -place, comparison)
        draw_interval(axes, -place, comparison.difference.mean, comparison.difference.interval)
    axes.axvline(0, **REFERENCE)
    name_rows(axes, [question.label(one.configuration) for one in shown])
    axes.set_xlabel("loss minus the baseline's")
    caption = (
        "The diamond is the mean difference, the bar its 95 % interval, each circle a seed that"
        " both have. Below 0 is better; where a bar holds 0, no difference can be told from seed"
        " noise."
    )
    caption += said_left_out(len(told) - len(shown))
    name = f"difference-{question.number}"
    return finish(
        figure, name, caption, f"{differences_told(question, shown)} {short_answer(question)}"
    )


def differences_told(question: Question, shown: Sequence[Comparison]) -> str:
    parts = []
    for one in shown:
        low, high = one.difference.interval
        label = question.label(one.configuration)
        parts.append(
            f"{label} {signed(one.difference.mean, 4)} ({signed(low, 4)} to {signed(high, 4)})"
        )
    return "Differences of the loss to the baseline: " + "; ".join(parts) + "."


def new_rows(title: str, rows: int, synthetic: bool) -> tuple:
    height = FRAME_HEIGHT + ROW_HEIGHT * max(rows, 2)
    figure, axes = new_picture(title, synthetic, height)
    axes.grid(axis="x", alpha=0.3)
    axes.margins(x=0.08)
    return figure, axes


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    broken = [filled(name, NAME_WIDTH) for name in names]
    axes.set_yticks([-place for place in range(len(names))], broken, fontsize=8.5)
    axes.set_ylim(-len(names) + 0.4, 0.6)
    axes.locator_params(axis="x", nbins=5)


def draw_interval(axes: Axes, y: float, mean: float, interval: tuple[float, float]) -> None:
    axes.plot(interval, (y, y), **BAR)
    axes.plot([mean], [y], **MEAN)


def draw_pairs(axes: Axes, y: float, comparison: Comparison) -> None:
    ours, theirs = comparison.configuration.losses, comparison.baseline.losses
    pairs = [ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()]
    axes.plot(pairs, [y] * len(pairs), **RUN)


def label_of(question: Question, configuration: Configuration) -> str:
    label = question.label(configuration)
    return f"{label} (baseline)" if question.is_baseline(configuration) else label


def mark_baseline(axes: Axes, question: Question) -> str:
    """A line at its mean where there is one for all; what the caption says of it."""
    targets = differing_targets(one for one in question.configurations if one.done)
    if targets:
        return f" Configurations have {do_not_compare(targets)}."
    baselines = [one for one in question.baselines if one.done]
    if len(baselines) != 1:
        return ""
    axes.axvline(baselines[0].loss.mean, **REFERENCE)
    return " The dashed line is the baseline's mean."


def said_left_out(number: int) -> str:
    return f" {number} more are in the table." if number else ""
