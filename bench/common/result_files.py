"""Result files on the disk; no torch."""

from __future__ import annotations

from collections.abc import Mapping
import json
from pathlib import Path
import re
from typing import Any

from common.tools import EXIT_DATA, UserError

SCHEMA = 2


def compact_json(results: Mapping[str, Any]) -> str:
    """Indented, but a list of numbers, such as all samples of a call, on one line."""
    text = json.dumps(results, indent=1)
    numbers = re.compile(r"\[[\s\d.,eE+-]+\]")
    return numbers.sub(lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"


def save(results: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(compact_json(results), encoding="utf-8")


def load(path: Path) -> dict[str, Any]:
    """Raises UserError for what is no result file of this schema."""
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"{path} is no JSON ({error}): measure again or remove it", EXIT_DATA
        ) from error
    if results["schema"] != SCHEMA:
        raise UserError(
            f"{path} has schema {results['schema']}, this is {SCHEMA}: measure again or remove it",
            EXIT_DATA,
        )
    return results
