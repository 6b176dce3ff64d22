"""Whether sweep.json has what a report reads, in the types that it reads: all faults at once."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hgnn_tools.errors import EXIT_DATA, UserError

STATUSES = ("done", "failed", "running", "stopped", "pending")
DATA_MODES = ("real", "synthetic")
LONGEST = 60  # of a value in a message
MOST_FAULTS = 8
Check = tuple[str, Callable[[Any], bool]]  # what a value has to be, in words, and whether it is


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(check, value))


def is_object_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def is_condition(value: Any) -> bool:
    """A value, a list of values, or {"min": a, "max": b}."""
    return not isinstance(value, dict) or (
        bool(value) and value.keys() <= {"min", "max"} and all(map(is_number, value.values()))
    )


def is_loss(value: Any) -> bool:
    return is_number(value) or (is_list_of(is_number)(value) and len(value) == 2)


TEXT: Check = ("a text", is_text)
TEXTS: Check = ("a list of texts", is_list_of(is_text))
NUMBER: Check = ("a number", is_number)
WHOLE: Check = ("a whole number", is_whole)
OBJECT: Check = ("an object", lambda value: isinstance(value, dict))
OBJECTS: Check = ("a list of objects", is_list_of(lambda value: isinstance(value, dict)))
# What a run could not measure is null.
NUMBERS: Check = ("an object of numbers", is_object_of(lambda one: one is None or is_number(one)))
CONDITIONS: Check = ("an object of conditions on options", is_object_of(is_condition))

TOP: Mapping[str, Check] = {
    "name": TEXT,
    "description": TEXT,
    "sweep_file": TEXT,
    "commit": TEXT,
    "varied": TEXTS,
    "questions": OBJECTS,
    "expected": OBJECTS,
    "left_out": OBJECTS,
    "times": ("true or false", lambda value: isinstance(value, bool)),
    "rows": OBJECTS,
}
QUESTION: Mapping[str, Check] = {
    "title": TEXT,
    "factor": ("a text or a list of texts", lambda value: is_text(value) or TEXTS[1](value)),
    "where": CONDITIONS,
    "baseline": CONDITIONS,
}
EXPECTED: Mapping[str, Check] = {
    "where": CONDITIONS,
    "eval_loss": ("a number or a list of two", is_loss),
    "minutes": NUMBER,
    "source": TEXT,
}
LEFT_OUT: Mapping[str, Check] = {"settings": OBJECT, "constraint": TEXT}
ROW: Mapping[str, Check] = {
    "id": TEXT,
    "seed": WHOLE,
    "settings": OBJECT,
    "status": (f"one of {', '.join(STATUSES)}", lambda value: value in STATUSES),
    "data_mode": (f"one of {', '.join(DATA_MODES)}", lambda value: value in DATA_MODES),
    **dict.fromkeys(("group", "name", "hash", "commit", "reason", "message"), TEXT),
    **dict.fromkeys(("graph", "graph_note"), TEXT),
    **dict.fromkeys(("exit_code", "signal", "steps", "tokens"), WHOLE),
    **dict.fromkeys(("needed_flops", "best_eval_loss", "final_eval_loss"), NUMBER),
    "notes": TEXTS,
    "parameters": NUMBERS,
    "measured": NUMBERS,
}
NEEDED = ("id", "seed", "settings", "status")  # of a row; all else may be missing or null
PARTS = {"questions": QUESTION, "expected": EXPECTED, "left_out": LEFT_OUT, "rows": ROW}


def check_sweep(stored: dict[str, Any], path: Path, advice: str) -> None:
    """Throws UserError (data) that names every field with what it is and has to be. `advice` is how
    to get the file anew."""
    faults = list(faults_of(stored))
    more = len(faults) - MOST_FAULTS
    if faults:
        told = "; ".join(faults[:MOST_FAULTS]) + (f"; and {more} more faults" if more > 0 else "")
        raise UserError(f"{path}: {told}; {advice}", EXIT_DATA)


def refuse_questions_of_seeds(questions: Sequence[dict[str, Any]], folder: Path) -> None:
    """Throws UserError (data). Rows would be named after the first of the seeds that they are taken
    over."""
    told = [
        f'questions, number {number}: "{key}" names seed'
        for number, question in enumerate(questions, start=1)
        for key in ("factor", "baseline")
        if names_seed(question.get(key))
    ]
    if told:
        raise UserError(
            f"{folder / 'sweep.json'}: {'; '.join(told)}: configurations are taken together over"
            " their seeds, so no question can be about them; take it out of this file and of the"
            " sweep file",
            EXIT_DATA,
        )


def names_seed(named: Any) -> bool:
    """A text, a list of texts or an object by option."""
    return named == "seed" or isinstance(named, list | dict) and "seed" in named


def faults_of(stored: dict[str, Any]) -> Iterator[str]:
    yield from faults_in(stored, TOP, "", ("rows",))
    for key, checks in PARTS.items():
        found = stored.get(key)
        for number, one in enumerate(found if isinstance(found, list) else (), start=1):
            if isinstance(one, dict):
                where = f"{key}, number {number}: "
                yield from faults_in(one, checks, where, NEEDED if key == "rows" else ())
    if stored.get("rows") == []:
        yield "it has no rows"


def faults_in(
    value: dict[str, Any], checks: Mapping[str, Check], where: str, needed: tuple[str, ...]
) -> Iterator[str]:
    for key, (words, is_right) in checks.items():
        found = value.get(key)
        if found is None and key not in needed:
            continue
        if key not in value:
            yield f'{where}"{key}" is missing'
        elif not is_right(found):
            yield f'{where}"{key}" is {shown(found)} and has to be {words}'


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
