"""Whether groups of runs differ by more than their seeds do, as a table and a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hgnn_tools import plot_style
from hgnn_tools.errors import EXIT_DATA, UserError
from hgnn_tools.reporting.configurations import Configuration, configurations_of, survivors
from hgnn_tools.reporting.curves import Band, band_of
from hgnn_tools.reporting.legend import evaluation_notes, legend_notes
from hgnn_tools.reporting.picture import SYNTHETIC, names_below
from hgnn_tools.reporting.plot_curves import COSTS, draw_panel, end_names, loss_limits
from hgnn_tools.reporting.question_table import common_seeds, loss_cells
from hgnn_tools.reporting.questions import NOISE
from hgnn_tools.reporting.run_groups import (
    Group,
    baselines_of,
    names_of,
    without_partner,
)
from hgnn_tools.reporting.sweep_folder import Sweep
from hgnn_tools.reporting.targets import differing_targets, do_not_compare, loss_difference
from hgnn_tools.seed_statistics import Difference, Noise, chance_note
from hgnn_tools.tables import Column, Table
from hgnn_tools.wording import plural

COLUMNS = (
    Column("run", "runs"),
    Column("seeds", "seeds"),
    Column("loss_mean", "loss, mean", "loss"),
    Column("loss_sd", "sd over seeds", "loss"),
    Column("train_minutes", "training, min", "measure"),
    Column("against", "against"),
    Column("common_seeds", "seeds in both"),
    Column("difference", "difference", "signed"),
    Column("difference_interval", "its 95 % interval", "signed_interval"),
    Column("verdict", "what can be told", "sentence"),
)
CANNOT = "cannot be told from one seed: run others, or give --noise SWEEP_DIR"
ONE_RUN = "There is one run alone, so there is nothing to compare it with."
ONE_GROUP = "These runs differ in their seed alone, so their spread is the seed noise."
MAX_LINES = 12


def noise_of(sweep: Sweep, loss_key: str) -> Noise:
    """Pooled over the configurations of the sweep that have several seeds."""
    found = configurations_of(sweep, sweep.rows, loss_key)
    noise = Noise.pooled([list(one.losses.values()) for one in found])
    if noise is None:
        raise UserError(
            f"no configuration of {sweep.folders[0]} has two finished seeds, so it tells no noise;"
            " give another sweep with --noise",
            EXIT_DATA,
        )
    return noise


def difference_of(ours: Configuration, theirs: Configuration, noise: Noise | None) -> Difference:
    """None where the losses are of other targets, whatever the noise."""
    own = loss_difference(theirs, ours)
    if own.mean is not None and own.interval is None and noise is not None:
        return noise.compare(list(theirs.losses.values()), list(ours.losses.values()))
    return own


def verdict(difference: Difference) -> str:
    if difference.is_noise is None:
        return CANNOT if difference.mean is not None else difference.method
    if difference.is_noise:
        return f"{NOISE} ({difference.method})"
    side = "lower" if difference.mean < 0 else "higher"
    return f"{side} loss, by more than seed noise ({difference.method})"


def comparison_table(groups: Sequence[Group], noise: Noise | None) -> Table:
    names, baselines = names_of(groups), baselines_of(groups)
    rows, intervals = [], 0
    for place, group in enumerate(groups):
        one = group.configuration
        row: dict[str, Any] = {"run": names[place], "train_minutes": one.minutes, **loss_cells(one)}
        if place in baselines:
            against = baselines[place]
            other = groups[against].configuration
            difference = difference_of(one, other, noise)
            intervals += difference.interval is not None
            row |= {
                "against": names[against],
                "common_seeds": common_seeds(difference),
                "difference": difference.mean,
                "difference_interval": difference.interval,
                "verdict": verdict(difference) + survivors(one, other),
            }
        rows.append(row)
    named = [(name, group.configuration) for name, group in zip(names, groups, strict=True)]
    notes = [*legend_notes(named), *evaluation_notes(named)]
    if len(groups) == 1:
        notes.append(ONE_RUN if len(groups[0].configuration.rows) == 1 else ONE_GROUP)
    if noise is not None:
        notes.append(
            f"Seed noise of single runs: a standard deviation of {noise.sd:.4f}, pooled over"
            f" {plural(noise.configurations, 'configuration')} with"
            f" {plural(noise.degrees, 'degree')} of freedom."
        )
    alone = without_partner(groups)
    notes += [alone] if alone else []
    notes += [chance_note(intervals)] if intervals > 1 else []
    return Table("comparison", "Evaluation losses", COLUMNS, tuple(rows), tuple(notes))


def bands_of(groups: Sequence[Group]) -> list[Band]:
    """Also of runs that have not ended."""
    bands = [
        band_of(name, [(row.seed, row.curve) for row in group.configuration.rows])
        for name, group in zip(names_of(groups), groups, strict=True)
    ]
    return [band for band in bands if band is not None]


def draw_comparison(groups: Sequence[Group], path: Path) -> bool:
    """False where no run has an evaluation to draw."""
    bands = bands_of(groups)
    if not bands:
        return False
    costs = [cost for cost in COSTS if all(getattr(band, cost) for band in bands)]
    figure = plot_style.new_figure(5.5 * len(costs), 4.2)
    panels = figure.subplots(1, len(costs), squeeze=False)[0]
    modes = {group.configuration.data_mode for group in groups}
    title = "Evaluation loss, mean over seeds; bands from the lowest to the highest seed"
    title += "\nbehind a name the mean at the last evaluation that all its seeds have"
    if len(bands) > MAX_LINES:
        title += f"\nthe first {MAX_LINES} of {len(bands)} groups"
        bands = bands[:MAX_LINES]
    synthetic = modes & {"synthetic", "mixed"}
    targets = differing_targets(group.configuration for group in groups)
    title += f"\n{do_not_compare(targets)}" if targets else ""
    figure.suptitle(f"{title}\n{SYNTHETIC}" if synthetic else title, fontsize=11)
    limits, places = loss_limits(bands), range(len(bands))
    for axes, cost in zip(panels, costs, strict=True):
        lines = draw_panel(axes, bands, cost, limits, places)
    names_below(axes, lines, end_names(bands))
    plot_style.save(figure, path)
    return True
