"""The built hgnn_moe_train against the reference: fifty steps from the same weights.

Environment: HGNN_MOE_TRAIN, path of the program; ctest sets it. Skipped without it.
"""

import full_environment  # noqa: F401  (first: skips where torch is missing)

from contextlib import redirect_stdout
import io
import json
import os
from pathlib import Path
import shutil
import subprocess
import tempfile
import unittest

import numpy
from safetensors import safe_open
from safetensors.torch import load_file, save_file
import torch

from reference_training import StepRecord
from test_train_parity import write_indexed
from train_parity import largest_difference, parse_arguments, run

PROGRAM = os.environ.get("HGNN_MOE_TRAIN", "")
VOCAB_SIZE = 97
STEPS = 50
BATCH_SIZE = 4


def write_data(folder: Path) -> None:
    """Ragged documents: of one token, without a target; longer than T; a short last batch."""
    random = numpy.random.default_rng(7)
    sizes = [1, *random.integers(2, 40, size=42)]
    write_indexed(folder, [random.integers(VOCAB_SIZE, size=n).astype("<u2") for n in sizes])
    for suffix in ("bin", "idx"):
        shutil.copy(folder / f"train.{suffix}", folder / f"eval.{suffix}")
    # write_indexed describes a smaller vocabulary.
    description = json.dumps({"vocab_size": VOCAB_SIZE})
    (folder / "dataset.json").write_text(description, encoding="utf-8")


def spread_hyperedge_weights(path: Path) -> None:
    """Unequal weights from the first step on: equal ones would hide a wrong order of hyperedges, a
    projection of zeros that of tokens."""
    with safe_open(path, "pt") as file:
        notes = file.metadata()
    tensors = load_file(path)
    generator = torch.Generator().manual_seed(3)
    for name, values in tensors.items():
        if "hyperedge_weight" in name:
            # Large weights a token make training chaotic, and fp32 then parts from fp32.
            scale = 0.1 if "proj" in name else 1.0
            values += scale * torch.randn(values.shape, generator=generator)
    save_file(tensors, path, notes)


@unittest.skipUnless(PROGRAM, "HGNN_MOE_TRAIN does not name the built program")
class TrainerParityTest(unittest.TestCase):
    # Both programs take these.
    COMMON = (
        "--embed_dim 16 --num_heads 4 --num_layers 2 --gnn_layers 2 --max_seq_length 24 "
        f"--epochs 10 --max_steps {STEPS} --learning_rate 0.003 --warmup_steps 5"
    ).split()

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        write_data(self.folder)
        self.init = self.folder / "init.safetensors"

    def reference(self, model: list[str], *more: object) -> dict[int, StepRecord]:
        words = [*self.COMMON, *model, "--data", self.folder, *more]
        with redirect_stdout(io.StringIO()):
            records = run(parse_arguments([str(word) for word in words]))
        return {record.step: record for record in records}

    def trained(self, model: list[str], *more: object) -> dict[int, dict]:
        """The step events of a run of the program."""
        words = [PROGRAM, *self.COMMON, *model, "--dataset_name", self.folder]
        words += ["--init_from", self.init, "--checkpoint_dir", self.folder, "--run_name", "run"]
        words += "--no_shuffle --dropout_rate 0 --threads 1 --eval_every 0 --quiet".split()
        result = subprocess.run(
            [str(word) for word in (*words, *more)], capture_output=True, text=True, timeout=300
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = (self.folder / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        return {event["step"]: event for event in events if event["event"] == "step"}

    def assert_parity(self, model: str, *, accumulation: int = 1) -> None:
        words = model.split()
        batch_size = BATCH_SIZE * accumulation
        self.reference(words, "--new_init", self.init, "--batch_size", batch_size, "--steps", 0)
        spread_hyperedge_weights(self.init)
        ours = self.reference(words, "--init", self.init, "--batch_size", batch_size)
        accumulate = ("--gradient_accumulation_steps", accumulation)
        theirs = self.trained(words, "--batch_size", BATCH_SIZE, *accumulate)

        self.assertEqual(list(theirs), list(range(1, STEPS + 1)))
        self.assertEqual(list(ours), list(theirs))
        self.assertLess(ours[STEPS].loss, ours[1].loss - 0.1, "nothing was learned")
        first, _ = largest_difference({1: theirs[1]}, ours, "loss")
        self.assertLessEqual(first, 1e-5, "loss of the first step")
        tolerances = {"loss": 1e-4, "learning_rate": 1e-12, "grad_norm": 1e-3}
        for field, tolerance in tolerances.items():
            difference, step = largest_difference(theirs, ours, field)
            self.assertLessEqual(difference, tolerance, f"{field} of step {step}")

    def test_gnn(self) -> None:
        self.assert_parity("--coupler_type GNN --num_experts 4")

    def test_hgnn_of_pairs(self) -> None:
        self.assert_parity("--coupler_type HGNN --num_experts 4")

    def test_hgnn_of_triplets(self) -> None:
        self.assert_parity(
            "--coupler_type HGNN --num_experts 5 --static_hyperedge_strategy all_triplets"
        )

    def test_hgnn_of_token_weights_gelu_and_residual(self) -> None:
        self.assert_parity(
            "--coupler_type HGNN --num_experts 4 --hyperedge_weight_source token "
            "--hgnn_activation gelu --hgnn_residual"
        )

    def test_two_accumulated_batches_are_one_of_twice_the_size(self) -> None:
        self.assert_parity("--coupler_type HGNN --num_experts 4", accumulation=2)


if __name__ == "__main__":
    unittest.main()
