"""What of a sweep is worth keeping when its run folders are not: enough to write its report again.

A kept sweep is a folder with sweep.json; curves.csv, the evaluations of every run; config.json, the
options of the runs; and runs.csv, the table of all runs. No path of the machine is in it: what
options and messages name keeps its last part.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.output_folder import is_vacant, unfinished_folder
from hgnn_tools.reporting.curve import Curve
from hgnn_tools.reporting.kept_places import PLACES, Places
from hgnn_tools.run_folder import config_of, read_json_object

if TYPE_CHECKING:
    from hgnn_tools.reporting.sweep_folder import Sweep

CURVES, RUNS, SHARED, SWEEP = "curves.csv", "runs.csv", "config.json", "sweep.json"
IS_TIMED = "times"  # of sweep.json; only a kept one has it
COLUMNS = ("id", "step", "loss", "tokens")
MINUTES = "training_minutes"  # one more column, where times are kept
# What a row says of the machine's clock; its memory is the same on a busy one.
TIMES = ("seconds", "train_seconds", "tokens_per_s", "needed_flops_per_s")


def keep_sweep(sweep: "Sweep", runs_csv: Callable[[Path], str], out: Path) -> Path:
    """Writes the kept sweep into `out`, whose earlier one is replaced, and returns `out`.
    `runs_csv` makes the table for readers from the folder with the rest."""
    check_replaceable(out)
    places = Places(sweep)
    with unfinished_folder(out, "--keep") as unfinished:
        write_json(unfinished / SWEEP, places.without(kept_table(sweep)))
        write_json(unfinished / SHARED, places.without(kept_options(sweep)))
        (unfinished / CURVES).write_text(curves_csv(sweep, places), encoding="utf-8")
        (unfinished / RUNS).write_text(runs_csv(unfinished), encoding="utf-8")
        # sweep.json comes last: until then `out` says what it said before, whatever ends this.
        for path in sorted(unfinished.iterdir()):
            path.replace(out / path.name)
    return out


def check_replaceable(out: Path) -> None:
    """A kept sweep may be written again. The folder of a sweep itself has a sweep.json too, whose
    rows belong to the runs beside it."""
    if is_vacant(out) or out.is_file():
        return
    table = out / SWEEP
    if not (table.is_file() and IS_TIMED in read_json_object(table)):
        raise UserError(
            f"--keep {out} holds other files and is no kept sweep; give an empty folder, a new one"
            " or one that --keep wrote",
            EXIT_USAGE,
        )


def write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def kept_table(sweep: "Sweep") -> dict[str, Any]:
    """sweep.json again, of all parts, with `times`: whether its times mean anything."""
    rows = [row.record for row in sweep.rows]
    if not sweep.has_times:
        rows = [{**row, "measured": untimed(row.get("measured") or {})} for row in rows]
    return {
        **sweep.head,
        "sweep_file": Path(sweep.head.get("sweep_file") or "").name,
        "commit": sweep.commit,
        "left_out": list(sweep.left_out),
        IS_TIMED: sweep.has_times,
        "rows": rows,
    }


def untimed(measured: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in measured.items() if key not in TIMES}


def kept_options(sweep: "Sweep") -> dict[str, Any]:
    """What all runs share, and what each has beside it, in an order that does not depend on where
    the options come from. A varied option is each run's own, though few runs may have one value."""
    options = {
        row.id: {key: value for key, value in sorted(row.options.items()) if key not in PLACES}
        for row in sweep.rows
    }
    shared = {
        key: value
        for key, value in common_options(list(options.values())).items()
        if key not in sweep.varied
    }
    own = {
        run: {key: value for key, value in config.items() if key not in shared}
        for run, config in options.items()
    }
    return {"config": shared, "rows": own}


def common_options(configs: list[dict[str, Any]]) -> dict[str, Any]:
    """Those that are equal in all of them."""
    first, *others = configs or [{}]
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def curves_csv(sweep: "Sweep", places: Places) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    timed = sweep.has_times
    writer.writerow((*COLUMNS, MINUTES) if timed else COLUMNS)
    for row in sweep.rows:
        points = [row.curve.steps, row.curve.losses, row.curve.tokens]
        points += [row.curve.minutes] if timed else []
        run = places.text(row.id)
        writer.writerows((run, *point) for point in zip(*points, strict=True))
    return text.getvalue()


def read_kept_curves(folder: Path) -> dict[str, Curve]:
    """By the run's id; none where the folder is not a kept sweep."""
    path = folder / CURVES
    if not path.is_file():
        return {}
    points: dict[str, list[tuple[float, ...]]] = {}
    lines = None
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file, strict=True)
            check_header(lines.fieldnames)
            keys = [*COLUMNS[2:], *(key for key in lines.fieldnames or () if key == MINUTES)]
            for line in lines:
                cells = [cell_of(line, key) for key in ("step", *keys)]
                step, *numbers = map(float, cells)
                points.setdefault(line["id"], []).append((int(step), *numbers))
    except (ValueError, csv.Error) as error:
        where = f", line {lines.line_num}" if lines else ""
        raise UserError(
            f"{path}{where} is not what --keep writes ({error}); keep the sweep again", EXIT_DATA
        ) from None
    return {run: Curve(*zip(*found, strict=True)) for run, found in points.items()}


def check_header(found: Sequence[str] | None) -> None:
    missing = [key for key in COLUMNS if key not in (found or ())]
    if missing:
        raise ValueError(f"it has no column {', '.join(missing)}")


def cell_of(line: dict[str, str | None], key: str) -> str:
    """A line that was cut off lacks the last of them."""
    cell = line[key]
    if cell is None:
        raise ValueError(f"it has no {key}")
    return cell


def read_kept_options(folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Those of all runs, and by its id what each has beside them; none where the folder is not a
    kept sweep."""
    path = folder / SHARED
    if not path.is_file():
        return {}, {}
    stored = read_json_object(path)
    return config_of(stored, folder), stored.get("rows") or {}
