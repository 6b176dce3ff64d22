"""Groups of a results file that several runs measure a part of each. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.ratios import Group
from common.result_files import load
from common.tools import EXIT_DATA, UserError

# What must be the same for groups to stand in one file, and in parts of it.
OF_THE_FILE = ("benchmark", "quick", "ours")
SHARED = {
    "machine": ("device", "cores", "threads", "instruction_sets"),
    "versions": ("torch", "torch_geometric"),
}
# What a group says of the run that measured it, in place of the file. Variables that change a
# process's speed must be the same in all of them too.
OF_A_RUN = ("command", "started", "commit", "environment", "method")


def groups_of_file(path: Path, header: Mapping[str, Any]) -> list[Group]:
    """Those that stand there; none without a file. Raises UserError where they were measured on
    another machine, with other libraries or under other variables than the header's, of other
    cases, or without the program where the header has it."""
    if not path.is_file():
        return []
    results = load(path)
    pairs = [(name, results[name], header[name]) for name in OF_THE_FILE]
    pairs += [
        (name, results[part][name], header[part][name])
        for part, names in SHARED.items()
        for name in names
    ]
    for group in results["groups"]:
        pairs.append(("environment", group["run"]["environment"], header["environment"]))
    for name, theirs, own in pairs:
        if theirs != own:
            raise UserError(
                f"{path.name} holds results of {name} {theirs}, this is {own}: leave out --only,"
                " or give another --out",
                EXIT_DATA,
            )
    return results["groups"]


def with_run(groups: Sequence[Group], header: Mapping[str, Any]) -> list[Group]:
    """Each with the run that measured it."""
    run = {name: header[name] for name in OF_A_RUN}
    run["load_average"] = header["machine"]["load_average"]
    return [{**group, "run": run} for group in groups]


def shared(header: Mapping[str, Any]) -> dict[str, Any]:
    """What of a header is about all groups of a file."""
    of_all = {name: value for name, value in header.items() if name not in OF_A_RUN}
    machine = {k: value for k, value in header["machine"].items() if k != "load_average"}
    return of_all | {"machine": machine}


def merged(old: Sequence[Group], new: Sequence[Group], order: Sequence[str]) -> list[Group]:
    """New groups take the place of old ones with their id; `order` lists ids."""
    by_id = {group["id"]: group for group in (*old, *new)}
    return [by_id[name] for name in order if name in by_id]
