"""scripts/compare_losses.py: differences, targets, unreadable files."""

import json
import unittest
from pathlib import Path

from support import ScriptTestCase

TARGETS = {"vocab_size": 4096, "sample_mode": "packed", "max_seq_length": 128}


class CompareLossesTest(ScriptTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.baselines = self.write(
            "baselines.json", json.dumps({"unigram_loss": 6.5, "bigram_loss": 4.75} | TARGETS)
        )

    def finished_run(self, final_eval_loss: float | None, **changes: object) -> Path:
        stored = TARGETS | {"num_eval_samples": -1} | changes
        # The resolved size is that of the data, beside the option, which such a run leaves unset.
        vocab_size = stored.pop("vocab_size")
        config = {"config": stored | {"vocab_size": None}, "vocab_size": vocab_size}
        self.write("run/config.json", json.dumps(config))
        summary = json.dumps({"final_eval_loss": final_eval_loss})
        return self.write("run/run_summary.json", summary).parent

    def test_differences(self) -> None:
        run = self.finished_run(5.0)
        output = self.succeed("compare_losses.py", run, "--baselines", self.baselines)
        self.assertRegex(output, r"unigram +6\.500 +this run is 1\.500 lower\n")
        self.assertRegex(output, r"interpolated bigram +4\.750 +this run is 0\.250 HIGHER\n")
        self.assertRegex(output, r"this run +5\.000\n")

    def test_targets(self) -> None:
        targets = ("--baselines", self.baselines, "--below_unigram", 2, "--below_bigram", 0.5)
        self.succeed("compare_losses.py", self.finished_run(4.25), *targets)
        for loss in (4.26, 5.0):
            message = self.fail_with(1, "compare_losses.py", self.finished_run(loss), *targets)
            self.assertIn("misses a target", message)

    def test_unfinished_run(self) -> None:
        run = self.finished_run(None)
        message = self.fail_with(3, "compare_losses.py", run, "--baselines", self.baselines)
        self.assertIn("final_eval_loss", message)

    def test_other_targets_are_refused(self) -> None:
        changes = {"vocab_size": 1024, "sample_mode": "lines", "max_seq_length": 64}
        for key, value in (changes | {"num_eval_samples": 200}).items():
            with self.subTest(key):
                run = self.finished_run(4.0, **{key: value})
                message = self.fail_with(3, "compare_losses.py", run, "--baselines", self.baselines)
                self.assertIn(f"{key} ", message)
                self.assertIn(str(value), message)

    def test_missing_files(self) -> None:
        absent = self.folder / "absent"
        message = self.fail_with(3, "compare_losses.py", absent, "--baselines", self.baselines)
        self.assertIn("run_summary.json", message)


if __name__ == "__main__":
    unittest.main()
