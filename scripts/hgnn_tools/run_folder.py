"""What a run left in its folder: configuration, events and summary."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hgnn_tools.errors import EXIT_CHECKPOINT, EXIT_DATA, EXIT_USAGE, UserError

Event = dict[str, Any]


@dataclass(frozen=True)
class Run:
    folder: Path
    config: dict[str, Any]  # every resolved key
    data_folder: str | None
    summary: dict[str, Any] | None  # None while the run has not ended
    events: dict[str, list[Event]] = field(default_factory=dict)  # by kind, in file order
    notes: tuple[str, ...] = ()  # what the user should know about the files

    @property
    def name(self) -> str:
        return self.config.get("run_name") or self.folder.resolve().name

    @property
    def is_synthetic(self) -> bool:
        summary_mode = (self.summary or {}).get("data_mode")
        return summary_mode == "synthetic" or bool(self.config.get("synthetic_data"))

    def of_kind(self, kind: str) -> list[Event]:
        return self.events.get(kind, [])


def read_run(folder: Path) -> Run:
    """Everything; metrics.jsonl may end in a line that is still being written."""
    check_folder(folder, "run")
    stored = read_json_object(folder / "config.json")
    events, notes = read_events(folder / "metrics.jsonl")
    summary_path = folder / "run_summary.json"
    return Run(
        folder=folder,
        config=config_of(stored, folder),
        data_folder=stored.get("data_folder"),
        summary=read_json_object(summary_path) if summary_path.exists() else None,
        events=events,
        notes=notes,
    )


def check_folder(folder: Path, what: str) -> None:
    """Throws UserError (usage) where there is no such folder."""
    if not folder.is_dir():
        fault = "is a file; give a folder" if folder.exists() else "does not exist; check the path"
        raise UserError(f"the {what} folder {folder} {fault}", EXIT_USAGE)


def read_run_config(folder: Path) -> Run:
    """Configuration alone: a run can be sampled from whatever its metrics are."""
    stored = read_json_object(folder / "config.json")
    return Run(folder, config_of(stored, folder), stored.get("data_folder"), summary=None)


def config_of(stored: dict[str, Any], folder: Path) -> dict[str, Any]:
    config = stored.get("config")
    if not isinstance(config, dict):
        raise UserError(
            f'{folder / "config.json"} has no object "config"; give the folder of a run of'
            " hgnn_moe_train",
            EXIT_DATA,
        )
    return config


def read_json_object(
    path: Path, advice: str = "restore it or train again"
) -> dict[str, Any]:
    """`advice` is what to do where it is damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"cannot read {path} ({error.strerror}); give the folder of a run of hgnn_moe_train",
            EXIT_DATA,
        ) from None
    except ValueError as error:
        raise UserError(
            f"{path} is not JSON ({error}); {advice}", EXIT_DATA
        ) from None
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no JSON object; {advice}", EXIT_DATA)
    return value


def read_events(path: Path) -> tuple[dict[str, list[Event]], tuple[str, ...]]:
    """Events by kind, and notes. A last line that was not written to its end is left out."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}, (f"{path.name} does not exist: the run recorded no event",)
    except OSError as error:
        raise UserError(
            f"cannot read {path} ({error.strerror}); check the file and its permissions", EXIT_DATA
        ) from None
    *lines, unfinished = content.split(b"\n")
    if not unfinished and lines and not is_json(lines[-1]):
        # The line end alone reached the disk, or what came after a kill closed the torn line.
        unfinished = lines.pop()
    notes = (f"{path.name} ends in an unfinished line, left out",) if unfinished else ()
    events: dict[str, list[Event]] = {}
    for number, line in enumerate(lines, start=1):
        event = parse_event(line, f"{path}, line {number}")
        events.setdefault(event["event"], []).append(event)
    return events, notes


def is_json(line: bytes) -> bool:
    try:
        json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return True


def parse_event(line: bytes, where: str) -> Event:
    advice = "remove the line or train again"
    if not is_json(line):
        raise UserError(f"{where}: not a JSON object in UTF-8; {advice}", EXIT_DATA)
    event = json.loads(line)
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise UserError(f'{where}: not an object with a text "event"; {advice}', EXIT_DATA)
    if not isinstance(event.get("step"), int):
        raise UserError(f'{where}: the event has no whole number "step"; {advice}', EXIT_DATA)
    return event


def numbers(events: list[Event], key: str) -> list[float]:
    """The values of one field; NaN where a value is missing or was not finite."""
    values = (event.get(key) for event in events)
    return [math.nan if value is None else float(value) for value in values]


def resolve_checkpoint(run_folder: Path, which: str) -> Path:
    """The model.safetensors that `best`, `latest`, a checkpoint folder or a file names."""
    path = pointed_checkpoint(run_folder, which) if which in ("best", "latest") else Path(which)
    if path.is_dir():
        path = path / "model.safetensors"
    if not path.is_file():
        raise UserError(
            f"the checkpoint {path} does not exist; give best, latest, a checkpoint folder or a"
            " model.safetensors",
            EXIT_CHECKPOINT,
        )
    return path


def pointed_checkpoint(run_folder: Path, pointer: str) -> Path:
    """RUN/checkpoints/best and latest are text files with the name of a checkpoint beside them."""
    path = run_folder / "checkpoints" / pointer
    try:
        return path.parent / path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UserError(
            f"cannot read {path} ({error.strerror}): the run has no such checkpoint; train it"
            " until its first evaluation or give --checkpoint PATH",
            EXIT_CHECKPOINT,
        ) from None
