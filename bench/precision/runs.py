"""Real text, and runs of hgnn_moe_train on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
import json
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
from typing import Any

from common.progress import progress

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Setting:
    """A model, its batches and how long it is trained; text of which so much is taken."""

    dim: int = 128
    layers: int = 2
    experts: int = 4
    batch: int = 16
    length: int = 128
    vocab: int = 4096
    steps: int = 200
    megabytes: int = 4
    learning_rate: float = 1e-3

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


SMALL = Setting(dim=32, layers=1, batch=4, length=32, vocab=512, steps=30, megabytes=1)


def prepare_text(setting: Setting) -> Path:
    """The sources of Python's standard library, which every such machine has; prepared once."""
    folder = REPOSITORY / "build/bench" / f"stdlib-{setting.megabytes}-{setting.vocab}"
    if (folder / "dataset.json").is_file():
        return folder
    text = folder.with_name(f"{folder.name}-text")
    shutil.rmtree(text, ignore_errors=True)
    megabytes = str(setting.megabytes)
    _script("collect_stdlib.py", "--out", str(text), "--max_megabytes", megabytes)
    parts = ["--train", str(text / "train.jsonl"), "--eval", str(text / "eval.jsonl")]
    tokenizer = ["--mode", "documents", "--tokenizer", f"train:{setting.vocab}"]
    _script("prepare_data.py", *parts, *tokenizer, "--out", str(folder))
    return folder


def train(
    program: Path, setting: Setting, data: Path, precision: str, seed: int, threads: int
) -> dict[str, Any]:
    """The losses of one run."""
    progress(f"{precision}, seed {seed}: {setting.steps} steps")
    options = {
        "coupler_type": "HGNN",
        "embed_dim": setting.dim,
        "num_layers": setting.layers,
        "num_experts": setting.experts,
        "dropout_rate": 0.1,
        "max_seq_length": setting.length,
        "batch_size": setting.batch,
        "sample_mode": "packed",
        "learning_rate": setting.learning_rate,
        "warmup_steps": setting.steps // 10,
        "max_steps": setting.steps,
        "eval_every": 0,
        "num_eval_samples": 8 * setting.batch,
        "precision": precision,
        "seed": seed,
        "threads": threads,
        "device": "cpu",
        "dataset_name": data,
        "run_name": "run",
    }
    with tempfile.TemporaryDirectory(prefix="hgnn_moe_precision-") as folder:
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command = [str(program), *words, "--checkpoint_dir", folder, "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        lines = (Path(folder) / "run/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    losses = [round(event["loss"], 5) for event in events if event["event"] == "step"]
    (eval_loss,) = [event["loss"] for event in events if event["event"] == "eval"]
    return {"seed": seed, "loss": losses, "eval_loss": round(eval_loss, 5)}


def _script(name: str, *arguments: str) -> None:
    command = [sys.executable, str(REPOSITORY / "scripts" / name), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
