"""Parts of one sweep that were run on several machines or days, put together."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hgnn_tools.errors import EXIT_USAGE, UserError
from hgnn_tools.reporting.sweep_folder import Row, Sweep, without_times
from hgnn_tools.reporting.without_effect import options_with_effect

# What a report asks of the runs, and no run depends on.
ASKED = ("questions", "expected")
# Of a finished row what another machine computes alike.
RESULTS = ("parameters", "steps", "tokens", "needed_flops", "best_eval_loss", "final_eval_loss")
# A row in two parts is taken from the one where it got further.
PROGRESS = ("pending", "running", "stopped", "failed", "done")
LONGEST = 120  # of a value in a message


def join_sweeps(parts: Sequence[Sweep]) -> Sweep:
    """One sweep of all their rows, configurations in the order in which they come and the seeds of
    each by number. Name, description, questions and expected figures are those of the first part;
    its times are left out where one part has none.

    Throws UserError (usage) where the parts are not of one sweep, naming all differences.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    differences = list(differences_of(parts))
    if differences:
        raise UserError(
            f"these are no parts of one sweep: {'; '.join(differences)}; give parts of one sweep"
            " file and one version of the data",
            EXIT_USAGE,
        )
    commits = {part.commit for part in parts}
    left_out = {text_of(one): one for part in parts for one in part.left_out}
    joined = replace(
        first,
        folders=tuple(folder for part in parts for folder in part.folders),
        commit=first.commit if len(commits) == 1 else None,
        left_out=tuple(left_out.values()),
        rows=joined_rows(parts),
    )
    return joined if joined.has_times else without_times(joined)


def joined_rows(parts: Sequence[Sweep]) -> tuple[Row, ...]:
    configurations: dict[str, dict[int, Row]] = {}
    for part in parts:
        for row in part.rows:
            seeds = configurations.setdefault(configuration_of(row), {})
            known = seeds.get(row.seed)
            if known is None or progress(row) > progress(known):
                seeds[row.seed] = row
    return tuple(seeds[seed] for seeds in configurations.values() for seed in sorted(seeds))


def progress(row: Row) -> tuple[int, bool]:
    """Of rows that are equally far the one with a curve tells more."""
    return PROGRESS.index(row.status), bool(row.curve.losses)


def configuration_of(row: Row) -> str:
    """Equal for rows that differ in their seed alone."""
    return text_of([row.group, row.name, row.settings])


def text_of(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def differences_of(parts: Sequence[Sweep]) -> Iterator[str]:
    """In words; none where all are parts of one sweep."""
    first = parts[0]
    for part in parts[1:]:
        yield from differing_entries("varied", first, part)
    yield from differing_rows(parts)
    yield from differing_options(parts)
    yield from differing_work(parts)


def notes_on_parts(parts: Sequence[Sweep]) -> Iterator[str]:
    """What is taken from the first part although others differ: questions may be put better while
    the runs of a long sweep are under way."""
    first = parts[0]
    for part in parts[1:]:
        for key in ASKED:
            for difference in differing_entries(key, first, part):
                yield f"{difference}; those of {place_of(first)} are taken"


def differing_entries(key: str, first: Sweep, part: Sweep) -> Iterator[str]:
    ours, theirs = (list(map(text_of, getattr(one, key))) for one in (first, part))
    if ours == theirs:
        return
    only = [
        f"{place_of(one)} alone has {', '.join(map(cut, alone))}"
        for one, mine, others in ((first, ours, theirs), (part, theirs, ours))
        if (alone := [entry for entry in mine if entry not in others])
    ]
    told = " and ".join(only) or f"{place_of(first)} and {place_of(part)} have other orders"
    yield f"of {key} {told}"


def differing_rows(parts: Sequence[Sweep]) -> Iterator[str]:
    """The same run in two parts, made of other data or options or with other results."""
    known: dict[tuple[str, int], tuple[Sweep, Row]] = {}
    for part in parts:
        for row in part.rows:
            key = configuration_of(row), row.seed
            where, other = known.setdefault(key, (part, row))
            both = f"{row.id} of {place_of(part)} and {other.id} of {place_of(where)}"
            if None not in (row.hash, other.hash) and row.hash != other.hash:
                yield f"{both} have other data or options (hashes {row.hash} and {other.hash})"
            elif row.is_done and other.is_done and results_of(row) != results_of(other):
                yield f"{both} are both done, with other results ({told_results(row, other)})"
            elif row.is_done and not other.is_done:
                known[key] = part, row


def results_of(row: Row) -> dict[str, Any]:
    return {key: getattr(row, key) for key in RESULTS}


def told_results(row: Row, other: Row) -> str:
    ours, theirs = results_of(row), results_of(other)
    return ", ".join(
        f"{key} {ours[key]} and {theirs[key]}" for key in RESULTS if ours[key] != theirs[key]
    )


def differing_options(parts: Sequence[Sweep]) -> Iterator[str]:
    """Seeds of one configuration that differ in more than their seed, once an option. What is known
    of a configuration grows with its rows: those that have not begun tell few options."""
    known: dict[str, dict[str, tuple[Sweep, Any]]] = {}
    told = set()
    for part in parts:
        for row in part.rows:
            others = known.setdefault(configuration_of(row), {})
            for key, value in sorted(options_with_effect(row).items()):
                where, other = others.setdefault(key, (part, value))
                if not is_same(value, other) and key not in told:
                    told.add(key)
                    ours, theirs = cut(text_of(value)), cut(text_of(other))
                    yield f"{key} is {ours} in {place_of(part)} and {theirs} in {place_of(where)}"


def differing_work(parts: Sequence[Sweep]) -> Iterator[str]:
    """Finished seeds of one configuration that other data made larger or trained for longer, once a
    number. Without a seed that two parts have, nothing else would tell."""
    known: dict[tuple[str, str], tuple[Sweep, Row]] = {}
    told = set()
    for part in parts:
        for row in part.rows:
            for key in work_of(row):
                where, other = known.setdefault((configuration_of(row), key), (part, row))
                ours, theirs = getattr(row, key), getattr(other, key)
                if ours != theirs and row.seed != other.seed and key not in told:
                    told.add(key)
                    yield (
                        f"{row.id} of {place_of(part)} and {other.id} of {place_of(where)} differ"
                        f" in their seed alone and have other {key} ({text_of(ours)} and"
                        f" {text_of(theirs)})"
                    )


def work_of(row: Row) -> list[str]:
    """What every finished seed of its configuration has alike, as far as it is known."""
    if not row.is_done:
        return []
    keys = ["parameters"]
    if not row.chosen:
        keys.append("steps")
        # Lines are of different lengths, and which of them a run sees depends on its seed.
        if row.options.get("sample_mode") != "lines":
            keys += ["tokens", "needed_flops"]
    return [key for key in keys if getattr(row, key) is not None]


def is_same(one: Any, other: Any) -> bool:
    """Of a path a kept sweep has the last part alone."""
    if isinstance(one, str) and isinstance(other, str):
        return PurePosixPath(one).name == PurePosixPath(other).name
    return one == other


def place_of(sweep: Sweep) -> str:
    return ", ".join(map(str, sweep.folders))


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
