"""What a sweep left in its folder: sweep.json, and the run folder of each row."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hgnn_tools.errors import EXIT_DATA, UserError
from hgnn_tools.reporting.curve import Curve
from hgnn_tools.reporting.kept_sweep import (
    CURVES,
    IS_TIMED,
    TIMES,
    common_options,
    read_kept_curves,
    read_kept_options,
)
from hgnn_tools.reporting.matched_options import chosen_options
from hgnn_tools.reporting.sweep_checks import STATUSES, check_sweep
from hgnn_tools.run_folder import Run, check_folder, read_json_object, read_run

CONFIG = "config.json"
LACKS_FOLDER = "its run folder is missing"
AGAIN = "remove it and run the sweep again, which writes it anew and keeps what is done"
KEEP_AGAIN = "keep the sweep again with --keep"
# What a question may ask of a row beside its options.
ROW_FIELDS = ("seed", "group", "name")


@dataclass(frozen=True)
class Row:
    """One run of a sweep, as sweep.json has it."""

    id: str
    status: str
    seed: int
    settings: dict[str, Any]  # of the varied options
    group: str | None = None
    name: str | None = None
    hash: str | None = None
    commit: str | None = None  # of the program that ended it
    reason: str | None = None
    message: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    graph: str | None = None
    graph_note: str | None = None
    notes: list[str] = field(default_factory=list)
    parameters: dict[str, int] | None = None
    steps: int | None = None
    tokens: int | None = None
    needed_flops: float | None = None
    best_eval_loss: float | None = None
    final_eval_loss: float | None = None
    measured: dict[str, float] | None = None
    recorded_mode: str | None = None  # data_mode of its entry, which older sweeps lack
    run: Run | None = None  # None where it left no folder
    lacks: str | None = None  # why it has no run
    kept_curve: Curve = Curve()  # where the sweep was kept without folders
    options: dict[str, Any] = field(default_factory=dict)  # what is known of its configuration
    chosen: dict[str, Any] = field(default_factory=dict)  # set by match_time: the plan's
    has_times: bool = True  # False: what it took means nothing
    record: dict[str, Any] = field(default_factory=dict)  # its entry in sweep.json

    @property
    def is_done(self) -> bool:
        return self.status == "done"

    @property
    def data_mode(self) -> str:
        """real, synthetic, or unknown where nothing that is left tells it."""
        if self.run is not None:
            return "synthetic" if self.run.is_synthetic else "real"
        synthetic = self.value_of("synthetic_data")
        if synthetic is None:
            return self.recorded_mode or "unknown"
        return "synthetic" if synthetic or self.recorded_mode == "synthetic" else "real"

    def measurement(self, key: str) -> float | None:
        if key in TIMES and not self.has_times:
            return None
        return (self.measured or {}).get(key)

    def value_of(self, option: str) -> Any:
        """Of a varied option, of the row itself, or of an option that all rows share."""
        if option in self.settings:
            return self.settings[option]
        if option in ROW_FIELDS:
            return getattr(self, option)
        return self.options.get(option)

    @cached_property
    def curve(self) -> Curve:
        curve = Curve.of(self.run) if self.run else self.kept_curve
        return curve if self.has_times else replace(curve, minutes=())


@dataclass(frozen=True)
class Sweep:
    folders: tuple[Path, ...]  # one, or those of its parts
    head: dict[str, Any]  # sweep.json without its rows
    name: str
    description: str
    commit: str | None
    varied: tuple[str, ...]
    questions: tuple[dict[str, Any], ...]
    expected: tuple[dict[str, Any], ...]
    left_out: tuple[dict[str, Any], ...]
    rows: tuple[Row, ...]

    def count(self, status: str) -> int:
        return sum(row.status == status for row in self.rows)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What the reader should know about the files."""
        return tuple(note for row in self.rows for note in notes_on(row))

    @property
    def has_times(self) -> bool:
        return all(row.has_times for row in self.rows)

    @property
    def is_unfinished(self) -> bool:
        return any(row.status not in ("done", "failed") for row in self.rows)

    @property
    def synthetic_rows(self) -> int:
        return sum(row.data_mode == "synthetic" for row in self.rows)


