"""What compare_runs.py compares: runs that differ in their seed alone, as one group."""

import glob
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hgnn_tools.errors import EXIT_USAGE, UserError
from hgnn_tools.reporting.configurations import Configuration, configurations_of, telling_options
from hgnn_tools.reporting.curve import Curve
from hgnn_tools.reporting.matched_options import chosen_options, sweep_entry
from hgnn_tools.reporting.sweep_folder import Row, is_sweep_folder, read_sweep
from hgnn_tools.run_folder import Run, read_run

# Options that change no result, only where and how something is computed and what is written. How
# often a run evaluates is none of them: its best loss is the lowest of its evaluations.
WITHOUT_EFFECT = (
    "seed",
    "run_name",
    "checkpoint_dir",
    "data_dir",
    "resume_checkpoint",
    "overwrite",
    "quiet",
    "dry_run",
    "device",
    "threads",
    "deterministic",
    "num_workers_dataloader",
    "save_every",
    "keep_checkpoints",
    "profile",
    "expert_path",
    "coupler_path",
    "coupler_chunk",
    "verify_coupler",
    "activation_checkpointing",
    "cuda_graphs",
    "dump_token_losses",
)
# Of a group; folders say more than longer lists of options.
LONGEST_NAME = 60
# What the targets of an evaluation depend on.
TARGETS = ("sample_mode", "max_seq_length", "num_eval_samples")


@dataclass(frozen=True)
class Group:
    source: str  # the argument it comes from
    configuration: Configuration


def read_groups(arguments: Sequence[str], loss_key: str) -> list[Group]:
    """In the order of the arguments: of a sweep each configuration, of runs those that differ in
    their seed alone."""
    groups: list[Group] = []
    for argument in arguments:
        if is_sweep_folder(Path(argument)):
            sweep = read_sweep(Path(argument))
            found = configurations_of(sweep, sweep.rows, loss_key)
            groups += [Group(argument, one) for one in found]
        else:
            for folder in run_folders(argument):
                add_run(groups, folder, loss_key)
    return groups


def run_folders(argument: str) -> list[Path]:
    if not glob.has_magic(argument):
        return [Path(argument)]
    found = [Path(path) for path in sorted(glob.glob(argument))]
    folders = [path for path in found if (path / "config.json").is_file()]
    if not folders:
        raise UserError(
            f"{argument} names no run folder; check the pattern, and quote it", EXIT_USAGE
        )
    return folders


def add_run(groups: list[Group], folder: Path, loss_key: str) -> None:
    """Into the first group of its configuration that lacks its seed, or into one of its own."""
    row = row_of(read_run(folder))
    for place, group in enumerate(groups):
        rows = group.configuration.rows
        if identity(rows[0]) == identity(row) and row.seed not in {one.seed for one in rows}:
            groups[place] = Group(group.source, Configuration((*rows, row), loss_key))
            return
    groups.append(Group(str(folder), Configuration((row,), loss_key)))


def row_of(run: Run) -> Row:
    """A run as if it were the row of a sweep. One that has not ended is not done."""
    curve = Curve.of(run)
    ended = (run.summary or {}).get("status")
    seed = run.config.get("seed")
    entry = sweep_entry(run.folder)
    return Row(
        id=run.name,
        status="done" if ended == "done" else "failed" if ended else "running",
        seed=seed if isinstance(seed, int) else 0,
        settings={},
        group=entry.get("group"),
        reason=ended if ended != "done" else None,
        best_eval_loss=min(curve.losses, default=None),
        final_eval_loss=curve.losses[-1] if curve.losses else None,
        measured={"train_seconds": 60 * curve.minutes[-1]} if curve.minutes else None,
        run=run,
        options=run.config,
        chosen=chosen_options(entry.get("notes") or [], entry.get("settings") or {}),
    )


def identity(row: Row) -> str:
    """The same for runs that differ in their seed alone. Of a length that the sweep chose counts
    what it was matched with, which is one thing in a group of the sweep."""
    config = row.run.config if row.run else {}
    kept = {key: value for key, value in config.items() if key not in WITHOUT_EFFECT} | row.chosen
    matched = row.group if row.chosen else None
    data = row.run.data_folder if row.run else None
    return json.dumps([kept, data, row.hash, matched], sort_keys=True)


def names_of(groups: Sequence[Group]) -> list[str]:
    """What tells the groups apart: their options, or where they come from."""
    options: dict[str, None] = {}
    for group in groups:
        row = group.configuration.rows[0]
        options |= dict.fromkeys([*row.settings, *(row.run.config if row.run else {})])
    told = [option for option in options if option not in WITHOUT_EFFECT]
    configurations = [group.configuration for group in groups]
    chosen = telling_options(configurations, (), told)
    labels = [one.label(chosen) for one in configurations]
    sources = [group.source for group in groups]
    if (
        max(map(len, labels)) > LONGEST_NAME
        and len(set(sources)) == len(sources)
        or len(labels) == 1
    ):
        return sources
    if len(set(labels)) == len(labels):
        return labels
    return [f"{label} ({group.source})" for label, group in zip(labels, groups, strict=True)]


def baselines_of(groups: Sequence[Group]) -> dict[int, int]:
    """Place of a group: place of the one it is compared with. The first group of all, and where
    every argument is a sweep, the same settings and group in the first sweep."""
    first = [place for place, group in enumerate(groups) if group.source == groups[0].source]
    is_sweep = [bool(group.configuration.rows[0].settings) for group in groups]
    if not all(is_sweep) or len(first) == len(groups):
        return dict.fromkeys(range(1, len(groups)), 0)
    partners = {partner_key(groups[place]): place for place in first}
    pairs = {}
    for place in range(len(first), len(groups)):
        same = partners.get(partner_key(groups[place]))
        if same is not None:
            pairs[place] = same
    return pairs


def partner_key(group: Group) -> str:
    """Settings alone do not tell equal steps from equal time."""
    row = group.configuration.rows[0]
    return json.dumps([row.settings, row.group], sort_keys=True)


def doubts(groups: Sequence[Group]) -> list[str]:
    """Why losses of these groups may not compare, and what is missing."""
    rows = [row for group in groups for row in group.configuration.rows]
    found = []
    folders = {row.run.data_folder for row in rows if row.run}
    if len(folders) > 1:
        found.append(f"evaluated on different data ({', '.join(sorted(map(str, folders)))})")
    for key in TARGETS:
        values = {str(row.value_of(key)) for row in rows if row.run}
        if len(values) > 1:
            found.append(f"evaluated with different {key} ({', '.join(sorted(values))})")
    warnings = [f"{one}: these losses do not compare" for one in found]
    if any(row.data_mode == "synthetic" for row in rows):
        warnings.append("SYNTHETIC DATA: not a result on real text")
    return warnings + [note for row in rows for note in missing(row)]


def missing(row: Row) -> Iterable[str]:
    if row.run is not None:
        yield from (f"{row.id}: {note}" for note in row.run.notes)
    if not row.is_done:
        yield f"{row.id} is {row.reason or row.status}, so its loss is not compared"
    elif row.best_eval_loss is None or not math.isfinite(row.best_eval_loss):
        yield f"{row.id} has no finite evaluation loss"
