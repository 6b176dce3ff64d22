"""Sweep folders as hgnn_moe_train --sweep leaves them, made up for the tests of the reports.

`python3 scripts/tests/fake_sweeps.py FOLDER` writes one of each kind, to be reported and looked at.
"""

import hashlib
import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fake_runs import FakeRun

VOCABULARY, LENGTH, LAYERS = 4096, 128, 2
TOKENS_A_STEP = 4096


@dataclass(frozen=True)
class FakeRow:
    """One run: its varied options, how it goes and what the sweep says of it."""

    settings: dict[str, Any]
    seed: int = 1
    status: str = "done"
    reason: str | None = None
    message: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    graph: str = "active"
    graph_note: str | None = None
    notes: tuple[str, ...] = ()
    group: str = ""
    name: str | None = None
    loss_shift: float = 0.0
    milliseconds: float = 600.0
    steps: int = 120
    commit: str | None = "0123abc"
    writes: str = "all"  # or "nothing" of its folder, or "config" alone, or "torn" metrics
    synthetic: bool = False

    @property
    def hash(self) -> str:
        text = json.dumps([self.settings, self.seed, self.synthetic, self.steps], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def id(self) -> str:
        odd = re.compile("[^A-Za-z0-9.+-]")
        parts = [f"{key}-{odd.sub('-', str(value))}" for key, value in self.settings.items()]
        return "_".join([*parts, f"seed-{self.seed}", self.hash[:8]])

    @property
    def run(self) -> FakeRun:
        return FakeRun(
            coupler=self.settings.get("coupler_type", "HGNN"),
            experts=self.settings.get("num_experts", 4),
            layers=LAYERS,
            steps=self.steps,
            diverges_at=self.steps // 2 if self.reason == "diverged" else None,
            seed=self.seed,
            loss_shift=self.loss_shift,
            milliseconds=self.milliseconds,
            synthetic=self.synthetic,
            options=self.settings,
        )

    def write(self, folder: Path) -> None:
        if self.writes == "nothing":
            return
        self.run.write(folder)
        match = next((note for note in self.notes if note.startswith("match_time: ")), None)
        record = {"match_time": match and {"steps": self.steps, "note": match}}
        (folder / "row.json").write_text(json.dumps(record))
        metrics = folder / "metrics.jsonl"
        if self.writes == "config":
            metrics.unlink()
        if self.writes == "torn":
            metrics.write_bytes(metrics.read_bytes() + b'{"event":"step","st')

    def record(self) -> dict[str, Any]:
        """Its entry in sweep.json."""
        finished = self.status == "done"
        events = self.run.events() if finished or self.reason == "diverged" else []
        steps = [event for event in events if event["event"] == "step"]
        losses = [event["loss"] for event in events if event["event"] == "eval"]
        tokens = sum(event["tokens"] for event in steps)
        parameters = self.parameters()
        return {
            "id": self.id,
            "group": self.group,
            "name": self.name,
            "hash": self.hash,
            "commit": self.commit if self.status == "done" else None,
            "settings": self.settings,
            "seed": self.seed,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "exit_code": 0 if finished else self.exit_code,
            "signal": self.signal,
            "graph": self.graph,
            "graph_note": self.graph_note,
            "notes": list(self.notes),
            "parameters": None if self.reason == "bad_options" else parameters,
            "steps": len(steps) if steps else None,
            "tokens": tokens if steps else None,
            "needed_flops": 6.0 * parameters["experts"] * tokens if steps else None,
            "best_eval_loss": min(losses) if losses else None,
            "final_eval_loss": losses[-1] if finished and losses else None,
            "measured": self.measured(steps, tokens),
        }

    def measured(self, steps: list[dict[str, Any]], tokens: int) -> dict[str, float]:
        if not steps:
            return {}
        parts = ("data_ms", "forward_ms", "backward_ms", "optimizer_ms")
        seconds = sum(event[part] for event in steps for part in parts) / 1000
        return {
            "seconds": seconds + 2.5,
            "train_seconds": seconds,
            "tokens_per_s": tokens / seconds,
            "peak_memory_bytes": 400_000_000,
        }

    def parameters(self) -> dict[str, int]:
        d, e = self.settings.get("embed_dim", 128), self.settings.get("num_experts", 4)
        coupler = {"NONE": 0, "MEAN": d * d + 3 * d}
        kind = self.settings.get("coupler_type", "HGNN")
        parts = {
            "embeddings": (VOCABULARY + LENGTH) * d,
            "experts": LAYERS * e * (12 * d * d + 13 * d),
            "couplers": LAYERS * coupler.get(kind, 3 * d * d + 5 * d + math.comb(e, 2)),
            "head": 2 * d + VOCABULARY * d + VOCABULARY,
        }
        return {"total": sum(parts.values()), **parts}


@dataclass(frozen=True)
class FakeSweep:
    rows: tuple[FakeRow, ...]
    questions: tuple[dict[str, Any], ...] = ()
    expected: tuple[dict[str, Any], ...] = ()
    left_out: tuple[dict[str, Any], ...] = ()
    description: str = "Made up for tests: no run was trained."

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        (folder / "sweep.json").write_text(json.dumps(self.record(folder.name), indent=1))
        for row in self.rows:
            row.write(folder / row.id)
        return folder

    def record(self, name: str) -> dict[str, Any]:
        values: dict[str, set[str]] = {}
        for row in self.rows:
            for option, value in row.settings.items():
                values.setdefault(option, set()).add(json.dumps(value))
        return {
            "name": name,
            "description": self.description,
            "sweep_file": "configs/sweeps/fake.json",
            "commit": "0123abc",
            "varied": [option for option, found in values.items() if len(found) > 1],
            "questions": list(self.questions),
            "expected": list(self.expected),
            "left_out": list(self.left_out),
            "rows": [row.record() for row in self.rows],
        }


NO_OP = "The graph is a no-op: complete uniform hyperedges with fixed weights give a plain mean."
MATCHED = "embed_dim 200 chosen for 1.23 M parameters, 0.4 % from the reference"


def equal_time(group: str, coupler: str, lengths: tuple[int, ...]) -> tuple[FakeRow, ...]:
    """Seeds that train as long as their reference, each with a length of its own."""
    note = "match_time: {} steps of {}.5 ms in the 0.9 s that the reference trained for"
    return tuple(
        FakeRow(
            settings(coupler, 4, None, None),
            seed,
            group=group,
            steps=steps,
            notes=(note.format(steps, seed),),
        )
        for seed, steps in enumerate(lengths, 1)
    )


def settings(coupler: str, experts: int, strategy: str | None, learned: bool | None) -> dict:
    return {
        "coupler_type": coupler,
        "num_experts": experts,
        "static_hyperedge_strategy": strategy,
        "hgnn_learnable_edge_weights": learned,
        "embed_dim": 128 if experts > 1 else 200,
    }


def study(seeds: tuple[int, ...] = (1, 2, 3), **changes: Any) -> tuple[FakeRow, ...]:
    """Couplers by experts, with a transformer of equal parameters: effects that are known."""
    rows = []
    for seed in seeds:
        for experts in (2, 4, 8):
            gain = -0.05 * math.log2(experts)
            cost = 300.0 * experts
            forms = [("MEAN", None, None), ("GNN", None, None), ("HGNN", "all_pairs", False)]
            forms += [("HGNN", "all_pairs", True)]
            forms += [("HGNN", "all_triplets", True)] if experts > 2 else []
            for coupler, strategy, learned in forms:
                is_no_op = learned is False
                rows.append(
                    FakeRow(
                        settings(coupler, experts, strategy, learned),
                        seed,
                        graph="none" if coupler == "MEAN" else "no_op" if is_no_op else "active",
                        graph_note=NO_OP if is_no_op else None,
                        loss_shift=gain - (0.06 if coupler == "GNN" else 0.0),
                        milliseconds=cost * (1.5 if coupler == "GNN" else 1.0) + seed,
                        **changes,
                    )
                )
        transformer = settings("NONE", 1, None, None)
        rows.append(
            FakeRow(
                transformer,
                seed,
                graph="none",
                notes=(MATCHED,),
                loss_shift=-0.02,
                milliseconds=420.0,
                **changes,
            )
        )
    return tuple(rows)


QUESTIONS = (
    {
        "title": "Do more experts help?",
        "factor": "num_experts",
        "where": {"coupler_type": "GNN"},
        "baseline": {"num_experts": 2},
    },
    {
        "title": "Does a graph help against the mean and an ordinary transformer?",
        "factor": ["coupler_type", "static_hyperedge_strategy", "hgnn_learnable_edge_weights"],
        "where": {"num_experts": [1, 4]},
        "baseline": {"coupler_type": "MEAN"},
    },
    {
        "title": "What do learnable weights bring?",
        "factor": "hgnn_learnable_edge_weights",
        "where": {"coupler_type": "HGNN", "static_hyperedge_strategy": "all_pairs"},
        "baseline": {"hgnn_learnable_edge_weights": False},
    },
    {
        "title": "Pairs or triplets?",
        "factor": "static_hyperedge_strategy",
        "where": {"coupler_type": "HGNN", "hgnn_learnable_edge_weights": True},
        "baseline": {"static_hyperedge_strategy": "all_pairs"},
    },
)
PUBLISHED = "published, one A100"
EXPECTED = (
    {
        "where": {"coupler_type": "GNN", "num_experts": 2},
        "eval_loss": 4.06,
        "minutes": 0.3,
        "source": PUBLISHED,
    },
    {
        "where": {"coupler_type": "HGNN", "num_experts": 4},
        "eval_loss": [4.45, 4.5],
        "source": "hoped for",
    },
    {"where": {"num_experts": 16}, "source": "published: failed"},
)
LEFT_OUT = (
    {
        "settings": {"num_experts": 2, "static_hyperedge_strategy": "all_triplets"},
        "constraint": "static_hyperedge_strategy is all_triplets, but not num_experts is at least 3",
    },
)
FAILED = (
    FakeRow(
        settings("HGNN", 8, "all_triplets", True),
        seed=4,
        status="failed",
        reason="diverged",
        exit_code=5,
        message="the loss of step 60 is not finite; lower learning_rate",
    ),
    FakeRow(
        settings("GNN", 16, None, None),
        status="failed",
        reason="out_of_memory",
        exit_code=6,
        message="out of memory: 2.1 GB more were needed; lower batch_size",
        writes="config",
    ),
    FakeRow(
        settings("GNN", 0, None, None),
        status="failed",
        reason="bad_options",
        exit_code=2,
        message="--num_experts 0 is below 1; give 1 or more",
        writes="nothing",
    ),
    FakeRow(
        settings("GNN", 32, None, None),
        status="failed",
        reason="crashed",
        signal=9,
        writes="config",
    ),
)


def half_finished() -> tuple[FakeRow, ...]:
    rows = list(study())
    states = ["running", "stopped"] + ["pending"] * 7
    for place, status in zip(range(len(rows) - len(states), len(rows)), states, strict=True):
        old = rows[place]
        writes = "nothing" if status == "pending" else "all"
        rows[place] = FakeRow(old.settings, old.seed, status, writes=writes)
    return tuple(rows)


STUDY = FakeSweep(study() + FAILED, QUESTIONS, EXPECTED, LEFT_OUT)
KINDS = {
    "study": STUDY,
    "one_seed": FakeSweep(study((1,)), QUESTIONS, EXPECTED),
    "half_finished": FakeSweep(half_finished(), QUESTIONS),
    "synthetic": FakeSweep(study(synthetic=True), QUESTIONS),
    "without_questions": FakeSweep(study((1, 2))),
    "torn_metrics": FakeSweep(study((1, 2), writes="torn"), QUESTIONS),
    "without_metrics": FakeSweep(study((1, 2), writes="config"), QUESTIONS),
    "without_folders": FakeSweep(study((1, 2), writes="nothing"), QUESTIONS),
    "all_failed": FakeSweep(FAILED, QUESTIONS, EXPECTED),
    "one_run": FakeSweep((FakeRow(settings("NONE", 1, None, None), graph="none"),)),
}


if __name__ == "__main__":
    for kind, fake in KINDS.items():
        print(fake.write(Path(sys.argv[1]) / kind))
