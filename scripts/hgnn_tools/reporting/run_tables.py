"""Every run of a sweep as it ended: all rows, failures with their reasons, what was left out."""

from pathlib import Path
from typing import Any

from hgnn_tools.reporting.conditions import describe
from hgnn_tools.reporting.configurations import (
    Configuration,
    naming_columns,
    telling_options,
)
from hgnn_tools.reporting.legend import legend_notes
from hgnn_tools.reporting.sweep_folder import Row, Sweep, read_sweep
from hgnn_tools.tables import Column, Table, to_csv

# What the reasons of sweep.json mean.
REASONS = {
    "diverged": "a loss or gradient was not finite",
    "out_of_memory": "out of memory",
    "bad_options": "options that contradict each other",
    "data": "data missing or unreadable",
    "checkpoint": "a checkpoint was unusable",
    "disk": "disk full or not writable",
    "crashed": "ended by a signal",
    "internal": "a bug of the program",
}


def all_runs_table(sweep: Sweep, configurations: list[Configuration]) -> Table:
    columns = (
        *naming_columns(sweep.varied),
        Column("group", "group"),
        Column("name", "name"),
        Column("seed", "seed"),
        Column("status", "status"),
        Column("graph", "graph"),
        Column("best_eval_loss", "best loss", "loss"),
        Column("final_eval_loss", "final loss", "loss"),
        Column("parameters", "parameters", "count"),
        Column("steps", "steps", "count"),
        Column("tokens", "tokens", "count"),
        Column("needed_flops", "needed FLOPs", "measure"),
        Column("train_minutes", "training, min", "measure"),
        Column("tokens_per_s", "tokens a second", "measure"),
        Column("id", "folder", csv_only=True),
        Column("data", "data", csv_only=True),
    )
    rows = tuple(run_row(sweep, row) for row in sweep.rows)
    options = telling_options(configurations, sweep.varied, ())
    named = [(one.label(options, marks=False), one) for one in configurations]
    return Table("runs", "All runs", columns, rows, tuple(legend_notes(named)))


def runs_csv(folder: Path) -> str:
    """The same table of the sweep in `folder`, for spreadsheets."""
    return to_csv(all_runs_table(read_sweep(folder), []))


def run_row(sweep: Sweep, row: Row) -> dict[str, Any]:
    seconds = row.measurement("train_seconds")
    return {
        **Configuration((row,), "best_eval_loss").cells(sweep.varied),
        "id": row.id,
        "group": row.group,
        "name": row.name,
        "seed": str(row.seed),
        "status": row.status,
        "graph": row.graph,
        "best_eval_loss": row.best_eval_loss,
        "final_eval_loss": row.final_eval_loss,
        "parameters": (row.parameters or {}).get("total"),
        "steps": row.steps,
        "tokens": row.tokens,
        "needed_flops": row.needed_flops,
        "train_minutes": None if seconds is None else seconds / 60,
        "tokens_per_s": row.measurement("tokens_per_s"),
        "data": row.data_mode,
    }


def failure_table(sweep: Sweep) -> Table | None:
    failed = [row for row in sweep.rows if row.status == "failed"]
    if not failed:
        return None
    columns = (
        Column("id", "run", "name"),
        Column("reason", "reason"),
        Column("meaning", "that is"),
        Column("exit_code", "exit code"),
        Column("signal", "signal"),
        Column("steps", "steps", "count"),
        Column("message", "what it said", "sentence"),
    )
    rows = tuple(
        {
            "id": row.id,
            "reason": row.reason,
            "meaning": REASONS.get(row.reason or ""),
            "exit_code": text_or_none(row.exit_code),
            "signal": text_or_none(row.signal),
            "steps": row.steps,
            "message": row.message,
        }
        for row in failed
    )
    return Table("failures", "Failed runs", columns, rows)


def text_or_none(value: int | None) -> str | None:
    return None if value is None else str(value)


def left_out_table(sweep: Sweep) -> Table | None:
    if not sweep.left_out:
        return None
    columns = (
        Column("settings", "combination", "sentence"),
        Column("constraint", "left out by", "sentence"),
    )
    rows = tuple(
        {
            "settings": describe(one.get("settings") or {}),
            "constraint": one.get("constraint"),
        }
        for one in sweep.left_out
    )
    return Table("left-out", "Combinations left out", columns, rows)
