"""What compare_runs.py compares: runs that differ in their seed alone, as one group."""

import glob
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from hgnn_tools.errors import EXIT_USAGE, UserError
from hgnn_tools.reporting.configurations import (
    Configuration,
    applies,
    configurations_of,
    telling_options,
)
from hgnn_tools.reporting.curve import Curve
from hgnn_tools.reporting.legend import enumerated
from hgnn_tools.reporting.matched_options import chosen_options, sweep_entry
from hgnn_tools.reporting.sweep_folder import Row, is_sweep_folder, read_sweep
from hgnn_tools.reporting.targets import DATA, data_name, differing_targets, do_not_compare
from hgnn_tools.reporting.without_effect import WITHOUT_EFFECT, options_with_effect
from hgnn_tools.run_folder import Run, read_run
from hgnn_tools.wording import plural

# Of a group; folders say more than longer lists of options.
LONGEST_NAME = 60
MOST_RUNS = 3  # that are named in a line on several


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
            folders = run_folders(argument)
            first = len(groups)
            for folder in folders:
                add_run(groups, folder, str(folder), loss_key)
            if len(groups) == first + 1 and len(folders) == len(groups[-1].configuration.rows) > 1:
                groups[-1] = replace(groups[-1], source=argument)
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


def add_run(groups: list[Group], folder: Path, source: str, loss_key: str) -> None:
    """Into the first group of its configuration that lacks its seed, or into one of its own."""
    row = row_of(read_run(folder))
    for place, group in enumerate(groups):
        rows = group.configuration.rows
        seeds = {one.seed for one in rows}
        if row.seed not in seeds and all(differ_in_seed_alone(one, row) for one in rows):
            groups[place] = Group(group.source, Configuration((*rows, row), loss_key))
            return
    groups.append(Group(source, Configuration((row,), loss_key)))


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


def differ_in_seed_alone(one: Row, other: Row) -> bool:
    """Of a length that the sweep chose counts what it was matched with, which is one thing in a
    group of the sweep. Of options that one program alone knows nothing follows; doubts() names
    them. Rows of a sweep have been grouped by it."""
    if one.record or other.record:
        return False
    ours, theirs = options_of(one), options_of(other)
    return (
        one.chosen == other.chosen
        and (not one.chosen or one.group == other.group)
        and all(ours[key] == theirs[key] for key in ours.keys() & theirs.keys())
    )


def options_of(row: Row) -> dict[str, Any]:
    """Those that decide the results of a run, with the name of its data but not their place."""
    options = options_with_effect(row)
    return options | {key: value for key, value in data_of(row).items() if key in options}


def data_of(row: Row) -> dict[str, Any]:
    """What the data are called: a path, which is another one on every machine, by its last part."""
    return {option: data_name(row, option) for option in DATA}


def names_of(groups: Sequence[Group]) -> list[str]:
    """What tells the groups apart: their options, or where they come from."""
    configurations = [group.configuration for group in groups]
    differing = differing_options(groups)
    chosen = telling_options(configurations, (), differing)
    labels = [one.label(chosen) for one in configurations]
    origins = [origin_of(group) for group in groups]
    tells = bool(differing) and max(map(len, labels)) <= LONGEST_NAME
    if len(groups) == 1 or not tells and len(set(origins)) == len(origins):
        marks = [one.marks for one in configurations]
        return [f"{origin} {mark}".rstrip() for origin, mark in zip(origins, marks, strict=True)]
    if len(set(labels)) == len(labels):
        return labels
    return [f"{label} ({origin})" for label, origin in zip(labels, origins, strict=True)]


def differing_options(groups: Sequence[Group]) -> list[str]:
    """Of those that change results. One that a coupler has no use for tells nothing of its runs,
    and a value that all others share nothing of them."""
    options: dict[str, None] = {}
    for group in groups:
        row = group.configuration.rows[0]
        options |= dict.fromkeys([*row.settings, *(row.run.config if row.run else {})])
    return [
        option
        for option in options
        if option not in WITHOUT_EFFECT and len(values_of(groups, option)) > 1
    ]


def values_of(groups: Sequence[Group], option: str) -> set[str]:
    values = set()
    for group in groups:
        configuration = group.configuration
        if applies(option, configuration.rows[0].value_of("coupler_type")):
            values.add(json.dumps(configuration.value_of(option)))
    return values


