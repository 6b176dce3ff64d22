"""RUN/ablation: the loss without each part of a model, and what that part is worth."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hgnn_tools.errors import EXIT_DATA, UserError
from hgnn_tools.run_folder import read_json_object
from hgnn_tools.seed_statistics import Interval, around

WHOLE = "nothing"
HOW_TO = (
    "run hgnn_moe_train with the options of {run}, its --run_name too, and --eval_only --ablate"
    " --resume_checkpoint auto"
)


@dataclass(frozen=True)
class Removal:
    name: str  # nothing, coupler, expert-0, hyperedge-2
    removed: str  # in words
    loss: float | None
    losses: np.ndarray  # [samples, places], NaN where there is no target


@dataclass(frozen=True)
class Ablation:
    step: int | None
    whole: Removal
    removals: tuple[Removal, ...]  # of one part each


@dataclass(frozen=True)
class Effect:
    """Of removing a part on the mean loss of some targets."""

    targets: int
    loss: float
    difference: float
    interval: Interval | None  # 95 %, over samples; None with one sample


def ablation_path(run_folder: Path) -> Path:
    return run_folder / "ablation" / "ablation.json"


def reason_for_no_ablation(run_folder: Path) -> str | None:
    if ablation_path(run_folder).is_file():
        return None
    return f"{ablation_path(run_folder)} does not exist; {HOW_TO.format(run=run_folder)}"


def read_ablation(run_folder: Path) -> Ablation:
    path = ablation_path(run_folder)
    stored = read_json_object(path)
    rows = stored.get("rows")
    if not isinstance(rows, list) or not rows:
        raise damaged(run_folder, f"{path} has no rows")
    removals = [read_removal(run_folder, row) for row in rows]
    whole = [one for one in removals if one.name == WHOLE]
    if len(whole) != 1:
        raise damaged(run_folder, f'{path} has no single row "{WHOLE}"')
    for one in removals:
        if not np.array_equal(np.isnan(one.losses), np.isnan(whole[0].losses)):
            raise damaged(run_folder, f"{path}: {one.name} has other targets than {WHOLE}")
    others = tuple(one for one in removals if one.name != WHOLE)
    return Ablation(stored.get("step"), whole[0], others)


def read_removal(run_folder: Path, row: Any) -> Removal:
    path = ablation_path(run_folder)
    if not isinstance(row, dict) or not all(isinstance(row.get(k), str) for k in ("name", "file")):
        raise damaged(run_folder, f'{path} has a row without "name" or "file"')
    losses_path = path.parent / row["file"]
    try:
        losses = np.load(losses_path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise damaged(run_folder, f"cannot read {losses_path} ({error})") from None
    if losses.ndim != 2 or losses.dtype.kind != "f":
        raise damaged(run_folder, f"{losses_path} is no matrix of losses")
    removed = str(row.get("removed") or row["name"])
    return Removal(row["name"], removed, row.get("loss"), losses)


def damaged(run_folder: Path, what: str) -> UserError:
    return UserError(f"{what}; {HOW_TO.format(run=run_folder)}", EXIT_DATA)


def effect_of(removal: Removal, whole: Removal, mask: np.ndarray) -> Effect | None:
    """Over the targets where `mask` [samples, places] is true; None where there is none.

    Losses of one text depend on each other, so the interval takes samples, not targets, as
    independent: the difference is a ratio of two sums over samples, its variance that of the
    residuals (Cochran 1977, 6.3).
    """
    counts = mask.sum(axis=1)
    targets = int(counts.sum())
    if not targets:
        return None
    ours = np.where(mask, removal.losses, 0.0).sum(axis=1, dtype=np.float64)
    theirs = np.where(mask, whole.losses, 0.0).sum(axis=1, dtype=np.float64)
    difference = float((ours - theirs).sum() / targets)
    used = counts > 0
    samples = int(used.sum())
    interval = None
    if samples > 1:
        residuals = (ours - theirs - difference * counts)[used]
        error = math.sqrt(samples / (samples - 1) * float((residuals**2).sum())) / targets
        interval = around(difference, error, samples - 1)
    return Effect(targets, float(ours.sum() / targets), difference, interval)
