"""training_results.png: losses, learning rate, gradient norm and throughput over the steps."""

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter, MaxNLocator, NullFormatter

from hgnn_tools import plot_style
from hgnn_tools.run_folder import Run, numbers

# A wider range of positive values is drawn on a logarithmic scale.
LOGARITHMIC_RANGE = 50.0
HEADROOM = 1.1


def draw_training(run: Run, path: Path) -> None:
    figure = plot_style.new_figure(11, 7.5)
    panels = figure.subplots(2, 2)
    figure.suptitle(plot_style.describe_run(run))
    draw_losses(panels[0, 0], run)
    draw_steps(panels[0, 1], run, "learning_rate", "Learning rate", "learning rate")
    draw_steps(panels[1, 0], run, "grad_norm", "Gradient norm before clipping", "total norm")
    allow_logarithmic(panels[1, 0], numbers(run.of_kind("step"), "grad_norm"))
    draw_steps(panels[1, 1], run, "tokens_per_s", "Throughput", "tokens per second")
    panels[1, 1].set_ylim(0, HEADROOM * panels[1, 1].get_ylim()[1])
    for axes in panels.flat:
        mark_non_finite(axes, run)
    plot_style.save(figure, path)


def draw_losses(axes: Axes, run: Run) -> None:
    axes.set_title("Loss")
    steps, evals = run.of_kind("step"), run.of_kind("eval")
    styles = plot_style.line_styles()
    drawn: list[float] = []
    for events, label, style in (
        (steps, "training batch", next(styles)),
        (evals, "evaluation", next(styles)),
    ):
        losses = numbers(events, "loss")
        if not any(map(math.isfinite, losses)):
            continue
        every = 1 if label == "evaluation" else plot_style.mark_every(len(losses))
        axes.plot(numbers(events, "step"), losses, label=label, markevery=every, **style)
        drawn += losses
    if not drawn:
        plot_style.say_inside(axes, "no finite loss was recorded")
        return
    mark_best(axes, run)
    finish_axes(axes, "nats per token")
    allow_logarithmic(axes, drawn)
    axes.legend(title=None if evals else "no evaluation yet")


def mark_best(axes: Axes, run: Run) -> None:
    finite = [
        (event["loss"], event["step"])
        for event in run.of_kind("eval")
        if event.get("loss") is not None and math.isfinite(event["loss"])
    ]
    if finite:
        loss, step = min(finite)
        axes.axhline(
            loss,
            color="0.5",
            linewidth=0.8,
            linestyle=":",
            label=f"best evaluation {loss:.4f} at step {step}",
        )


def draw_steps(axes: Axes, run: Run, key: str, title: str, unit: str) -> None:
    axes.set_title(title)
    events = run.of_kind("step")
    values = numbers(events, key)
    if not any(map(math.isfinite, values)):
        plot_style.say_inside(axes, f"no finite {unit} was recorded")
        return
    style = next(plot_style.line_styles())
    axes.plot(
        numbers(events, "step"), values, markevery=plot_style.mark_every(len(values)), **style
    )
    finish_axes(axes, unit)


def finish_axes(axes: Axes, unit: str) -> None:
    axes.set_xlabel("step (finished updates)")
    axes.set_ylabel(unit)
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def allow_logarithmic(axes: Axes, values: list[float]) -> None:
    """For values that an unstable run blows up: a linear scale would show the last ones alone."""
    finite = [value for value in values if math.isfinite(value)]
    if finite and min(finite) > 0 and max(finite) > LOGARITHMIC_RANGE * min(finite):
        axes.set_yscale("log")
        # Plain numbers, no formulas.
        axes.yaxis.set_major_formatter(LogFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())


def mark_non_finite(axes: Axes, run: Run) -> None:
    """Where a run diverged there is no value to draw, so the place is marked."""
    events = run.of_kind("step") + run.of_kind("eval")
    bad = [
        event["step"]
        for event, loss in zip(events, numbers(events, "loss"), strict=True)
        if not math.isfinite(loss)
    ]
    if bad and axes.lines:
        axes.axvline(min(bad), color="black", linestyle=(0, (1, 1)))
        axes.annotate(
            f"loss not finite\nat step {min(bad)}",
            (min(bad), 0.95),
            rotation=90,
            xycoords=("data", "axes fraction"),
            ha="right",
            va="top",
            fontsize=8,
        )
