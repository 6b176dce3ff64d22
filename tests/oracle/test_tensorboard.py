"""tensorboard's own reader finds every number of a run's metrics.jsonl in its event file.

Environment: HGNN_MOE_TRAIN, path of the program; ctest sets it. Skipped without it.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import numpy

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.backend.event_processing.event_file_loader import (
        LegacyEventFileLoader,
        RawEventFileLoader,
    )
except ImportError as error:
    raise unittest.SkipTest(
        f"the reader is the package tensorboard ({error}); "
        "scripts/bootstrap.sh --oracle installs it"
    ) from error

PROGRAM = os.environ.get("HGNN_MOE_TRAIN", "")
TINY = (
    "--embed_dim 16 --num_layers 2 --num_heads 2 --max_seq_length 16 --threads 1 --batch_size 4 "
    "--num_eval_samples 4 --synthetic_data --vocab_size 64 --run_name run --quiet"
).split()

# What a reader finds: of each tag the steps and values.
Curves = dict[str, list[tuple[int, float]]]


def read_metrics(run: Path) -> list[dict]:
    text = (run / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def add_numbers(curves: Curves, tag: str, step: int, value: object) -> None:
    if isinstance(value, list):
        for index, entry in enumerate(value):
            add_numbers(curves, f"{tag}/{index}", step, entry)
    elif value is not None:
        curves.setdefault(tag, []).append((step, float(numpy.float32(value))))


def expected_curves(run: Path) -> Curves:
    """All numbers of metrics.jsonl, under the tags of docs/diagnostics.md."""
    curves: Curves = {}
    for event in read_metrics(run):
        kind, step = event.pop("event"), event.pop("step")
        prefix = {"step": "train/", "eval": "eval/"}.get(kind)
        if prefix is None:
            prefix = f"layer{event.pop('layer')}/"
            if "coupler_layer" in event:
                prefix += f"coupler_layer{event.pop('coupler_layer')}/"
        for key, value in event.items():
            tag = key.removesuffix("s") if isinstance(value, list) else key
            add_numbers(curves, prefix + tag, step, value)
    return curves


def new_reader(run: Path) -> EventAccumulator:
    return EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0})


def found_curves(reader: EventAccumulator) -> Curves:
    reader.Reload()
    tags = reader.Tags()["scalars"]
    return {tag: [(point.step, point.value) for point in reader.Scalars(tag)] for tag in tags}


@unittest.skipUnless(PROGRAM, "HGNN_MOE_TRAIN does not name the built program")
class TensorBoardTest(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.run_folder = self.folder / "run"

    def command(self, *more: str) -> list[str]:
        return [PROGRAM, *TINY, "--checkpoint_dir", str(self.folder), *more]

    def train(self, *more: str) -> None:
        result = subprocess.run(self.command(*more), capture_output=True, text=True, timeout=300)
        self.assertEqual(result.returncode, 0, result.stderr)

    def event_file(self) -> Path:
        folder = self.run_folder / "tensorboard"
        (path,) = (path for path in folder.iterdir() if path.stat().st_size > 0)
        return path

    def assert_same_curves(self, reader: EventAccumulator) -> None:
        expected, found = expected_curves(self.run_folder), found_curves(reader)
        self.assertEqual(sorted(found), sorted(expected))
        for tag, points in expected.items():
            self.assertEqual(found[tag], points, tag)

    def test_every_number_of_every_coupler(self) -> None:
        for model in (
            "--coupler_type HGNN --num_experts 3",
            "--coupler_type HGNN --num_experts 3 --hyperedge_weight_source token",
            "--coupler_type GNN --num_experts 2",
            "--coupler_type NONE --num_experts 2",
        ):
            with self.subTest(model):
                self.train(*model.split(), "--max_steps", "5", "--eval_every", "2", "--overwrite")
                self.assert_same_curves(new_reader(self.run_folder))
        self.assertIn("layer1/expert_cka/1/0", expected_curves(self.run_folder))

    def test_wall_times_are_those_of_the_run(self) -> None:
        begin = time.time()
        self.train("--max_steps", "5")
        times = [event.wall_time for event in LegacyEventFileLoader(str(self.event_file())).Load()]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual(times[0], begin)
        self.assertLessEqual(times[-1], time.time())

    def test_a_resumed_run_does_not_overlap_itself(self) -> None:
        arguments = "--max_steps 400 --eval_every 100 --save_every 30 --resume_checkpoint auto"
        # One that looks again and again, as a TensorBoard that stays open.
        watching = None
        for _ in range(2):
            process = subprocess.Popen(self.command(*arguments.split()), stderr=subprocess.DEVNULL)
            before = self.steps()
            while process.poll() is None and self.steps() < before + 75:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            self.assertEqual(process.wait(), -signal.SIGKILL, "it ended before")
            watching = watching or new_reader(self.run_folder)
            self.assertGreater(len(found_curves(watching)["train/loss"]), 50)
        self.train(*arguments.split())
        layers = [event for event in read_metrics(self.run_folder) if event["event"] == "layer"]
        self.assertEqual(layers[-1]["step"], 400, "those of its last evaluation, too")
        self.assert_same_curves(new_reader(self.run_folder))
        self.assert_same_curves(watching)

    def steps(self) -> int:
        path = self.run_folder / "metrics.jsonl"
        return path.read_bytes().count(b'"event":"step"') if path.exists() else 0

    def test_whatever_a_kill_leaves_is_read_up_to_there(self) -> None:
        self.train("--max_steps", "2")
        path = self.event_file()
        whole = path.read_bytes()
        events = list(RawEventFileLoader(str(path)).Load())
        # Of each record its length is in the first eight bytes, and 16 bytes frame it.
        ends, end = [], 0
        while end < len(whole):
            end += int.from_bytes(whole[end : end + 8], "little") + 16
            ends.append(end)
        self.assertEqual(len(ends), len(events))
        around_ends = [end + offset for end in ends for offset in (-1, 0, 1, 11, 12)]
        for length in [*range(0, len(whole), 97), *around_ends]:
            path.write_bytes(whole[:length])
            left = list(RawEventFileLoader(str(path)).Load())
            self.assertEqual(left, events[: sum(end <= length for end in ends)], length)


if __name__ == "__main__":
    unittest.main()
