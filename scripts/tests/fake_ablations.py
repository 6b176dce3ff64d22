"""Prepared text, and the ablation of a run on it, made up for the tests of analyze_run.py."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import support  # noqa: F401  (the path)
from fake_runs import FakeRun

from hgnn_tools.indexed_dataset import IndexedWriter
from hgnn_tools.prepared_data import target_pairs
from hgnn_tools.tokenizing import prepare_tokenizer

LENGTH = 24
WORDS = ("the", "graph", "mixes", "experts", "and", "hyperedges", "weigh", "tokens", "unseen")
END_OF_TEXT = "<|endoftext|>"


def sentences(count: int, seed: int, fall: float) -> list[str]:
    """6 to 29 words a line, frequent and rare ones as steeply as they `fall`."""
    draw = np.random.default_rng(seed)
    shares = 1 / np.arange(1, len(WORDS) + 1) ** fall
    return [
        " ".join(draw.choice(WORDS, size=6 + line % 24, p=shares / shares.sum()))
        for line in range(count)
    ]


def write_data(folder: Path) -> Path:
    folder.mkdir(parents=True)
    train, evaluation = sentences(200, seed=1, fall=1.5), sentences(40, seed=2, fall=0.3)
    prepared = prepare_tokenizer("train:270", END_OF_TEXT, lambda: iter(train))
    (folder / "tokenizer.json").write_text(prepared.to_json(), encoding="utf-8")
    for split, lines in (("train", train), ("eval", evaluation)):
        with IndexedWriter(folder / split, prepared.vocab_size) as writer:
            for line in lines:
                writer.add_tokens(prepared.tokenizer.encode(line).ids)
                writer.end_document()
            writer.finish()
    ids = {"vocab_size": prepared.vocab_size, "end_of_text_id": prepared.end_of_text_id}
    (folder / "dataset.json").write_text(json.dumps(ids))
    return folder


def write_run(folder: Path, data: Path, fake: FakeRun, sample_mode: str = "lines") -> Path:
    """A run on that data."""
    options = {"sample_mode": sample_mode, "max_seq_length": LENGTH, "num_eval_samples": -1}
    replace(fake, options=fake.options | options).write(folder)
    config = json.loads((folder / "config.json").read_text())
    config["data_folder"] = str(data)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def has_target(data: Path, sample_mode: str) -> np.ndarray:
    """[samples, places] of the evaluation, as dump_token_losses lays them out."""
    end_of_text_id = json.loads((data / "dataset.json").read_text())["end_of_text_id"]
    targets = target_pairs(data, "eval", sample_mode, LENGTH, end_of_text_id).targets.size
    if sample_mode == "packed":
        return np.ones((targets // LENGTH, LENGTH), dtype=bool)
    lengths = document_lengths(data)
    return np.arange(LENGTH - 1) < np.minimum(lengths, LENGTH)[:, None] - 1


def document_lengths(data: Path) -> np.ndarray:
    from hgnn_tools.indexed_dataset import read_indexed

    return read_indexed(data / "eval").sizes.astype(np.int64)


def write_ablation(run: Path, mask: np.ndarray, parts: dict[str, float]) -> None:
    """`parts`: what removing each adds to the loss of a target, on average."""
    folder = run / "ablation"
    folder.mkdir()
    rng = np.random.default_rng(0)
    whole = np.where(mask, rng.gamma(4.0, 1.0, mask.shape), np.nan)
    rows = [write_part(folder, "nothing", whole)]
    for name, added in parts.items():
        noise = rng.normal(added, 0.3, mask.shape) * (1 + np.arange(mask.shape[1]) / 10)
        rows.append(write_part(folder, name, whole + noise))
    stored: dict[str, Any] = {"checkpoint": "checkpoints/step-00000100", "step": 100, "rows": rows}
    (folder / "ablation.json").write_text(json.dumps(stored))


def write_part(folder: Path, name: str, losses: np.ndarray) -> dict[str, Any]:
    np.save(folder / f"{name}.npy", losses.astype(np.float32))
    mean = float(np.nanmean(losses))
    return {
        "name": name,
        "removed": f"the {name.replace('-', ' ')}" if name != "nothing" else name,
        "loss": mean,
        "perplexity": float(np.exp(mean)),
        "tokens": int((~np.isnan(losses)).sum()),
        "file": f"{name}.npy",
    }
