"""Trains the reference model on the batches of a hgnn_moe_train run and compares the losses.

The flags are the trainer's. Typical use, after a run with --no_shuffle --dropout_rate 0 and
--init_from FILE:

    python tests/oracle/train_parity.py --init FILE --data FOLDER --metrics RUN/metrics.jsonl \\
        --coupler_type HGNN --num_experts 2 --embed_dim 384 --num_layers 6 --gnn_layers 3 \\
        --batch_size 8 --max_batches_per_epoch 15 --epochs 2

Exit codes: 0 equal within the tolerance, 1 different, 2 usage.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
import json
from pathlib import Path
import sys
import time

from safetensors.torch import load_file, save_file
import torch

from hypergraphs import strategy_hyperedges
from indexed_data import file_order_batches, make_batch, read_documents
from reference_model import LanguageModel, ModelConfig
from reference_training import StepRecord, TrainingSettings, train


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    weights = parser.add_mutually_exclusive_group(required=True)
    weights.add_argument("--init", type=Path, help="model.safetensors to start from")
    weights.add_argument(
        "--new_init",
        type=Path,
        help="draw initial weights from --seed, write them here (for --init_from), start from them",
    )
    parser.add_argument("--seed", type=int, default=42)

    data = parser.add_argument_group("data")
    data.add_argument("--data", type=Path, required=True, help="folder of train.bin, train.idx")
    data.add_argument("--vocab_size", type=int, help="default: from dataset.json")
    data.add_argument("--num_train_samples", type=int, default=-1)
    data.add_argument("--batches", type=Path, help="JSON list of lists of sample indices")
    data.add_argument("--batch_size", type=int, default=32)
    data.add_argument("--max_batches_per_epoch", type=int, default=-1)
    data.add_argument("--epochs", type=int, default=8)
    data.add_argument("--max_steps", "--steps", type=int, default=-1)

    model = parser.add_argument_group("model")
    model.add_argument("--embed_dim", type=int, default=256)
    model.add_argument("--num_layers", type=int, default=4)
    model.add_argument("--num_heads", type=int, help="default: D/64 where whole, else 8")
    model.add_argument("--max_seq_length", type=int, default=128)
    model.add_argument("--num_experts", type=int, default=4)
    model.add_argument("--gnn_layers", type=int, default=2)
    model.add_argument("--coupler_type", choices=["GNN", "HGNN", "MEAN", "NONE"], default="GNN")
    model.add_argument(
        "--static_hyperedge_strategy",
        choices=["all_pairs", "all_triplets", "all"],
        default="all_pairs",
    )
    model.add_argument("--hyperedges_file", type=Path)
    model.add_argument(
        "--hyperedge_weighting", "--weighting", choices=["pyg", "paper"], default="pyg"
    )
    model.add_argument(
        "--hyperedge_weight_param",
        "--weight_param",
        choices=["positive", "raw"],
        default="positive",
    )
    model.add_argument(
        "--hyperedge_weight_source", choices=["shared", "token"], default="shared"
    )
    model.add_argument("--no_hgnn_learnable_edge_weights", action="store_true")
    model.add_argument("--hgnn_activation", choices=["none", "gelu"], default="none")
    model.add_argument("--hgnn_residual", action="store_true")

    training = parser.add_argument_group("training")
    training.add_argument("--learning_rate", type=float, default=5e-4)
    training.add_argument("--warmup_steps", type=int, default=0)
    training.add_argument("--weight_decay", type=float, default=0.01)
    training.add_argument("--grad_clip", type=float, default=1.0)

    parser.add_argument("--float64", action="store_true", help="train in double precision")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write the step records as JSON")
    parser.add_argument("--metrics", type=Path, help="metrics.jsonl of the run to compare with")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="relative, for --metrics")
    arguments = parser.parse_args(argv)
    if arguments.num_heads is None:
        width = arguments.embed_dim
        arguments.num_heads = width // 64 if width % 64 == 0 else 8
    return arguments


def model_config(arguments: argparse.Namespace) -> ModelConfig:
    vocab_size = arguments.vocab_size
    if vocab_size is None:
        description = (arguments.data / "dataset.json").read_text(encoding="utf-8")
        vocab_size = json.loads(description)["vocab_size"]
    if arguments.hyperedges_file:
        hyperedges = json.loads(arguments.hyperedges_file.read_text(encoding="utf-8"))
    else:
        hyperedges = strategy_hyperedges(arguments.static_hyperedge_strategy, arguments.num_experts)
    return ModelConfig(
        vocab_size=vocab_size,
        embed_dim=arguments.embed_dim,
        num_heads=arguments.num_heads,
        num_layers=arguments.num_layers,
        max_seq_length=arguments.max_seq_length,
        num_experts=arguments.num_experts,
        gnn_layers=arguments.gnn_layers,
        coupler_type=arguments.coupler_type,
        hyperedges=hyperedges,
        hyperedge_weighting=arguments.hyperedge_weighting,
        hyperedge_weight_param=arguments.hyperedge_weight_param,
        hyperedge_weight_source=arguments.hyperedge_weight_source,
        hgnn_learnable_edge_weights=not arguments.no_hgnn_learnable_edge_weights,
        hgnn_activation=arguments.hgnn_activation,
        hgnn_residual=arguments.hgnn_residual,
        # One call a token would take hours here; a test holds the two equal.
        conv_calls="block_diagonal",
    )


def initial_model(arguments: argparse.Namespace) -> LanguageModel:
    torch.manual_seed(arguments.seed)
    config = model_config(arguments)
    model = LanguageModel(config)
    if arguments.new_init:
        save_file(model.state_dict(), arguments.new_init, config.weight_notes())
    else:
        model.load_state_dict(load_file(arguments.init))
    return model.double() if arguments.float64 else model


def run(arguments: argparse.Namespace) -> list[StepRecord]:
    documents = read_documents(arguments.data / "train")
    if arguments.num_train_samples >= 0:
        documents = documents[: arguments.num_train_samples]
    if arguments.batches:
        batches = json.loads(arguments.batches.read_text(encoding="utf-8"))
    else:
        batches = file_order_batches(
            len(documents), arguments.batch_size, arguments.epochs, arguments.max_batches_per_epoch
        )
    if arguments.max_steps >= 0:
        batches = batches[: arguments.max_steps]
    settings = TrainingSettings(
        learning_rate=arguments.learning_rate,
        total_steps=len(batches),
        warmup_steps=arguments.warmup_steps,
        weight_decay=arguments.weight_decay,
        grad_clip=arguments.grad_clip,
    )
    model = initial_model(arguments)
    records = []
    started = time.monotonic()
    prepared = (make_batch(documents, indices, arguments.max_seq_length) for indices in batches)
    for record in train(model, prepared, settings):
        records.append(record)
        print(
            f"step {record.step}/{len(batches)}  loss {record.loss:.7f}  "
            f"grad_norm {record.grad_norm:.6f}  {time.monotonic() - started:.0f} s",
            flush=True,
        )
    return records


def largest_difference(
    theirs: dict[int, dict], ours: dict[int, StepRecord], field: str
) -> tuple[float, int]:
    """The largest relative difference of `field` and the step it is at."""

    def difference(step: int) -> float:
        expected = getattr(ours[step], field)
        return abs(theirs[step][field] - expected) / abs(expected)

    return max((difference(step), step) for step in theirs)


def compare(records: list[StepRecord], metrics: Path, tolerance: float) -> bool:
    """Whether every step's loss in metrics.jsonl lies within `tolerance` of ours, relatively."""
    events = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    theirs = {event["step"]: event for event in events if event["event"] == "step"}
    ours = {record.step: record for record in records}
    if theirs.keys() != ours.keys():
        print(f"{metrics} has steps {sorted(theirs)}, the reference {sorted(ours)}")
        return False
    diverged = [step for step, event in theirs.items() if event["loss"] is None]
    if diverged:
        print(f"{metrics} has no finite loss at steps {diverged}")
        return False
    for field in ("loss", "learning_rate", "grad_norm"):
        difference, step = largest_difference(theirs, ours, field)
        print(f"largest relative difference of {field}: {difference:.3e} at step {step}")
    equal = largest_difference(theirs, ours, "loss")[0] <= tolerance
    print(f"losses {'agree' if equal else 'DIFFER'} at tolerance {tolerance:g}")
    return equal


def main(argv: list[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    torch.set_num_threads(arguments.threads)
    records = run(arguments)
    if arguments.out:
        text = json.dumps([asdict(record) for record in records], indent=1)
        arguments.out.write_text(text + "\n", encoding="utf-8")
    if arguments.metrics and not compare(records, arguments.metrics, arguments.tolerance):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
