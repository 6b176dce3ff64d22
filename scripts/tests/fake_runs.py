"""Run folders as hgnn_moe_train leaves them, made up for the tests of the pictures.

`python3 scripts/tests/fake_runs.py FOLDER` writes one of each kind, to be drawn and looked at.
"""

import itertools
import json
import math
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EVAL_EVERY = 20


@dataclass(frozen=True)
class FakeRun:
    coupler: str = "HGNN"
    experts: int = 4
    layers: int = 2
    coupler_layers: int = 2
    steps: int = 100
    diverges_at: int | None = None
    evaluates: bool = True
    synthetic: bool = False
    negative_weights: bool = False
    seed: int = 0
    loss_shift: float = 0.0  # on all losses, what a sweep is to find
    milliseconds: float = 1700.0  # of a step
    records_layers: bool = True
    options: dict[str, Any] = field(default_factory=dict)  # more of config.json

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(self.config(folder)))
        lines = [json.dumps(event) + "\n" for event in self.events()]
        (folder / "metrics.jsonl").write_text("".join(lines))
        (folder / "run_summary.json").write_text(json.dumps(self.summary(folder)))
        return folder

    def config(self, folder: Path) -> dict[str, Any]:
        config = {
            "coupler_type": self.coupler,
            "num_experts": self.experts,
            "num_layers": self.layers,
            "embed_dim": 128,
            "static_hyperedge_strategy": "all_pairs",
            "hyperedges_file": None,
            "run_name": folder.name,
            "synthetic_data": self.synthetic,
            "max_steps": self.steps,
            "epochs": 1 + self.steps // 100,
            "seed": self.seed,
            **self.options,
        }
        return {"config": config, "provenance": {}, "data_folder": None, "version": "0"}

    def summary(self, folder: Path) -> dict[str, Any]:
        return {
            "run_name": folder.name,
            "data_mode": "synthetic" if self.synthetic else "real",
            "status": "done" if self.diverges_at is None else "diverged",
        }

    def events(self) -> list[dict[str, Any]]:
        events = self.graph_events(0)
        for step in range(1, self.steps + 1):
            events.append(self.step_event(step))
            if events[-1]["loss"] is None:
                return events
            if step % EVAL_EVERY == 0 or step == self.steps:
                if self.evaluates:
                    loss = self.eval_loss(step)
                    tokens = {"perplexity": math.exp(loss), "tokens": 6400}
                    events.append({"event": "eval", "step": step, "loss": loss, **tokens})
                events += self.graph_events(step)
        return events

    def graph_events(self, step: int) -> list[dict[str, Any]]:
        events = self.coupler_events(step)
        if self.records_layers:
            events += [self.layer_event(step, layer) for layer in range(self.layers)]
        return events

    def loss(self, step: int) -> float:
        noise = random.Random(step + 1_000_003 * self.seed).gauss(0, 0.08)
        return 4.0 + 6.0 * math.exp(-step / 25) + noise + self.loss_shift

    def eval_loss(self, step: int) -> float:
        """Seeds lie some hundredths apart, evaluations of one seed some thousandths."""
        of_seed = random.Random(-1 - self.seed).gauss(0, 0.02)
        noise = random.Random(f"{self.seed} {step} {self.options}").gauss(0, 0.003)
        return 4.1 + 6.0 * math.exp(-step / 25) + of_seed + noise + self.loss_shift

    def step_event(self, step: int) -> dict[str, Any]:
        diverged = step == self.diverges_at
        rate = 1e-6 + 5e-4 * (1 + math.cos(math.pi * (step - 1) / self.steps)) / 2
        return {
            "event": "step",
            "step": step,
            "epoch": 0,
            "loss": None if diverged else self.loss(step),
            "learning_rate": rate,
            "grad_norm": None if diverged else 8 * math.exp(-step / 10) + 0.5,
            "tokens": 4096,
            "tokens_per_s": 2400 + 150 * math.sin(step),
            "data_ms": 0.4,
            "forward_ms": self.milliseconds * 6 / 17,
            "backward_ms": self.milliseconds * 11 / 17,
            "optimizer_ms": 12.0,
            "memory_bytes": 900_000_000,
        }

    def coupler_events(self, step: int) -> list[dict[str, Any]]:
        if self.coupler not in ("GNN", "HGNN"):
            return []
        if self.coupler == "HGNN":
            return [self.hgnn_event(step, layer) for layer in range(self.layers)]
        places = itertools.product(range(self.layers), range(self.coupler_layers))
        return [self.gnn_event(step, layer, coupler_layer) for layer, coupler_layer in places]

    def gnn_event(self, step: int, layer: int, coupler_layer: int) -> dict[str, Any]:
        graph = layer * self.coupler_layers + coupler_layer
        return {
            "event": "coupler",
            "step": step,
            "layer": layer,
            "coupler_layer": coupler_layer,
            "adjacency": [
                [1 / (1 + math.exp(-math.sin(i * 3 + j + graph))) for j in range(self.experts)]
                for i in range(self.experts)
            ],
            "mixing": [
                [
                    0.0 if i == j else 0.3 + 0.1 * graph + 0.0001 * step * (j % 2)
                    for j in range(self.experts)
                ]
                for i in range(self.experts)
            ],
        }

    def hgnn_event(self, step: int, layer: int) -> dict[str, Any]:
        event: dict[str, Any] = {"event": "coupler", "step": step, "layer": layer}
        size = {"all_triplets": 3, "all": self.experts}.get(
            self.options.get("static_hyperedge_strategy"), 2
        )
        edges = list(itertools.combinations(range(self.experts), size))
        sign = -1.0 if self.negative_weights else 1.0
        weights = [
            (sign if edge == 0 else 1.0) * (1 + 0.01 * step * math.sin(edge + layer))
            for edge in range(len(edges))
        ]
        event["hyperedge_weights"] = weights
        event["mixing"] = self.mixing(edges, weights)
        return event

    def layer_event(self, step: int, layer: int) -> dict[str, Any]:
        """As the program writes it beside the coupler events."""
        has_graph = self.coupler in ("GNN", "HGNN") and self.experts > 1
        learns_weights = has_graph and self.coupler == "HGNN" and step > 0
        pull = math.exp(-step / 60)
        experts = range(self.experts)
        return {
            "event": "layer",
            "step": step,
            "layer": layer,
            "expert_norms": [8 + layer + 0.3 * e + 0.02 * step for e in experts],
            "expert_cka": [
                [1.0 if i == j else 0.25 + 0.7 * pull / (1 + abs(i - j)) for j in experts]
                for i in experts
            ],
            "dirichlet_before": 0.9 - 0.1 * layer + 0.05 * pull if has_graph else None,
            "dirichlet_after": 0.3 - 0.1 * layer + 0.2 * pull if has_graph else None,
            "second_eigenvalue": 0.6 - 0.2 * pull + 0.05 * layer if has_graph else None,
            "hyperedge_weight_grad_norm": 0.01 * (1 + layer) * pull if learns_weights else None,
        }

    def mixing(self, edges: list[tuple[int, ...]], weights: list[float]) -> list[list[float]]:
        matrix = [[0.0] * self.experts for _ in range(self.experts)]
        for edge, weight in zip(edges, weights, strict=True):
            for i, j in itertools.product(edge, repeat=2):
                matrix[i][j] += weight / len(edge)
        return [[value / (sum(row) or 1.0) for value in row] for row in matrix]


KINDS = {
    "hgnn": FakeRun(),
    "gnn": FakeRun(coupler="GNN"),
    "none": FakeRun(coupler="NONE"),
    "mean": FakeRun(coupler="MEAN"),
    "sixteen_experts": FakeRun(experts=16, layers=1),
    "five_layers": FakeRun(coupler="GNN", layers=5, experts=2),
    "negative_weights": FakeRun(negative_weights=True),
    "diverged": FakeRun(diverges_at=47),
    "diverged_at_once": FakeRun(diverges_at=1),
    "one_step": FakeRun(steps=1),
    "no_step": FakeRun(steps=0),
    "no_evaluation": FakeRun(evaluates=False),
    "synthetic": FakeRun(synthetic=True),
    "triplets": FakeRun(options={"static_hyperedge_strategy": "all_triplets"}),
    "triplets_of_eight": FakeRun(
        experts=8, layers=1, options={"static_hyperedge_strategy": "all_triplets"}
    ),
    "one_expert": FakeRun(coupler="NONE", experts=1),
    "without_layer_events": FakeRun(records_layers=False),
}


if __name__ == "__main__":
    for kind, fake in KINDS.items():
        print(fake.write(Path(sys.argv[1]) / kind))
