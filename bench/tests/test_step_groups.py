"""bench/step/step_groups.py and peer_process.py: which process measures what."""

from dataclasses import replace
from pathlib import Path
import tempfile
import unittest
from unittest import mock

import support  # noqa: F401  (the path)
from full_environment import torch
from step import agreement, models, peer_process, step_groups
from step.case import Case
from step.data import NO_TARGET, read_batches, write_folder
from step.plan import Entry, quick
from step.program import ProgramSteps
from step.training import StepRecord, Training

CPU = torch.device("cpu")
CASE = Case("HGNN", dim=16, layers=2, batch=2, length=12, vocab=50)


def setUpModule() -> None:
    torch.set_num_threads(1)


class StartsTest(unittest.TestCase):
    """Which process says what: processes of peers and of the program are made up."""

    def starts(self) -> tuple[dict, list[list[int]]]:
        """Made-up starts, whose peak is their steps, and the lengths of the many batches."""

        class FakeProgram:
            def steps(self, case, precision, dropout, init, data, count, rate) -> ProgramSteps:
                return ProgramSteps([], 3.0, 2.0, count)

        def of_peer(request) -> dict[str, float]:
            return {"first_step_s": 9.0, "peak_bytes": request.steps}

        entry = Entry(CASE, ("dense",), precisions=("fp32",))
        plan = replace(quick(CPU, 1), distinct_batches=7)
        with (
            tempfile.TemporaryDirectory() as name,
            mock.patch.object(step_groups.peer_process, "measure", of_peer),
            mock.patch.object(step_groups, "progress"),
        ):
            bench = step_groups.Bench(entry, plan, FakeProgram(), Path(name))
            batches = read_batches(Path(name) / step_groups.DISTINCT, CASE, CPU)
            targets = [(batch.labels_BT != NO_TARGET).sum().item() for batch in batches]
            return bench.starts_of_rows(), targets

    def test_all_sides_agree_at_the_same_small_rate(self) -> None:
        rates = []

        class Fake:
            """The program and the peers."""

            def steps(self, case, precision, dropout, init, data, count, rate) -> ProgramSteps:
                rates.append(rate)
                return ProgramSteps([{"loss": 2.0, "grad_norm": 1.0}] * count, 3.0, 2.0, 1)

            def first_steps(self, loss_of, batches, precision, count, rate) -> list[StepRecord]:
                rates.append(rate)
                return [StepRecord(2.0, 1.0)] * count

            def loss_function(self, peer, dropout) -> None:
                self.dropout = dropout

        entry, fake = Entry(CASE, ("dense",), precisions=("fp32",)), Fake()
        with (
            tempfile.TemporaryDirectory() as name,
            mock.patch.object(step_groups, "progress"),
        ):
            bench = step_groups.Bench(entry, quick(CPU, 1), fake, Path(name))
            self.assertEqual(set(bench.check_agreement(fake)), {"dense@fp32", "ours@fp32"})
        self.assertEqual((rates, fake.dropout), ([agreement.LEARNING_RATE] * 3, 0.0))

    def test_what_a_gpu_did_stands_beside_the_call_that_it_did_it_in(self) -> None:
        shares = iter((0.5, 0.9))

        class FakeProgram:
            def steps(self, case, precision, dropout, init, data, count, rate) -> ProgramSteps:
                event = {"tokens": 1, "tokens_per_s": 1000.0}
                return ProgramSteps([event] * count, 3.0, 2.0, 1, next(shares))

        entry = Entry(CASE, (), precisions=("fp32",))
        with tempfile.TemporaryDirectory() as name:
            bench = step_groups.Bench(entry, quick(CPU, 1), FakeProgram(), Path(name))
            with mock.patch.object(step_groups, "progress"):
                group = bench.time(None, "full", {}, {})
        self.assertEqual(group["calls"]["ours@fp32"]["samples_ms"], [1.0, 1.0])
        self.assertEqual(group["calls"]["ours@fp32"]["gpu_utilisation"], 0.7)
        self.assertNotIn("gpu_utilisation", group["calls"]["gemm@fp32"])

    def test_the_peak_of_lines_is_that_of_many_different_batches(self) -> None:
        starts, targets = self.starts()
        self.assertEqual(len(set(targets)), 7)
        ours, dense = "ours@fp32", "dense@fp32"
        self.assertEqual({call: start["peak_bytes"] for call, start in starts["lines"].items()},
                         {ours: 7, dense: 7})
        self.assertEqual({call: start["peak_bytes"] for call, start in starts["full"].items()},
                         {ours: 2, dense: 2})
        for rows in ("full", "lines"):
            self.assertEqual(starts[rows][dense]["first_step_s"], 9.0)
            self.assertEqual(starts[rows][ours]["startup_s"], 2.0)

    def test_a_peer_takes_as_many_steps_as_asked_for_on_all_batches(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_folder(folder / "data", CASE, [[12, 5], [12, 6], [12, 7]])
            models.write_initial_weights(folder / "init.safetensors", CASE)
            request = peer_process.PeerRequest(
                CASE.as_dict(), "dense", "fp32", f"{folder}/init.safetensors", f"{folder}/data",
                "cpu", threads=1, steps=4,
            )  # fmt: skip
            with mock.patch.object(Training, "step") as step:
                found = peer_process.answer(request)
        batches = [call.args[1] for call in step.call_args_list]
        targets = [(batch.labels_BT != NO_TARGET).sum().item() for batch in batches]
        self.assertEqual(targets, [15, 16, 17, 15])
        self.assertGreater(found["peak_bytes"], 50e6)

    def test_on_a_gpu_both_sides_count_what_the_allocator_holds(self) -> None:
        with (
            mock.patch.object(torch.cuda, "max_memory_allocated", return_value=5),
            mock.patch.object(torch.cuda, "max_memory_reserved", return_value=7),
        ):
            self.assertEqual(peer_process.peak_of_this_process(torch.device("cuda")), 7)
        self.assertGreater(peer_process.peak_of_this_process(CPU), 50e6)
