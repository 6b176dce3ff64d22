"""Reports as hgt_embed validate --json writes them, of embeddings made here."""

import json
from pathlib import Path
from typing import Any

import numpy as np

PLACES = {"drug": (40, 3.0), "gene": (120, 0.0), "disease": (12, -3.0)}
WIDTH = 8
BINS = 10


def fake_report() -> dict[str, Any]:
    generator = np.random.default_rng(7)
    types = [
        fake_type(name, generator.standard_normal((nodes, WIDTH)) + offset)
        for name, (nodes, offset) in PLACES.items()
    ]
    return {
        "format_version": 1,
        "embeddings": "folder/embeddings.safetensors",
        "verdict": "good",
        "nodes": sum(nodes for nodes, _ in PLACES.values()),
        "width": WIDTH,
        "axis_shares": [0.6, 0.1],
        "types": types,
    }


def fake_type(name: str, rows: np.ndarray) -> dict[str, Any]:
    variances = np.linalg.eigvalsh(np.cov(rows.T))[::-1]
    norms = np.linalg.norm(rows, axis=1)
    unit = rows / norms[:, None]
    cosines = (unit @ unit.T)[np.triu_indices(len(rows), 1)]
    return {
        "name": name,
        "nodes": len(rows),
        "verdict": {"grade": "good", "judged": True, "findings": []},
        "spectrum": {
            "variances": variances.tolist(),
            "components_90": int(np.searchsorted(np.cumsum(variances) / variances.sum(), 0.9)) + 1,
            "effective_rank": 7.5,
        },
        "norm_histogram": fake_histogram(norms, norms.min(), norms.max()),
        "cosine_histogram": fake_histogram(cosines, -1.0, 1.0),
        "points": {"x": rows[:, 0].tolist(), "y": rows[:, 1].tolist()},
    }


def fake_histogram(values: np.ndarray, low: float, high: float) -> dict[str, Any]:
    counts, _ = np.histogram(values, bins=BINS, range=(low, high))
    return {"low": float(low), "high": float(high), "counts": counts.tolist()}


def write_report(path: Path, report: dict[str, Any]) -> Path:
    path.write_text(json.dumps(report), encoding="utf-8")
    return path
