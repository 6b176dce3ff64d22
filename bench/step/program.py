"""One run of hgnn_moe_train as a child: its steps, start-up and peak memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import json
from pathlib import Path
import re
import shutil
from statistics import mean
import subprocess
import tempfile
import time
from typing import Any

from step.case import LEARNING_RATE, Case

POLL_S = 0.01
MORE_THAN_ENOUGH = 1_000_000  # epochs: a run is ended from here
# What the program says in train.log as soon as it knows; its summary has it too, but at its end.
STARTUP = re.compile(r"first step after ([0-9.]+) s")


class ProgramFailed(RuntimeError):
    """The program ended before its steps were done; `exit_code` is none where it ran on."""

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class ProgramSteps:
    events: list[Mapping[str, Any]] = field(repr=False)  # of metrics.jsonl, one a step
    first_step_s: float  # from the start of the process to the end of its first step
    startup_s: float  # from the start of the process to the start of its first step
    peak_bytes: int
    # Of a GPU: the share of the time of steps after those that warm up, and whether these were
    # captured.
    gpu_utilisation: float | None = None
    captured: bool = False

    @property
    def step_ms(self) -> list[float]:
        """By the wall clock, as peers are timed: a GPU's own times know nothing between steps."""
        return [1e3 * event["tokens"] / event["tokens_per_s"] for event in self.events]

    def mean_ms(self, warm_up: int) -> float:
        """Of the steps after those that warm up."""
        return mean(self.step_ms[warm_up:])


@dataclass(frozen=True)
class Program:
    """hgnn_moe_train on weights and data that others train on too."""

    path: Path
    device: str  # cpu or cuda
    threads: int

    def steps(
        self,
        case: Case,
        precision: str,
        dropout: float,
        init: Path,
        data: Path,
        count: int,
        rate: float = LEARNING_RATE,
    ) -> ProgramSteps:
        """The first `count` steps from the weights `init` on the batches of `data`, in order.

        The run is killed as soon as they are in metrics.jsonl: at its end it would evaluate and
        write a checkpoint of 12 bytes a parameter. On a GPU it comes to its end, because only its
        summary knows the peak of the GPU's memory. Raises ProgramFailed.
        """
        folder = Path(tempfile.mkdtemp(prefix="hgnn_moe_step-"))
        try:
            words = self._words(case, precision, dropout, rate, init, data, folder)
            if self.device == "cuda":
                words += ["--max_steps", str(count)]
            return self._run(words, folder, count)
        finally:
            shutil.rmtree(folder)

    def _words(
        self,
        case: Case,
        precision: str,
        dropout: float,
        rate: float,
        init: Path,
        data: Path,
        folder: Path,
    ) -> list[str]:
        options = {
            "coupler_type": case.coupler,
            "num_experts": case.experts,
            "embed_dim": case.dim,
            "num_layers": case.layers,
            "gnn_layers": case.gnn_layers,
            "num_heads": case.heads,
            "max_seq_length": case.length,
            "batch_size": case.batch,
            "dropout_rate": dropout,
            "precision": precision,
            "learning_rate": rate,
            "lr_schedule": "constant",
            "epochs": MORE_THAN_ENOUGH,
            "eval_every": 0,
            "dataset_name": data,
            "init_from": init,
            "checkpoint_dir": folder,
            "run_name": "run",
            "device": self.device,
            "threads": self.threads,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return [str(self.path), *words, "--no_shuffle", "--quiet"]

    def _run(self, words: list[str], folder: Path, count: int) -> ProgramSteps:
        metrics, errors = folder / "run" / "metrics.jsonl", folder / "errors"
        first_step_s, on_cpu = None, self.device == "cpu"
        with errors.open("wb") as stderr:
            start = time.perf_counter()
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=stderr)
            try:
                while True:
                    ended = process.poll() is not None
                    events = read_steps(metrics)
                    if events and first_step_s is None:
                        first_step_s = time.perf_counter() - start
                    if len(events) >= count and (process.returncode == 0 or on_cpu):
                        break
                    if ended:
                        text = errors.read_text(encoding="utf-8", errors="replace").strip()
                        message = f"{self.path.name} ended early: {text or words}"
                        raise ProgramFailed(message, process.returncode)
                    time.sleep(POLL_S)
                at_end = {} if on_cpu else of_gpu(folder / "run")
                peak = peak_bytes(process.pid) if on_cpu else at_end.pop("peak_bytes")
            finally:
                process.kill()
                process.wait()
        log = (folder / "run" / "train.log").read_text(encoding="utf-8")
        start = startup_seconds(log)
        return ProgramSteps(events[:count], first_step_s or 0.0, start, peak, **at_end)


def of_gpu(run: Path) -> dict[str, Any]:
    """What the summary of a run that came to its end says of the GPU."""
    summary = json.loads((run / "run_summary.json").read_text(encoding="utf-8"))
    return {
        "peak_bytes": summary["peak_memory_bytes"],
        "gpu_utilisation": summary["gpu_utilisation"],
        "captured": summary["cuda_graphs"] is not None,
    }


def startup_seconds(log: str) -> float:
    """What train.log says of it."""
    found = STARTUP.search(log)
    if found is None:
        raise ProgramFailed("train.log does not say when the first step began")
    return float(found.group(1))


def read_steps(metrics: Path) -> list[dict[str, Any]]:
    """Step events on complete lines; none before the file is there."""
    if not metrics.is_file():
        return []
    lines = metrics.read_text(encoding="utf-8").split("\n")[:-1]
    return [event for event in map(json.loads, lines) if event["event"] == "step"]


def peak_bytes(pid: int | str) -> int:
    """VmHWM. Not getrusage's maximum: after fork and exec that begins with the parent's."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024
