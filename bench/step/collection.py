"""Groups of a results file that several runs measure a part of each. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import json
from pathlib import Path
from typing import Any

from common.ratios import Group

# What groups of one file share, and what each says of the run that measured it.
SHARED = {
    "machine": ("device", "cores", "threads", "instruction_sets"),
    "versions": ("torch", "torch_geometric"),
}
OF_A_RUN = ("command", "started", "commit")


class OtherMachine(RuntimeError):
    """The file's groups cannot stand beside those of this run."""


def groups_of_file(path: Path, header: Mapping[str, Any]) -> list[Group]:
    """Those that stand there; none without a file. Raises OtherMachine."""
    if not path.is_file():
        return []
    results = json.loads(path.read_text(encoding="utf-8"))
    for part, names in SHARED.items():
        for name in names:
            if results[part][name] != header[part][name]:
                raise OtherMachine(
                    f"{path.name} holds results of {name} {results[part][name]}, this is"
                    f" {header[part][name]}: leave out --only, or give another --out"
                )
    return results["groups"]


def with_run(groups: Sequence[Group], header: Mapping[str, Any]) -> list[Group]:
    """Each with the run that measured it."""
    return [{**group, "run": {name: header[name] for name in OF_A_RUN}} for group in groups]


def merged(old: Sequence[Group], new: Sequence[Group], order: Sequence[str]) -> list[Group]:
    """New groups take the place of old ones with their id; `order` lists ids."""
    by_id = {group["id"]: group for group in (*old, *new)}
    return [by_id[name] for name in order if name in by_id]
