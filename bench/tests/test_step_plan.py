"""bench/step/plan.py: what is timed how often; step/main.py: what it refuses before it measures."""

import json
from pathlib import Path
import subprocess
import sys
import tempfile
import unittest

import support
from full_environment import torch
from common.result_files import SCHEMA
from step import main
from step.case import BATCHES
from step.plan import full, quick, scale

CPU = torch.device("cpu")


class PlanTest(unittest.TestCase):
    def test_on_a_gpu_only_captured_steps_are_timed(self) -> None:
        gpu = torch.device("cuda")
        for plan in (full(gpu, 1, 5), scale(gpu, 1, 5, compiled=False), quick(gpu, 1)):
            self.assertGreater(plan.warm_up_steps, 4)
            self.assertGreaterEqual(plan.program_steps, 10)
            self.assertEqual(plan.program_steps % BATCHES, 0, "all batches as often")
            self.assertEqual(plan.peer_steps, plan.program_steps, "launches are hidden alike")
        self.assertEqual(full(CPU, 1, 5).warm_up_steps, 2)

    def test_growth_has_torch_compile_where_it_is_asked_for(self) -> None:
        for compiled, expected in ((False, set()), (True, {2, 8, 16})):
            entries = scale(CPU, 1, 5, compiled).entries
            found = {e.case for e in entries if "compiled" in e.peers}
            self.assertEqual({case.experts for case in found}, expected)
            self.assertEqual({case.coupler for case in found} or {"HGNN", "GNN"}, {"HGNN", "GNN"})
            self.assertTrue(all("dense" in e.peers for e in entries if not e.alone))

    def test_every_median_is_of_five_rounds_at_least(self) -> None:
        for plan in (full(CPU, 1, 5), full(CPU, 1, 7)):
            calls = {f"{peer}@{p}" for e in plan.entries for peer, p in e.peer_calls()}
            self.assertIn("sequential@fp32", calls)
            self.assertGreaterEqual(min(map(plan.rounds_of, calls)), 5)

    def test_peaks_of_lines_come_from_fifty_lengths(self) -> None:
        self.assertEqual(full(CPU, 1, 5).distinct_batches, 50)


class MainTest(unittest.TestCase):
    def fail(self, *arguments: str) -> tuple[int, str]:
        """Exit code and the last line of a run that ends before it measures anything."""
        command = [sys.executable, "-m", "step.main", "--quick", "--program", "/none", *arguments]
        folder = support.REPOSITORY / "bench"
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        self.assertNotIn("Traceback", result.stderr)
        return result.returncode, result.stderr.splitlines()[-1]

    def test_results_of_another_machine_are_refused_in_a_sentence(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "results.json"
            machine = {"device": "Another CPU", "cores": 1, "threads": 2, "instruction_sets": []}
            versions = {"torch": torch.__version__, "torch_geometric": "2"}
            results = {"benchmark": "step", "quick": True, "ours": main.OURS_MISSING}
            results |= {"schema": SCHEMA, "machine": machine, "versions": versions, "groups": []}
            path.write_text(json.dumps(results), encoding="utf-8")
            code, line = self.fail("--only", "gnn", "--out", str(path))
        self.assertEqual(code, 3)
        self.assertIn("results.json holds results of device Another CPU, this is", line)
        self.assertTrue(line.endswith("leave out --only, or give another --out"), line)

    def test_options_that_mean_nothing(self) -> None:
        for arguments, said in (
            (("--only", "rnn"), "no case begins so"),
            (("--compile",), "--compile is about --scale"),
        ):
            code, line = self.fail(*arguments)
            self.assertEqual(code, 2)
            self.assertIn(said, line)
