"""bench/step/largest_batch.py with a made-up program that holds so many rows, and its promises."""

from dataclasses import dataclass, field
import io
import json
from pathlib import Path
import tempfile
import unittest
from contextlib import redirect_stderr

from support import GPU
from full_environment import torch
from step import largest_batch, step_groups, tables, targets
from step.case import GPU_CASE, Case
from step.largest_batch import largest_that_fits
from step.plan import Entry, Plan, full
from step.program import ProgramFailed, ProgramSteps, of_gpu

CPU = torch.device("cpu")
SMALL = Case("HGNN", dim=64, layers=1, batch=4, length=8, vocab=64)
H200 = GPU | {"device": "NVIDIA H200"}


@dataclass
class FakeProgram:
    """Its memory holds `rows` rows; steps take 5 ms, after those that warm up a millisecond."""

    rows: int
    exit_code: int = largest_batch.OUT_OF_MEMORY
    captured_rows: int = 1000
    seen: list[tuple[int, int]] = field(default_factory=list)

    def steps(self, case, precision, dropout, init, data, count) -> ProgramSteps:
        assert init.is_file() and data.is_dir() and precision == "bf16" and dropout == 0.1
        self.seen.append((case.batch, count))
        if case.batch > self.rows:
            raise ProgramFailed("no memory", self.exit_code)
        events = [{"tokens": 10, "tokens_per_s": 2000.0}] * 2
        events += [{"tokens": 10, "tokens_per_s": 10_000.0}] * (count - 2)
        busy = 0.95 if count > 2 else None
        captured = case.batch <= self.captured_rows
        return ProgramSteps(events, 3.0, 2.0, 1000 * case.batch, busy, captured)


def measured(program: FakeProgram) -> dict:
    entry = Entry(SMALL, (), rows=("full",), precisions=("bf16",), alone="largest")
    plan = Plan(CPU, 1, 3, (entry,), peer_steps=1, program_steps=4, warm_up_steps=2)
    with redirect_stderr(io.StringIO()):
        (group,) = step_groups.measure_entry(entry, plan, program)
    return group


class LargestBatchTest(unittest.TestCase):
    def test_the_largest_of_doublings_and_their_middles(self) -> None:
        for rows, largest in ((4, 4), (5, 4), (6, 6), (7, 6), (8, 8), (47, 32), (48, 48)):
            tried: list[int] = []

            def fits(size: int, rows: int = rows, tried: list[int] = tried) -> bool:
                tried.append(size)
                return size <= rows

            self.assertEqual(largest_that_fits(fits, 4), largest, rows)
            self.assertEqual(len(tried), len(set(tried)), "a size was tried twice")

    def test_steps_that_warm_up_do_not_count(self) -> None:
        program = FakeProgram(rows=14)
        group = measured(program)
        call = group["calls"]["ours@bf16"]
        self.assertEqual((group["batch"], group["id"]), (12, f"{SMALL.name}/largest"))
        self.assertEqual(call["samples_ms"], [1.0, 1.0, 1.0])
        self.assertEqual((call["peak_bytes"], call["gpu_utilisation"]), (12_000, 0.95))
        self.assertEqual(group["tokens"], 12 * 8)
        self.assertEqual(program.seen, [(8, 2), (16, 2), (12, 2), (12, 6), (12, 6), (12, 6)])

    def test_a_batch_that_fits_uncaptured_alone_does_not_fit(self) -> None:
        self.assertEqual(measured(FakeProgram(rows=100, captured_rows=14))["batch"], 12)

    def test_it_can_be_measured_by_itself(self) -> None:
        plan = full(torch.device("cuda"), 1, 5)
        alone = plan.only(f"{GPU_CASE.name}/largest").entries
        self.assertEqual([entry.alone for entry in alone], ["largest"])
        self.assertEqual(len(plan.only(GPU_CASE.name).entries), 2)

    def test_only_memory_ends_the_search(self) -> None:
        with self.assertRaisesRegex(ProgramFailed, "no memory"):
            measured(FakeProgram(rows=14, exit_code=2))

    def test_without_the_program_there_is_nothing(self) -> None:
        plan = full(torch.device("cuda"), 1, 5)
        (entry,) = [entry for entry in plan.entries if entry.alone]
        self.assertEqual(entry.case, GPU_CASE)
        self.assertEqual(step_groups.measure_entry(entry, plan, None), [])
        self.assertEqual(len(set(plan.group_ids())), len(plan.group_ids()))
        self.assertFalse(any(entry.alone for entry in full(CPU, 1, 5).entries))

    def test_a_summary_says_what_the_gpu_did(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            for graphs, captured in ((None, False), ({"count": 8}, True)):
                summary = {"peak_memory_bytes": 5, "gpu_utilisation": 0.5, "cuda_graphs": graphs}
                Path(name, "run_summary.json").write_text(json.dumps(summary), encoding="utf-8")
                found = {"peak_bytes": 5, "gpu_utilisation": 0.5, "captured": captured}
                self.assertEqual(of_gpu(Path(name)), found)


class PromisesTest(unittest.TestCase):
    def found(self, milliseconds: float, busy: float) -> dict:
        group = measured(FakeProgram(rows=14)) | {"needed_flops": 4e12}
        call = {"median_ms": milliseconds, "samples_ms": [milliseconds], "gpu_utilisation": busy}
        group["calls"] = {"ours@bf16": call}
        return {
            one["what"]: one
            for one in targets.evaluate([group], H200, scale=False, quick=False)
        }

    def test_its_promises_are_its_own(self) -> None:
        share = "bf16, MFU at the largest batch that fits"
        busy = "bf16, share of the time in which the GPU is busy"
        good, bad = self.found(10.0, 0.91), self.found(10.2, 0.89)
        self.assertEqual(set(good), {share, busy})
        self.assertEqual([good[share]["reached"], good[busy]["reached"]], [True, True])
        self.assertEqual([bad[share]["reached"], bad[busy]["reached"]], [False, False])

    def test_its_table_names_no_limit(self) -> None:
        lines = tables.step_tables([measured(FakeProgram(rows=14))])
        self.assertIn("12 × 8 tokens, full rows, the largest batch that fits:", lines[0])
        self.assertIn("| **ours** | bf16 | 1 |", "\n".join(lines))


if __name__ == "__main__":
    unittest.main()
