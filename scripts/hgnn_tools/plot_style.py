"""One look for all pictures, readable without colour: every line has its own marker and dash."""

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hgnn_tools.run_folder import Run
from hgnn_tools.wording import cut_in_the_middle, plural

# Names of runs, groups and sweeps may hold a $, which begins no formula.
rcParams["text.parse_math"] = False

# Okabe and Ito's colours, told apart by colour-blind readers as well.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":")
DPI = 110
MARKED_POINTS = 12
LONGEST_NAME = 50  # of a run, in a title
# The same figure gives the same bytes, in fonts that need not be where it is read.
SVG = {"svg.hashsalt": "hgnn_moe", "svg.fonttype": "path"}


def line_styles() -> Iterator[dict[str, Any]]:
    """Keyword arguments for plot(), different for the first 56 lines."""
    cycles = (itertools.cycle(COLORS), itertools.cycle(MARKERS), itertools.cycle(DASHES))
    for color, marker, dash in zip(*cycles, strict=True):
        yield {"color": color, "marker": marker, "linestyle": dash, "markersize": 5}


def mark_every(points: int) -> int:
    """A marker on every point of a short line and on about a dozen of a long one."""
    return max(1, points // MARKED_POINTS)


def new_figure(width: float, height: float) -> Figure:
    """Without pyplot: no display is needed and nothing has to be closed."""
    return Figure(figsize=(width, height), layout="constrained")


def describe_run(run: Run) -> str:
    config = run.config
    parts = [
        f"{cut_in_the_middle(run.name, LONGEST_NAME)}:",
        f"{config.get('coupler_type')},",
        f"{plural(config.get('num_experts'), 'expert')},",
        f"{plural(config.get('num_layers'), 'layer')},",
        f"D {config.get('embed_dim')}",
    ]
    status = (run.summary or {}).get("status")
    title = " ".join(parts) + (f" ({status})" if status else "")
    return f"{title}\nSYNTHETIC DATA: not a result on real text" if run.is_synthetic else title


def say_inside(axes: Axes, text: str) -> None:
    """An empty panel says why it is empty."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, wrap=True)
    axes.set_xticks([])
    axes.set_yticks([])


def save(figure: Figure, path: Path) -> None:
    """A reader never sees half a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        figure.savefig(unfinished, dpi=DPI, format="png")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def svg_bytes(figure: Figure) -> bytes:
    out = io.BytesIO()
    with rc_context(SVG):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()
