"""expert_similarity.png: per layer, how alike the experts are and how large their outputs."""

import itertools
from pathlib import Path

from matplotlib.axes import Axes

from hgnn_tools import plot_style
from hgnn_tools.analysis.layer_series import events_by_layer
from hgnn_tools.plot_experts import MAX_LEGEND_LINES, Scale, as_matrix, draw_matrix
from hgnn_tools.plot_training import finish_axes
from hgnn_tools.run_folder import Event, Run

MAX_ROWS = 48
SCALE = Scale(0.0, 1.0, "Greys")


def reason_for_no_similarity(run: Run) -> str | None:
    events = run.of_kind("layer")
    if not events:
        return (
            "metrics.jsonl has no layer events; every run of this version of hgnn_moe_train writes"
            " them at step 0 and at each evaluation, so train it again"
        )
    if len(events[-1].get("expert_norms") or []) < 2:
        return "one expert has none to be compared with"
    return None


def draw_similarity(run: Run, path: Path) -> None:
    every = events_by_layer(run, "layer")
    layers = dict(itertools.islice(every.items(), MAX_ROWS))
    figure = plot_style.new_figure(12.5, 3.3 * len(layers) + 0.9)
    panels = figure.subplots(len(layers), 3, squeeze=False)
    title = plot_style.describe_run(run)
    title += "\nlinear CKA of the experts' outputs: 1 is alike up to rotation and scale"
    if len(layers) < len(every):
        title += f"\nthe first {len(layers)} of {len(every)} layers"
    figure.suptitle(title)
    for (first, last, norms), (name, events) in zip(panels, layers.items(), strict=True):
        draw_alignment(first, name, events[0])
        draw_alignment(last, name, events[-1])
        draw_norms(norms, name, events)
    plot_style.save(figure, path)


def draw_alignment(axes: Axes, name: str, event: Event) -> None:
    title = f"{name}\nCKA, step {event['step']}"
    draw_matrix(axes, as_matrix(event["expert_cka"]), title, SCALE)
    axes.set_xlabel("expert")
    axes.set_ylabel("expert")


def draw_norms(axes: Axes, name: str, events: list[Event]) -> None:
    axes.set_title(f"{name}\nnorm of an expert's output, mean over tokens", fontsize=9)
    norms = as_matrix([event["expert_norms"] for event in events])
    steps = [event["step"] for event in events]
    every = plot_style.mark_every(len(steps))
    for expert, (line, style) in enumerate(zip(norms.T, plot_style.line_styles(), strict=False)):
        axes.plot(steps, line, label=str(expert), markevery=every, **style)
    finish_axes(axes, "2-norm")
    experts = norms.shape[1]
    columns = 1 if experts <= MAX_LEGEND_LINES else 2
    place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "ncols": columns}
    axes.legend(title="expert", fontsize=7, **place)
