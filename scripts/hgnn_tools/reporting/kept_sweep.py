"""What of a sweep is worth keeping when its run folders are not: enough to write its report again.

A kept sweep is a folder with sweep.json; curves.csv, the evaluations of every run; config.json, the
options of the runs; and runs.csv, the table of all runs. No path of the machine is in it: what
options and messages name keeps its last part.
"""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hgnn_tools.errors import EXIT_DATA, UserError
from hgnn_tools.output_folder import unfinished_folder
from hgnn_tools.reporting.curve import Curve
from hgnn_tools.reporting.kept_places import PLACES, Places
from hgnn_tools.run_folder import config_of, read_json_object

if TYPE_CHECKING:
    from hgnn_tools.reporting.sweep_folder import Sweep

CURVES, RUNS, SHARED, SWEEP = "curves.csv", "runs.csv", "config.json", "sweep.json"
COLUMNS = ("id", "step", "loss", "tokens", "training_minutes")


def keep_sweep(sweep: "Sweep", runs_csv: Callable[[Path], str], out: Path) -> Path:
    """Writes the kept sweep into `out`, whose earlier one is replaced, and returns `out`.
    `runs_csv` makes the table for readers from the folder with the rest."""
    places = Places(sweep)
    stored = read_json_object(sweep.folder / SWEEP)
    stored["sweep_file"] = Path(stored.get("sweep_file") or "").name
    with unfinished_folder(out) as unfinished:
        write_json(unfinished / SWEEP, places.without(stored))
        write_json(unfinished / SHARED, places.without(kept_options(sweep)))
        (unfinished / CURVES).write_text(curves_csv(sweep, places), encoding="utf-8")
        (unfinished / RUNS).write_text(runs_csv(unfinished), encoding="utf-8")
        for path in sorted(unfinished.iterdir()):
            path.replace(out / path.name)
    return out


def write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def kept_options(sweep: "Sweep") -> dict[str, Any]:
    """What all runs share, and what each has beside it."""
    options = {
        row.id: {key: value for key, value in row.options.items() if key not in PLACES}
        for row in sweep.rows
    }
    shared = common_options(list(options.values()))
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
    writer.writerow(COLUMNS)
    for row in sweep.rows:
        points = (row.curve.steps, row.curve.losses, row.curve.tokens, row.curve.minutes)
        run = places.text(row.id)
        writer.writerows((run, *point) for point in zip(*points, strict=True))
    return text.getvalue()


def read_kept_curves(folder: Path) -> dict[str, Curve]:
    """By the run's id; none where the folder is not a kept sweep."""
    path = folder / CURVES
    if not path.is_file():
        return {}
    points: dict[str, list[tuple[int, float, float, float]]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file, strict=True):
                numbers = (float(line[key]) for key in COLUMNS[2:])
                points.setdefault(line["id"], []).append((int(line["step"]), *numbers))
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(
            f"{path} is not what --keep writes ({error}); keep the sweep again", EXIT_DATA
        ) from None
    return {run: Curve(*zip(*found, strict=True)) for run, found in points.items()}


def read_kept_options(folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Those of all runs, and by its id what each has beside them; none where the folder is not a
    kept sweep."""
    path = folder / SHARED
    if not path.is_file():
        return {}, {}
    stored = read_json_object(path)
    return config_of(stored, folder), stored.get("rows") or {}
