"""What hgt_embed compare writes: compare.json, and curves.csv beside it."""

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgnn_tools.errors import EXIT_DATA, UserError

FORMAT_VERSION = 1
# Of the figures that may decide.
TITLES = {"mrr": "test MRR", "auprc": "AUPRC of the relation"}


@dataclass(frozen=True)
class Curve:
    """Of a run, an entry an epoch."""

    loss: list[float]  # mean over the steps
    seconds: list[float]  # of training at its end


@dataclass(frozen=True)
class Variant:
    name: str
    quality: list[float]  # of the runs that are done
    curves: list[Curve]  # of the runs that made a step


@dataclass(frozen=True)
class Comparison:
    kind: str
    quality: str  # the title of the figure that decides
    relation: str | None
    why: str
    variants: list[Variant]


def read_comparison(path: Path) -> Comparison:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); check the path", EXIT_DATA) from None
    except ValueError as error:
        raise UserError(
            f"{path} is not JSON ({error}); write it with hgt_embed compare", EXIT_DATA
        ) from None
    version = content.get("format_version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION or "variants" not in content:
        raise UserError(
            f"{path} is no comparison of format {FORMAT_VERSION} (format_version {version!r}); write"
            " it with hgt_embed compare",
            EXIT_DATA,
        )
    curves = read_curves(path.parent / "curves.csv")
    try:
        return parse_comparison(content, curves)
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} is no whole comparison ({type(error).__name__}: {error}); write it again",
            EXIT_DATA,
        ) from None


def parse_comparison(content: dict[str, Any], curves: dict[str, list[Curve]]) -> Comparison:
    quality = content["quality"]
    return Comparison(
        kind=content["compare"],
        quality=TITLES[quality],
        relation=content["relation"],
        why=content["why"],
        variants=[
            Variant(
                name=variant["name"],
                quality=[
                    run["figures"][quality]
                    for run in content["runs"]
                    if run["variant"] == variant["name"] and quality in run["figures"]
                ],
                curves=curves.get(variant["name"], []),
            )
            for variant in content["variants"]
        ],
    )


def read_curves(path: Path) -> dict[str, list[Curve]]:
    """Of each variant that made a step, its runs in the order of the file."""
    steps: dict[tuple[str, str], dict[int, list[tuple[float, float]]]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                run = steps.setdefault((row["variant"], row["seed"]), defaultdict(list))
                run[int(row["epoch"])].append((float(row["loss"]), float(row["seconds"])))
    except OSError as error:
        raise UserError(
            f"cannot read {path} ({error.strerror}); it lies beside compare.json", EXIT_DATA
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is no table of curves ({type(error).__name__}: {error}); write it again with"
            " hgt_embed compare",
            EXIT_DATA,
        ) from None
    curves: dict[str, list[Curve]] = defaultdict(list)
    for (variant, _), epochs in steps.items():
        curves[variant].append(curve_of(epochs))
    return curves


def curve_of(epochs: dict[int, list[tuple[float, float]]]) -> Curve:
    ordered = [epochs[epoch] for epoch in sorted(epochs)]
    return Curve(
        loss=[sum(loss for loss, _ in steps) / len(steps) for steps in ordered],
        seconds=[steps[-1][1] for steps in ordered],
    )
