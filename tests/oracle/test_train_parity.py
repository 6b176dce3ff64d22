"""train_parity.py end to end on a small indexed data set written here."""

import full_environment  # noqa: F401  (first: skips where torch is missing)

from contextlib import redirect_stdout
import io
import json
from pathlib import Path
import struct
import tempfile
import unittest

import numpy
import torch

from indexed_data import file_order_batches, make_batch, read_documents
from train_parity import main

VOCAB_SIZE = 19


def write_indexed(folder: Path, documents: list[numpy.ndarray]) -> None:
    """Megatron's format, 16-bit ids, one sequence a document."""
    count = len(documents)
    sizes = numpy.array([len(document) for document in documents], dtype="<i4")
    pointers = numpy.concatenate([[0], numpy.cumsum(2 * sizes.astype("<i8"))[:-1]]).astype("<i8")
    header = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, 8, count, count + 1)
    ends = numpy.arange(count + 1, dtype="<i8")
    parts = [header, sizes.tobytes(), pointers.tobytes(), ends.tobytes()]
    (folder / "train.idx").write_bytes(b"".join(parts))
    (folder / "train.bin").write_bytes(b"".join(document.tobytes() for document in documents))
    description = json.dumps({"vocab_size": VOCAB_SIZE})
    (folder / "dataset.json").write_text(description, encoding="utf-8")


class IndexedDataTest(unittest.TestCase):
    def test_documents_come_back(self) -> None:
        documents = [numpy.array(ids, dtype="<u2") for ids in ([3, 1, 4], [1, 5], [9, 2, 6, 5])]
        with tempfile.TemporaryDirectory() as folder:
            write_indexed(Path(folder), documents)
            again = read_documents(Path(folder) / "train")
        self.assertEqual([list(d) for d in again], [list(d) for d in documents])
        batch = make_batch(again, [2, 1], max_seq_length=3)
        self.assertEqual(batch.tokens.tolist(), [[9, 2, 6], [1, 5, 0]])
        self.assertEqual(batch.lengths, [3, 2])

    def test_file_order_restarts_every_epoch(self) -> None:
        self.assertEqual(file_order_batches(5, 2, 2, -1), [[0, 1], [2, 3], [4]] * 2)
        self.assertEqual(file_order_batches(5, 2, 3, 1), [[0, 1]] * 3)


class TrainParityTest(unittest.TestCase):
    MODEL = (
        "--coupler_type HGNN --num_experts 3 --embed_dim 8 --num_heads 2 --num_layers 1 "
        "--gnn_layers 2 --max_seq_length 8 --batch_size 2 --epochs 2 --max_batches_per_epoch 3 "
        "--learning_rate 0.01 --warmup_steps 1 --float64"
    ).split()

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        random = numpy.random.default_rng(1)
        sizes = random.integers(3, 12, size=7)
        write_indexed(
            self.folder, [random.integers(VOCAB_SIZE, size=n).astype("<u2") for n in sizes]
        )
        self.init = self.folder / "init.safetensors"

    def run_parity(self, *more: object) -> int:
        # main() sets the thread count of the whole process.
        self.addCleanup(torch.set_num_threads, torch.get_num_threads())
        words = [*self.MODEL, "--data", str(self.folder), *map(str, more)]
        self.printed = io.StringIO()
        with redirect_stdout(self.printed):
            return main(words)

    def write_metrics(self, records: list[dict]) -> Path:
        path = self.folder / "metrics.jsonl"
        events = [{"event": "eval", "step": 2, "loss": 9.9}]
        events += [{"event": "step"} | record for record in records]
        path.write_text("".join(json.dumps(e) + "\n" for e in events), encoding="utf-8")
        return path

    def test_written_weights_give_the_same_losses_and_a_difference_is_found(self) -> None:
        out = self.folder / "losses.json"
        self.assertEqual(self.run_parity("--new_init", self.init, "--out", out), 0)
        records = json.loads(out.read_text(encoding="utf-8"))
        self.assertEqual([record["step"] for record in records], [1, 2, 3, 4, 5, 6])
        self.assertLess(records[3]["loss"], records[0]["loss"])  # the same batch, trained on once

        metrics = self.write_metrics(records)
        again = ("--init", self.init, "--metrics", metrics, "--tolerance", 1e-12)
        self.assertEqual(self.run_parity(*again), 0)

        records[4]["loss"] *= 1 + 1e-6
        self.write_metrics(records)
        self.assertEqual(self.run_parity(*again), 1)
        self.assertIn("at step 5", self.printed.getvalue())

        self.write_metrics(records[:-1])
        self.assertEqual(self.run_parity(*again), 1)

        records[4]["loss"] = None  # how a non-finite loss is written
        self.write_metrics(records)
        self.assertEqual(self.run_parity(*again), 1)

    def test_batches_from_a_file(self) -> None:
        batches = self.folder / "batches.json"
        batches.write_text("[[0, 1], [2, 3], [4, 5], [0, 1], [2, 3], [4, 5]]", encoding="utf-8")
        out = self.folder / "losses.json"
        self.run_parity("--new_init", self.init, "--out", out)
        metrics = self.write_metrics(json.loads(out.read_text(encoding="utf-8")))
        more = ("--init", self.init, "--metrics", metrics, "--tolerance", 1e-12)
        self.assertEqual(self.run_parity("--batches", batches, *more), 0)
        batches.write_text("[[0, 1], [2, 3], [4, 6], [0, 1], [2, 3], [4, 5]]", encoding="utf-8")
        self.assertEqual(self.run_parity("--batches", batches, *more), 1)


if __name__ == "__main__":
    unittest.main()
