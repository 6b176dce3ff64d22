"""What a configuration costs: parameters by part, FLOPs, time and memory, beside its loss."""

import statistics
from collections.abc import Sequence
from typing import Any

from hgnn_tools.reporting.configurations import Configuration, naming_columns
from hgnn_tools.reporting.legend import legend_notes, mark_legend
from hgnn_tools.reporting.sweep_folder import Row
from hgnn_tools.tables import Column, Table

PARTS = ("embeddings", "experts", "couplers", "head")
PARAMETER_COLUMNS = (
    *(Column(part, part, "count") for part in PARTS),
    Column("total", "total", "count"),
    Column("coupler_share", "couplers' share", "percent"),
    Column("data", "data", csv_only=True),
)
COST_COLUMNS = (
    Column("seeds", "seeds"),
    Column("loss_mean", "loss, mean", "loss"),
    Column("flops_per_token", "needed FLOPs a token", "measure"),
    Column("microseconds_per_token", "training µs a token", "measure"),
    Column("tokens_per_second", "tokens a second", "measure"),
    Column("train_minutes", "training, min", "measure"),
    Column("peak_memory_mib", "peak memory, MiB", "measure"),
    Column("loss_per_million_parameters", "loss / M parameters", "measure"),
    Column("loss_per_second", "loss / training s", "measure"),
    Column("data", "data", csv_only=True),
)
TIME_NOTE = (
    "Training time is the sum of the steps' own milliseconds (data, forward, backward, optimizer),"
    " without evaluation and start-up."
)
FLOPS_NOTE = (
    "Needed FLOPs are those of the cheapest correct form on real tokens, so equal models need equal"
    " FLOPs however they are computed."
)


def parameter_table(configurations: Sequence[Configuration], options: Sequence[str]) -> Table:
    rows = tuple(
        {**one.cells(options), **parameter_cells(one.rows), "data": one.data_mode}
        for one in configurations
    )
    columns = (*naming_columns(options), *PARAMETER_COLUMNS)
    notes = tuple(mark_legend(configurations))
    return Table("parameters", "Parameters by part", columns, rows, notes)


def parameter_cells(rows: Sequence[Row]) -> dict[str, Any]:
    """Of the first seed: another one has as many unless the sweep chose its size anew."""
    parameters = next((row.parameters for row in rows if row.parameters), None)
    if parameters is None:
        return {}
    share = parameters.get("couplers", 0) / parameters["total"] if parameters.get("total") else None
    return {**parameters, "coupler_share": share}


def cost_table(configurations: Sequence[Configuration], options: Sequence[str]) -> Table:
    finished = [one for one in configurations if one.done]
    rows = tuple({**one.cells(options), **cost_cells(one)} for one in finished)
    named = [(one.label(options, marks=False), one) for one in finished]
    timed = any(one.minutes is not None for one in finished)
    notes = (*legend_notes(named), *((TIME_NOTE,) if timed else ()), FLOPS_NOTE, ratio_note(timed))
    title = "Cost of training, means over seeds"
    return Table("costs", title, (*naming_columns(options), *COST_COLUMNS), rows, notes)


def cost_cells(configuration: Configuration) -> dict[str, Any]:
    loss, seconds = configuration.loss.mean, configuration.mean(train_seconds)
    parameters = configuration.parameters
    return {
        "seeds": configuration.seeds,
        "loss_mean": loss,
        "flops_per_token": configuration.mean(flops_per_token),
        "microseconds_per_token": configuration.mean(microseconds_per_token),
        "tokens_per_second": configuration.mean(tokens_per_second),
        "train_minutes": configuration.minutes,
        "peak_memory_mib": configuration.mean(peak_mib),
        "loss_per_million_parameters": 1e6 * loss / parameters if parameters else None,
        "loss_per_second": loss / seconds if seconds else None,
        "data": configuration.data_mode,
    }


def ratio_note(timed: bool) -> str:
    ratios = (
        "The last two columns are the ratios of the original study: loss over millions of"
        " parameters, and loss over seconds of training. They fall"
        if timed
        else "The last column is a ratio of the original study: loss over millions of parameters."
        " It falls"
    )
    return (
        f"{ratios} with any larger or longer run, so a low one is no merit by itself; the Pareto"
        " fronts are the fair comparison."
    )


def train_seconds(row: Row) -> float | None:
    return row.measurement("train_seconds")


def flops_per_token(row: Row) -> float | None:
    return row.needed_flops / row.tokens if row.needed_flops and row.tokens else None


def microseconds_per_token(row: Row) -> float | None:
    seconds = train_seconds(row)
    return 1e6 * seconds / row.tokens if seconds and row.tokens else None


def tokens_per_second(row: Row) -> float | None:
    seconds = train_seconds(row)
    return row.tokens / seconds if seconds and row.tokens else None


def peak_mib(row: Row) -> float | None:
    peak = row.measurement("peak_memory_bytes")
    return peak / 2**20 if peak else None


def spread_of_speed(configuration: Configuration) -> float | None:
    """Largest over smallest speed of the seeds: a busy machine shows here."""
    speeds = [speed for row in configuration.done if (speed := tokens_per_second(row))]
    return max(speeds) / min(speeds) if len(speeds) > 1 else None


def speed_warning(configurations: Sequence[Configuration]) -> str | None:
    """Times of runs of different speed say something about the machine, not about the models."""
    spreads = [spread for one in configurations if (spread := spread_of_speed(one))]
    if not spreads or max(spreads) < SUSPICIOUS_SPREAD:
        return None
    return (
        f"Seeds of one configuration differ in speed by up to {max(spreads):.2f} times (median"
        f" {statistics.median(spreads):.2f}): the machine was busy or runs went side by side, so"
        " compare times with care."
    )


SUSPICIOUS_SPREAD = 1.2
