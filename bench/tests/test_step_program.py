"""bench/step/program.py with a program that only writes its steps; agreement.py."""

from dataclasses import dataclass
import json
from pathlib import Path
import sys
import tempfile
import textwrap
import time
import unittest

import support  # noqa: F401  (the path)
from step import agreement
from step.case import Case
from step.program import Program, ProgramFailed, read_steps, startup_seconds

# Writes its own arguments and process id beside it, then a step every 50 ms for 10 s.
FAKE = """
    import json, os, pathlib, sys, time
    options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    pathlib.Path(__file__).with_name("seen").write_text(json.dumps([os.getpid(), sys.argv[1:]]))
    run = pathlib.Path(options["--checkpoint_dir"], options["--run_name"])
    run.mkdir()
    if options["--precision"] == "bf16":
        sys.exit("error: no such precision")
    memory = bytearray(50_000_000)
    (run / "train.log").write_text("12:00:00 info first step after 0.04 s\\n")
    with open(run / "metrics.jsonl", "w") as metrics:
        metrics.write('{"event":"coupler","step":0,"layer":0}\\n')
        for step in range(1, 200):
            time.sleep(0.05)
            seconds = (35 + step) / 1e3
            times = {"forward_ms": 1, "tokens": 70, "tokens_per_s": 70 / seconds}
            event = {"event": "step", "step": step, "loss": 5.5, "grad_norm": 1.0, **times}
            metrics.write(json.dumps(event, separators=(",", ":")) + "\\n")
            metrics.flush()
"""