def origin_of(group: Group) -> str:
    """A folder of one run, a pattern, a sweep, or the first folder of several and their number."""
    more = len(group.configuration.rows) - 1
    if not more or is_sweep_folder(Path(group.source)) or glob.has_magic(group.source):
        return group.source
    return f"{group.source} and {plural(more, 'other')}"


def baselines_of(groups: Sequence[Group]) -> dict[int, int]:
    """Place of a group: place of the one it is compared with. The first group of all, and where
    every argument is a sweep, the same settings and group in the first sweep."""
    first = [place for place, group in enumerate(groups) if group.source == groups[0].source]
    if not are_sweeps(groups) or len(first) == len(groups):
        return dict.fromkeys(range(1, len(groups)), 0)
    partners = {partner_key(groups[place]): place for place in first}
    pairs = {}
    for place in range(len(first), len(groups)):
        same = partners.get(partner_key(groups[place]))
        if same is not None:
            pairs[place] = same
    return pairs


def are_sweeps(groups: Sequence[Group]) -> bool:
    """Whether every argument is one."""
    return all(group.configuration.rows[0].record for group in groups)


def without_partner(groups: Sequence[Group]) -> str:
    """How many settings of later sweeps nothing is compared with; empty where it is none."""
    if not are_sweeps(groups):
        return ""
    first, pairs = groups[0].source, baselines_of(groups)
    later = [place for place, group in enumerate(groups) if group.source != first]
    alone = [place for place in later if place not in pairs]
    if not alone:
        return ""
    return (
        f"Of {plural(len(later), 'configuration')} of the other sweeps {len(alone)}"
        f" {'has' if len(alone) == 1 else 'have'} no partner of equal settings and group in {first}"
        " and is compared with nothing."
    )


def partner_key(group: Group) -> str:
    """Settings alone do not tell equal steps from equal time."""
    row = group.configuration.rows[0]
    return json.dumps([row.settings, row.group], sort_keys=True)


def doubts(groups: Sequence[Group]) -> list[str]:
    """Why losses of these groups may not compare, and what is missing."""
    rows = [row for group in groups for row in group.configuration.rows]
    targets = differing_targets(group.configuration for group in groups)
    warnings = [do_not_compare(targets)] if targets else []
    names = {tuple(data_of(row).values()) for row in rows if row.run}
    folders = {str(row.run.data_folder) for row in rows if row.run}
    if len(names) == 1 and len(folders) > 1:
        warnings.append(
            f"the data lie in different folders ({', '.join(sorted(folders))}): these losses"
            " compare where the folders hold the same"
        )
    if any(row.data_mode == "synthetic" for row in rows):
        warnings.append("SYNTHETIC DATA: not a result on real text")
    warnings += [note for group in groups for note in unknown_options(group)]
    warnings += [f"{row.id}: {note}" for row in rows if row.run for note in row.run.notes]
    return [*warnings, *not_compared(rows), *without_loss(rows)]


def unknown_options(group: Group) -> Iterable[str]:
    """Runs of two versions of the program are one group although one has options more."""
    runs = [options_of(row) for row in group.configuration.rows if row.run]
    if runs:
        partly = set().union(*runs) - set(runs[0]).intersection(*runs)
        if partly:
            yield (
                f"not all runs of {origin_of(group)} have the options {', '.join(sorted(partly))}:"
                " they are of several versions of the program and are taken for one configuration"
            )


def not_compared(rows: Iterable[Row]) -> Iterable[str]:
    """Runs that are not done, a line for each reason."""
    names: dict[str, list[str]] = {}
    for row in rows:
        if not row.is_done:
            names.setdefault(row.reason or row.status, []).append(row.id)
    for reason, found in names.items():
        if len(found) == 1:
            yield f"{found[0]} is {reason}, so its loss is not compared"
        else:
            told = enumerated(found, MOST_RUNS)
            yield f"{len(found)} runs are {reason}, so their losses are not compared: {told}"


def without_loss(rows: Iterable[Row]) -> Iterable[str]:
    for row in rows:
        if row.is_done and (row.best_eval_loss is None or not math.isfinite(row.best_eval_loss)):
            yield f"{row.id} {why_without_loss(row.run)}"


def why_without_loss(run: Run | None) -> str:
    best = ((run.summary if run else None) or {}).get("best_eval_loss")
    if best is None or run.events:
        return "has no finite evaluation loss"
    return (
        f"has the best loss {best} in run_summary.json, which is not compared because its"
        " metrics.jsonl is missing or empty"
    )
