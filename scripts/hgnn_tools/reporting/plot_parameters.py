"""Parameters by part, as stacked bars that are told apart by hatching."""

from collections.abc import Sequence

from hgnn_tools.reporting.configurations import Configuration
from hgnn_tools.reporting.efficiency import PARTS, parameter_cells
from hgnn_tools.reporting.picture import Picture, filled, finish, new_picture

# Part: shade and hatching.
LOOKS = dict(
    zip(PARTS, (("0.95", ""), ("0.75", "///"), ("0.35", ""), ("white", "...")), strict=True)
)
ROW_HEIGHT = 0.32  # of a name in two lines
MAX_ROWS = 40
NAME_WIDTH = 38  # in letters


def draw_parameters(
    configurations: Sequence[Configuration], options: Sequence[str], synthetic: bool
) -> Picture | None:
    """One bar for each different model; None where sweep.json has no parameters."""
    bars: dict[tuple[float, ...], tuple[str, dict]] = {}
    for one in configurations:
        parts = parameter_cells(one.rows)
        if parts:
            key = tuple(parts.get(part, 0) for part in PARTS)
            bars.setdefault(key, (one.label(options), parts))
    if not bars:
        return None
    shown = list(bars.values())[:MAX_ROWS]
    figure, axes = new_picture("Parameters by part", synthetic, 1.6 + ROW_HEIGHT * len(shown))
    for place, (_, parts) in enumerate(shown):
        left = 0.0
        for part, (shade, hatch) in LOOKS.items():
            width = parts.get(part, 0) / 1e6
            look = {"color": shade, "edgecolor": "black", "hatch": hatch, "linewidth": 0.6}
            axes.barh(-place, width, left=left, label=part if place == 0 else None, **look)
            left += width
    names = [filled(name, NAME_WIDTH) for name, _ in shown]
    axes.set_yticks([-place for place in range(len(shown))], names, fontsize=8.5)
    axes.set_xlabel("parameters, millions")
    axes.figure.legend(loc="outside lower center", ncols=len(PARTS), fontsize=8, frameon=False)
    caption = "Models of equal parts share a bar, named after the first of them."
    if len(bars) > len(shown):
        caption += f" {len(bars) - len(shown)} more are in the table."
    told = "; ".join(
        f"{label}: {sum(parts.get(part, 0) for part in PARTS):,}" for label, parts in shown
    )
    return finish(figure, "parameters", caption, f"Stacked bars of parameters. In all: {told}.")