def is_sweep_folder(folder: Path) -> bool:
    return (folder / "sweep.json").is_file()


def read_sweep(folder: Path) -> Sweep:
    check_folder(folder, "sweep")
    path = folder / "sweep.json"
    if not path.is_file():
        raise UserError(
            f"{folder} has no sweep.json, so it is not the folder of a sweep; give"
            " checkpoint_dir/NAME of a hgnn_moe_train --sweep",
            EXIT_DATA,
        )
    advice = KEEP_AGAIN if (folder / CURVES).is_file() else AGAIN
    stored = read_json_object(path, advice)
    check_sweep(stored, path, advice)
    rows = tuple(read_row(folder, value) for value in stored["rows"])
    varied = tuple(stored.get("varied") or ())
    # A row that has not begun has no configuration of its own yet.
    rows = tuple(with_kept(rows, varied, folder))
    sweep = Sweep(
        folders=(folder,),
        head={key: value for key, value in stored.items() if key != "rows"},
        name=str(stored.get("name") or folder.resolve().name),
        description=str(stored.get("description") or ""),
        commit=stored.get("commit"),
        varied=varied,
        questions=tuple(stored.get("questions") or ()),
        expected=tuple(stored.get("expected") or ()),
        left_out=tuple(stored.get("left_out") or ()),
        rows=rows,
    )
    return sweep if stored.get(IS_TIMED) is not False else without_times(sweep)


def without_times(sweep: Sweep) -> Sweep:
    """As if no clock had been read: for runs beside other work, which takes their cores."""
    return replace(sweep, rows=tuple(replace(row, has_times=False) for row in sweep.rows))


def with_kept(rows: tuple[Row, ...], varied: tuple[str, ...], folder: Path) -> Iterator[Row]:
    """The rows with their options, and curves that were kept where their folders were not. Of a row
    without a folder its settings are known, and what all others share: of a varied option that they
    happen to share nothing follows for it."""
    shared, own = read_kept_options(folder)
    curves = read_kept_curves(folder)
    shared = common_options([row.run.config for row in rows if row.run]) or shared
    shared = {key: value for key, value in shared.items() if key not in varied}
    for row in rows:
        options = row.run.config if row.run else {**shared, **own.get(row.id, {}), **row.settings}
        yield replace(row, options=options, kept_curve=curves.get(row.id, Curve()))


KNOWN = {one.name for one in fields(Row)} - {
    *("run", "kept_curve", "options", "chosen", "has_times", "record", "recorded_mode", "lacks")
}


def read_row(folder: Path, value: dict[str, Any]) -> Row:
    """`value` has the types that check_sweep() holds it to."""
    run_folder = folder / value["id"]
    lacks = None
    if not (run_folder / CONFIG).is_file():
        lacks = f"its run folder has no {CONFIG}" if run_folder.is_dir() else LACKS_FOLDER
    known = {key: one for key, one in value.items() if key in KNOWN and one is not None}
    return Row(
        **known,
        run=None if lacks else read_run(run_folder),
        lacks=lacks,
        recorded_mode=value.get("data_mode"),
        chosen=chosen_options(known.get("notes", []), known["settings"]),
        record=value,
    )


def notes_on(row: Row) -> list[str]:
    """Files that are missing, torn, or contradict sweep.json."""
    if not row.is_done:
        return []
    notes = [f"{row.id}: {note}" for note in row.run.notes] if row.run else []
    if not row.curve.losses:
        missing = row.lacks or "metrics.jsonl has no evaluation"
        return [*notes, f"{row.id}: {missing}, so it has no curve"]
    best = min(row.curve.losses)
    if row.best_eval_loss is not None and not math.isclose(best, row.best_eval_loss):
        file = "metrics.jsonl" if row.run else CURVES
        notes.append(
            f"{row.id}: sweep.json has the best loss {row.best_eval_loss}, {file} {best};"
            " the tables show the former"
        )
    return notes
