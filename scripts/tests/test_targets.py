"""Losses of other targets: no difference, no interval and no verdict, in either script."""

import json
from pathlib import Path
from typing import Any
from unittest import main

from fake_runs import FakeRun
from fake_sweeps import FakeRow, FakeSweep
from report_page import ReportTestCase

from hgnn_tools.reporting.configurations import Configuration
from hgnn_tools.reporting.group_comparison import comparison_table
from hgnn_tools.reporting.run_groups import doubts, read_groups
from hgnn_tools.reporting.sweep_folder import Row
from hgnn_tools.reporting.targets import differing_targets
from hgnn_tools.seed_statistics import Noise

# What a sweep may vary, the baseline's value first.
VARIED = {
    "max_seq_length": (16, 8),
    "vocab_size": (64, 32),
    "sample_mode": ("lines", "packed"),
    "num_eval_samples": (-1, 32),
    "dataset_name": ("/a/mine", "/b/mine"),
    "dataset_config_name": ("v1", "v2"),
    "synthetic_data": (False, True),
}


def sweep_over(option: str, values: tuple[Any, ...], **more: Any) -> FakeSweep:
    asked = {"title": "?", "factor": option, "baseline": {option: values[0]}}
    rows = [
        FakeRow({option: value, **more}, seed, synthetic=value is True, loss_shift=0.5 * place)
        for place, value in enumerate(values)
        for seed in (1, 2, 3)
    ]
    return FakeSweep(tuple(rows), (asked,))


class ReportTest(ReportTestCase):
    def test_other_targets_have_no_verdict(self) -> None:
        for option, values in VARIED.items():
            with self.subTest(option):
                self.folder = self.folder / option
                self.write_report(sweep_over(option, values))
                row = self.rows("question-1")[1]
                self.assertRegex(row["verdict"], r"^other targets \(.* and .*\): these losses do")
                for key in ("difference", "difference_interval_low", "common_seeds"):
                    self.assertEqual(row[key], "", key)
                short = self.markdown.partition("## 1.")[2].partition("## 2.")[0]
                self.assertIn("these losses do not compare", short)
                self.assertNotRegex(self.markdown, "higher loss|lower loss|by chance alone")
                self.assertNotIn("Pareto front has", self.markdown)
                self.assertIn("No Pareto front: the configurations have other", self.markdown)
                names = {path.stem for path in (self.folder / "sweep/report/csv").iterdir()}
                self.assertFalse(names & {"pareto", "equal-loss-1"})

    def test_who_is_lowest_of_other_targets_is_not_said(self) -> None:
        fake = sweep_over("max_seq_length", (16, 8))
        self.write_report(FakeSweep(fake.rows))
        self.assertIn("no baseline to compare with; other targets (max_seq_length", self.markdown)
        self.assertNotIn("lowest mean loss", self.markdown)

    def test_equal_targets_are_compared(self) -> None:
        """Whatever else differs, where the runs lay included."""
        self.write_report(sweep_over("learning_rate", (0.001, 0.002), max_seq_length=16))
        self.assertEqual(self.rows("question-1")[1]["verdict"], "higher loss")


class CompareRunsTest(ReportTestCase):
    def groups(self, **options: Any) -> list[Any]:
        for name, more in (("a", {}), ("b", options)):
            for seed in (1, 2):
                config = {"max_seq_length": 16, "vocab_size": 64, "dataset_name": "mine", **more}
                FakeRun(seed=seed, loss_shift=0.5 * bool(more), options=config).write(
                    self.folder / f"{name}-{seed}"
                )
        patterns = [str(self.folder / f"{name}-*") for name in "ab"]
        return read_groups(patterns, "best_eval_loss")

    def test_other_targets_have_no_verdict(self) -> None:
        """Nor with the noise of a sweep."""
        groups = self.groups(vocab_size=32)
        told = "other targets (vocab_size 64 and 32): these losses do not compare"
        self.assertEqual(doubts(groups), [told])
        for noise in (None, Noise(0.01, 4, 2)):
            row = comparison_table(groups, noise).rows[1]
            self.assertEqual(row["verdict"], told)
            self.assertEqual((row["difference"], row["difference_interval"]), (None, None))

    def test_a_path_of_another_machine_is_no_other_data(self) -> None:
        groups = self.groups(dataset_name="/there/mine", learning_rate=0.1)
        self.assertRegex(comparison_table(groups, None).rows[1]["verdict"], "^higher loss")


class TargetsTest(ReportTestCase):
    def test_what_is_not_known_is_no_difference(self) -> None:
        known = Configuration((Row("a", "done", 1, {}, options={"vocab_size": 5}),), "x")
        unknown = Configuration((Row("b", "done", 1, {}),), "x")
        other = Configuration((Row("c", "done", 1, {"vocab_size": 6}),), "x")
        self.assertEqual(differing_targets([known, unknown]), "")
        self.assertEqual(differing_targets([known, unknown, other]), "vocab_size 5 and 6")

    def test_names_of_generated_data_do_not_count(self) -> None:
        rows = [
            Row(name, "done", 1, {}, options={"synthetic_data": True, "dataset_name": name})
            for name in "ab"
        ]
        self.assertEqual(differing_targets(Configuration((row,), "x") for row in rows), "")


class DataModeTest(ReportTestCase):
    """A kept sweep tells of its data by config.json, newer ones in sweep.json, too."""

    def kept(self, **fields: Any) -> Path:
        sweep = sweep_over("learning_rate", (0.1, 0.2)).write(self.folder / "sweep")
        for path in sweep.glob("*/run_summary.json"):
            path.write_text(path.read_text().replace('"real"', '"synthetic"'))
        for path in sweep.glob("*/config.json"):
            stored = json.loads(path.read_text())
            stored["config"]["synthetic_data"] = True
            path.write_text(json.dumps(stored))
        kept = self.folder / "kept"
        self.run_report(sweep, "--keep", kept)
        (kept / "config.json").unlink()
        table = json.loads((kept / "sweep.json").read_text())
        table["rows"] = [{**row, **fields} for row in table["rows"]]
        (kept / "sweep.json").write_text(json.dumps(table))
        self.run_report(kept)
        return kept / "report" / "report.md"

    def test_without_config_json_it_is_said_that_nothing_tells(self) -> None:
        told = self.kept().read_text()
        self.assertIn("real or generated nothing tells of 6 of 6 runs: config.json is mis", told)
        self.assertNotIn("SYNTHETIC", told)

    def test_the_rows_of_the_table_tell_it(self) -> None:
        told = self.kept(data_mode="synthetic").read_text()
        self.assertIn("(SYNTHETIC DATA)", told)
        self.assertNotIn("nothing tells", told)


if __name__ == "__main__":
    main()