class ProgramTest(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        path = self.folder / "fake_train"
        path.write_text(f"#!{sys.executable}\n{textwrap.dedent(FAKE)}", encoding="utf-8")
        path.chmod(0o755)
        self.program = Program(path, "cpu", threads=2)

    def steps(self, precision: str, count: int):
        init, data = self.folder / "init.safetensors", self.folder / "data"
        return self.program.steps(Case("HGNN"), precision, 0.1, init, data, count)

    def test_as_many_steps_as_asked_for_and_the_process_is_gone(self) -> None:
        start = time.monotonic()
        steps = self.steps("fp32", 3)
        self.assertLess(time.monotonic() - start, 5, "the run came to its end")
        for found, expected in zip(steps.step_ms, [36, 37, 38], strict=True):
            self.assertAlmostEqual(found, expected)
        self.assertTrue(0.05 <= steps.first_step_s < 5, steps.first_step_s)
        self.assertEqual(steps.startup_s, 0.04)
        self.assertTrue(50e6 < steps.peak_bytes < 500e6, steps.peak_bytes)
        pid = int((self.folder / "seen").read_text(encoding="utf-8").strip("[]").split(",")[0])
        time.sleep(0.05)
        self.assertFalse(Path(f"/proc/{pid}").exists())

    def test_the_run_is_told_the_case(self) -> None:
        self.steps("fp32", 1)
        seen = (self.folder / "seen").read_text(encoding="utf-8")
        for words in (
            '"--coupler_type", "HGNN"',
            '"--num_experts", "4"',
            '"--num_heads", "6"',
            '"--dropout_rate", "0.1"',
            '"--learning_rate", "0.0005"',
            '"--lr_schedule", "constant"',
            '"--threads", "2"',
            '"--no_shuffle"',
        ):
            self.assertIn(words, seen)

    def test_a_failure_says_what_the_program_said(self) -> None:
        with self.assertRaisesRegex(ProgramFailed, "no such precision"):
            self.steps("bf16", 1)

    def ending_with(self, code: int) -> Program:
        """A program on a GPU that writes three steps and a summary, and ends so a while later."""
        summary = {"peak_memory_bytes": 7, "gpu_utilisation": None, "cuda_graphs": None}
        text = self.program.path.read_text(encoding="utf-8").replace("range(1, 200)", "range(1, 4)")
        text += f"(run / 'run_summary.json').write_text({json.dumps(summary)!r})\n"
        path = self.folder / f"ends_with_{code}"
        path.write_text(f"{text}time.sleep(0.2)\nsys.exit({code})\n", encoding="utf-8")
        path.chmod(0o755)
        return Program(path, "cuda", threads=2)

    def test_a_run_on_a_gpu_counts_when_it_came_to_its_end(self) -> None:
        """All steps are written before the evaluation and the checkpoint that may lack memory."""
        arguments = Case("HGNN"), "fp32", 0.1, self.folder / "init", self.folder / "data", 3
        self.assertEqual(self.ending_with(0).steps(*arguments).peak_bytes, 7)
        with self.assertRaises(ProgramFailed) as raised:
            self.ending_with(6).steps(*arguments)
        self.assertEqual(raised.exception.exit_code, 6)

    def test_the_log_says_when_the_first_step_began(self) -> None:
        log = "2026 info run on cpu\n2026 info first step after 1.25 s\n2026 info done\n"
        self.assertEqual(startup_seconds(log), 1.25)
        with self.assertRaisesRegex(ProgramFailed, "first step"):
            startup_seconds("2026 info run on cpu\n")

    def test_a_line_that_is_still_being_written_does_not_count(self) -> None:
        metrics = self.folder / "metrics.jsonl"
        self.assertEqual(read_steps(metrics), [])
        metrics.write_text('{"event":"step","step":1}\n{"event":"st', encoding="utf-8")
        self.assertEqual([event["step"] for event in read_steps(metrics)], [1])


@dataclass(frozen=True)
class Record:
    loss: float
    grad_norm: float = 1.0


class AgreementTest(unittest.TestCase):
    expected = (Record(10.0), Record(9.0), Record(8.0))

    def off_by(self, loss: float = 0.0, grad_norm: float = 0.0) -> tuple[Record, ...]:
        """Only the last step, relative."""
        return (*self.expected[:2], Record(8.0 * (1 + loss), 1 + grad_norm))

    def test_a_first_norm_is_of_the_same_weights(self) -> None:
        for call, most in (("ours@bf16", 1e-2), ("ours@fp32", 1e-5)):
            for off in (0.9 * most, -0.9 * most):
                records = {call: (Record(10.0, 1 + off), *self.expected[1:])}
                found = agreement.check(records, self.expected)[call]
                self.assertAlmostEqual(found["first grad_norm"], 0.9 * most)
            for off in (1.1 * most, -1.1 * most):
                records = {call: (Record(10.0, 1 + off), *self.expected[1:])}
                with self.assertRaisesRegex(agreement.Disagreement, f"first grad_norm of {call}"):
                    agreement.check(records, self.expected)

    def test_tolerances(self) -> None:
        for call, field, relative in (
            ("dense@fp32", "loss", 1e-4),
            ("dense@fp32", "grad_norm", 1e-4),
            ("ours@bf16", "loss", 2e-2),
            ("ours@bf16", "grad_norm", 1e-1),
        ):
            near = {call: self.off_by(**{field: -0.9 * relative})}
            found = agreement.check(near, self.expected)[call][field]
            self.assertAlmostEqual(found, 0.9 * relative)
            for off in (1.1 * relative, -1.1 * relative, float("nan")):
                with self.assertRaisesRegex(agreement.Disagreement, f"{field} of {call}"):
                    agreement.check({call: self.off_by(**{field: off})}, self.expected)

    def test_what_is_wrong_by_design_has_to_differ(self) -> None:
        call, wrong = "pyg_original@fp32", frozenset({"pyg_original@fp32"})
        agreement.check({call: self.expected}, self.expected)
        for records in (self.expected, self.off_by(0.9e-4, 0.9e-4), self.off_by(float("nan"))):
            with self.assertRaisesRegex(agreement.Disagreement, "mixes tokens"):
                agreement.check({call: records}, self.expected, wrong)
        for records in (self.off_by(loss=1.1e-4), self.off_by(grad_norm=1.1e-4)):
            agreement.check({call: records}, self.expected, wrong)


if __name__ == "__main__":
    unittest.main()
