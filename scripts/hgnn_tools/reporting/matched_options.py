"""Options whose values a sweep chose for each run by itself, so that seeds differ in them.

match_time chooses the length of a run from the speed that was measured. What match_parameters
chooses is the same for every seed and is an option like others.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hgnn_tools.run_folder import read_json_object

# The option, and what stands in the place of its value; epochs only follow the steps.
CHOSEN_BY_TIME = {"max_steps": "by match_time", "epochs": None}
NOTE_OF_TIME = "match_time: "


def chosen_options(notes: Iterable[str], settings: dict[str, Any]) -> dict[str, Any]:
    """By the notes of a row: each option that was chosen, with what `settings` planned for it."""
    if not any(note.startswith(NOTE_OF_TIME) for note in notes):
        return {}
    return {option: settings.get(option) for option in CHOSEN_BY_TIME}


def sweep_entry(folder: Path) -> dict[str, Any]:
    """Of the run in `folder` what the sweep's table has, if a sweep ran it: group, settings and
    notes. Where the table is gone, the note on its length alone."""
    table = folder.parent / "sweep.json"
    if table.is_file():
        for entry in read_json_object(table).get("rows") or []:
            if entry.get("id") == folder.name:
                return entry
    record = folder / "row.json"
    match = read_json_object(record).get("match_time") if record.is_file() else None
    return {"notes": [match["note"]]} if match else {}
