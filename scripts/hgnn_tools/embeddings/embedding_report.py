"""The report that hgt_embed validate --json writes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgnn_tools.errors import EXIT_DATA, UserError

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Histogram:
    """Equal bins; counts are those of nodes or of pairs."""

    low: float
    high: float
    counts: list[int]

    def shares(self) -> list[float]:
        total = sum(self.counts)
        return [count / total if total else 0.0 for count in self.counts]

    def centres(self) -> list[float]:
        width = (self.high - self.low) / len(self.counts)
        return [self.low + (index + 0.5) * width for index in range(len(self.counts))]


@dataclass(frozen=True)
class TypeReport:
    name: str
    nodes: int
    grade: str
    is_judged: bool
    norms: Histogram
    cosines: Histogram
    variances: list[float]  # of its principal components, descending
    components_90: int
    effective_rank: float
    x: list[float]  # of some of its nodes, on the components of all
    y: list[float]

    @property
    def verdict(self) -> str:
        return self.grade if self.is_judged or self.grade != "good" else "too few to judge"


@dataclass(frozen=True)
class EmbeddingReport:
    embeddings: str
    verdict: str
    nodes: int
    width: int
    axis_shares: list[float]
    types: list[TypeReport]

    def title(self) -> str:
        return (
            f"{self.embeddings}: {self.nodes} nodes of {len(self.types)} types with"
            f" {self.width} numbers each\nverdict: {self.verdict}"
        )


def read_report(path: Path) -> EmbeddingReport:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); check the path", EXIT_DATA) from None
    except ValueError as error:
        raise UserError(
            f"{path} is not JSON ({error}); write it with hgt_embed validate --json", EXIT_DATA
        ) from None
    version = content.get("format_version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise UserError(
            f"{path} is no report of format {FORMAT_VERSION} (format_version {version!r}); write it"
            " with hgt_embed validate --json",
            EXIT_DATA,
        )
    try:
        return parse_report(content)
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} is no whole report ({type(error).__name__}: {error}); write it again",
            EXIT_DATA,
        ) from None


def parse_report(content: dict[str, Any]) -> EmbeddingReport:
    return EmbeddingReport(
        embeddings=Path(content["embeddings"]).name,
        verdict=content["verdict"],
        nodes=content["nodes"],
        width=content["width"],
        axis_shares=content["axis_shares"],
        types=[parse_type(entry) for entry in content["types"]],
    )


def parse_type(entry: dict[str, Any]) -> TypeReport:
    spectrum, verdict, points = entry["spectrum"], entry["verdict"], entry["points"]
    return TypeReport(
        name=entry["name"],
        nodes=entry["nodes"],
        grade=verdict["grade"],
        is_judged=verdict["judged"],
        norms=Histogram(**entry["norm_histogram"]),
        cosines=Histogram(**entry["cosine_histogram"]),
        variances=spectrum["variances"],
        components_90=spectrum["components_90"],
        effective_rank=spectrum["effective_rank"],
        x=points["x"],
        y=points["y"],
    )
