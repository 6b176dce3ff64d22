"""scripts/compare_runs.py: groups of runs, what can be told of them, and the picture."""

import contextlib
import io
import json
import os
import re
import statistics
import unittest
import warnings
from pathlib import Path
from unittest import mock

from fake_runs import FakeRun
from fake_sweeps import KINDS, FakeRow, FakeSweep, equal_time, settings, study
from support import REPOSITORY, ScriptTestCase

import compare_runs
from hgnn_tools import plot_style
from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE
from hgnn_tools.markdown_text import as_cell, as_text
from hgnn_tools.reporting import group_comparison, run_groups
from hgnn_tools.reporting.plot_curves import draw_panel
from hgnn_tools.reporting.run_groups import read_groups
from hgnn_tools.reporting.without_effect import WITHOUT_EFFECT
from hgnn_tools.run_folder import read_run

NOISE = "no difference can be told from seed noise"


class CompareRunsTest(ScriptTestCase):
    def setUp(self) -> None:
        super().setUp()
        for name, coupler, shift in (("gnn", "GNN", 0.0), ("hgnn", "HGNN", -0.05)):
            for seed in (1, 2, 3):
                fake = FakeRun(coupler=coupler, seed=seed, loss_shift=shift)
                fake.write(self.folder / f"{name}-seed-{seed}")

    def compare(self, *arguments: object) -> str:
        """Standard output and error, in this process with every warning an error. Texts are names
        in the test's folder."""
        parser = compare_runs.build_parser()
        texts = [str(self.folder / one) if isinstance(one, str) else str(one) for one in arguments]
        args = parser.parse_args([*texts, f"--out={self.folder / 'picture.png'}"])
        text = io.StringIO()
        with (
            contextlib.redirect_stdout(text),
            contextlib.redirect_stderr(text),
            mock.patch.object(plot_style, "DPI", 20),  # quick
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error")
            compare_runs.compare(args)
        return text.getvalue()

    def best(self, name: str) -> float:
        events = read_run(self.folder / name).of_kind("eval")
        return min(event["loss"] for event in events)

    def table_lines(self, output: str, text: str) -> list[str]:
        lines = output.splitlines()
        return [line for line in lines if line.startswith("|") and as_cell(text) in line]

    def test_globs_of_seeds_are_paired(self) -> None:
        output = self.compare("gnn-seed-*", "hgnn-seed-*")
        mean = statistics.fmean(
            self.best(f"hgnn-seed-{seed}") - self.best(f"gnn-seed-{seed}") for seed in (1, 2, 3)
        )
        self.assertRegex(
            output, rf"\| HGNN +\| 3 .*\| GNN +\| 1 to 3 +\| +{mean:.4f}".replace("-0", "−0")
        )
        self.assertIn("lower loss, by more than seed noise (paired by seed)", output)
        self.assertTrue((self.folder / "picture.png").read_bytes().startswith(b"\x89PNG"))

    def test_folders_that_the_shell_has_expanded_are_grouped_alike(self) -> None:
        names = [f"{name}-seed-{seed}" for name in ("gnn", "hgnn") for seed in (1, 2, 3)]
        self.assertEqual(self.compare(*names), self.compare("gnn-seed-*", "hgnn-seed-*"))

    def test_other_seeds_are_compared_unpaired(self) -> None:
        output = self.compare("gnn-seed-[12]", "hgnn-seed-3")
        self.assertIn("cannot be told from one seed", output)
        FakeRun(coupler="HGNN", seed=4).write(self.folder / "hgnn-seed-4")
        self.assertIn("(Welch)", self.compare("gnn-seed-[12]", "hgnn-seed-[34]"))

    def test_single_runs_tell_nothing_without_noise(self) -> None:
        runs = ("gnn-seed-1", "hgnn-seed-1")
        self.assertIn("cannot be told from one seed", self.compare(*runs))
        sweep = FakeSweep(study()).write(self.folder / "sweep")
        output = self.compare(*runs, Path("--noise"), sweep)
        self.assertIn(f"{NOISE} (pooled seed noise)", output)
        self.assertIn("pooled over 15 configurations with 30 degrees of freedom", output)
        own = self.compare("gnn-seed-*", "hgnn-seed-*", Path("--noise"), sweep)
        self.assertIn("(paired by seed)", own, "runs with seeds of their own need no other noise")

    def test_options_that_change_no_result_make_no_groups(self) -> None:
        """Nor do options that one version of the program does not have, which is said."""
        common = {"dataset_name": "mine", "temperature": 0.5, "top_k": 5, "sample_tokens": 9}
        other = {"dataset_name": "/there/mine", "temperature": 0.7, "match_parameters": "/a.json"}
        for seed, options in ((7, common), (8, other)):
            folder = FakeRun(coupler="MEAN", seed=seed, options=options).write(
                self.folder / f"mean-{seed}"
            )
            stored = json.loads((folder / "config.json").read_text())
            stored["data_folder"] = f"/data/{seed}/mine"
            (folder / "config.json").write_text(json.dumps(stored))
        output = self.compare("mean-*")
        self.assertRegex(output, r"\| 2 +\|")
        self.assertIn("so their spread is the seed noise", output)
        told = "the data lie in different folders (/data/7/mine, /data/8/mine): these losses"
        self.assertIn(told, output)
        self.assertNotIn("not all runs", output)
        FakeRun(coupler="MEAN", seed=9, options={**common, "new": 1}).write(self.folder / "mean-9")
        output = self.compare("mean-*")
        self.assertIn("mean-* have the options new: they are of several versions", output)
        FakeRun(coupler="MEAN", seed=6, options={"dataset_name": "b"}).write(self.folder / "b")
        output = self.compare("mean-7", "b")
        self.assertIn("note: other targets (dataset_name mine and b): these losses do", output)
        self.assertNotIn("so their spread is the seed noise", output)

    def test_options_without_effect_of_the_program_are_without_effect_here(self) -> None:
        source = (REPOSITORY / "src/sweep/row_identity.cpp").read_text(encoding="utf-8")
        names = re.search(r"kWithoutEffect = \{(.*?)\}", source, re.DOTALL)[1]
        self.assertLessEqual(set(re.findall(r'"(\w+)"', names)), set(WITHOUT_EFFECT))
        self.assertEqual(len(WITHOUT_EFFECT), len(set(WITHOUT_EFFECT)))

    def test_kept_sweeps_are_doubted_as_their_runs_are(self) -> None:
        for name, length in (("first", 128), ("second", 64)):
            rows = [FakeRow(settings("GNN", 2, None, None), seed) for seed in (1, 2)]
            sweep = FakeSweep(tuple(rows)).write(self.folder / name)
            for path in sweep.glob("*/config.json"):
                stored = json.loads(path.read_text())
                stored["config"].update(max_seq_length=length, dataset_name=f"/here/{name}")
                path.write_text(json.dumps(stored))
            self.succeed("report.py", sweep, "--keep", self.folder / f"kept-{name}")
        output = self.compare("kept-first", "kept-second")
        told = "other targets (dataset_name first and second, max_seq_length 128 and 64): these"
        self.assertIn(f"note: {told} losses do not compare", output)
        (line,) = self.table_lines(output, told)
        self.assertNotIn("seed noise", line)

    def test_seeds_alone_are_the_noise(self) -> None:
        output = self.compare("gnn-seed-*")
        self.assertIn("differ in their seed alone, so their spread is the seed noise", output)

    def test_one_run_is_compared_with_nothing(self) -> None:
        output = self.compare("gnn-seed-1")
        self.assertIn("There is one run alone, so there is nothing to compare it with.", output)
        self.assertNotIn("seed noise", output)

    def test_groups_are_named_by_what_tells_them_apart(self) -> None:
        """Not by defaults that all of a kind have, nor after the first of their runs; rows have the
        marks that the legend tells."""
        same = {"hgnn_activation": "none", "hyperedge_weighting": "pyg", "synthetic_data": True}
        for name, rate in (("slow", 0.1), ("fast", 0.2)):
            for seed in (1, 2):
                options = {**same, "learning_rate": rate}
                FakeRun(seed=seed, options=options).write(self.folder / f"{name}-seed-{seed}")
                if name == "slow":
                    FakeRun("GNN", seed=seed, options=options).write(self.folder / f"graph-{seed}")
        patterns = [str(self.folder / f"{name}-*") for name in ("graph", "slow", "fast")]
        groups = read_groups(patterns, "best_eval_loss")
        names = ["GNN, rate=0.1 §", "HGNN, rate=0.1 §", "HGNN, rate=0.2 §"]
        self.assertEqual(run_groups.names_of(groups), names)
        alone = read_groups([str(self.folder / "slow-*")], "best_eval_loss")
        self.assertEqual(run_groups.names_of(alone), [f"{self.folder}/slow-* §"])
        folders = [str(self.folder / f"slow-seed-{seed}") for seed in (1, 2)]
        found = run_groups.names_of(read_groups(folders, "best_eval_loss"))
        self.assertEqual(found, [f"{folders[0]} and 1 other §"])

    def test_runs_that_are_not_done_are_one_line_a_reason(self) -> None:
        rows = [
            FakeRow(settings("GNN", e, None, None), 1, "pending", writes="nothing")
            for e in (2, 4, 8, 16, 32)
        ]
        sweep = FakeSweep(tuple(rows)).write(self.folder / "sweep")
        notes = run_groups.doubts(read_groups([str(sweep)], "best_eval_loss"))
        (told,) = [note for note in notes if "pending" in note]
        self.assertTrue(told.startswith("5 runs are pending, so their losses are not compared: "))
        self.assertTrue(told.endswith("; and 2 more"))

    def test_a_run_without_its_events(self) -> None:
        folder = FakeRun().write(self.folder / "silent")
        (folder / "metrics.jsonl").unlink()
        summary = json.loads((folder / "run_summary.json").read_text())
        (folder / "run_summary.json").write_text(json.dumps({**summary, "best_eval_loss": 3.5}))
        notes = run_groups.doubts(read_groups([str(folder)], "best_eval_loss"))
        told = "silent has the best loss 3.5 in run_summary.json, which is not compared because its"
        self.assertIn(f"{told} metrics.jsonl is missing or empty", notes)

    def test_one_configuration_twice_is_two_groups(self) -> None:
        """As of two versions of the program."""
        for seed in (1, 2):
            FakeRun(coupler="GNN", seed=seed).write(self.folder / f"again-seed-{seed}")
        output = self.compare("gnn-seed-[12]", "again-seed-*")
        self.assertIn(NOISE, output)
        self.assertRegex(output, r"\n\| \S+again-seed-\\\* +\| 2 ")

    def test_two_sweeps_setting_by_setting(self) -> None:
        first = FakeSweep(study((1, 2))).write(self.folder / "first")
        rows = tuple(row for row in study((1, 2)) if row.settings["num_experts"] == 8)
        new = FakeRow(settings("GNN", 64, None, None))
        second = FakeSweep((rows[0], study((1, 2))[-1], new)).write(self.folder / "second")
        self.assertEqual(first.name, "first")
        output = self.compare("first", second.name)
        self.assertNotIn("lower loss, by", output)
        lines = self.table_lines(output, str(second))
        self.assertEqual(len(lines), 3)
        self.assertRegex(
            lines[2], r"E=64.*\| – +\| +– \|"
        )  # the first sweep has none to compare with

        self.assertIn("Of 3 configurations of the other sweeps 1 has no partner of", output)

    def test_sweeps_without_a_common_setting_are_told(self) -> None:
        for name, experts in (("first", 4), ("second", 8)):
            rows = [FakeRow(settings("GNN", experts, None, None), seed) for seed in (1, 2)]
            FakeSweep(tuple(rows)).write(self.folder / name)
        output = self.compare("first", "second")
        self.assertIn("Of 1 configuration of the other sweeps 1 has no partner of", output)
        first = as_text(str(self.folder / "first"))
        self.assertIn(f"group in {first} and is compared", output)
        self.assertNotIn("no partner", self.compare("first", "first"))
        self.assertNotIn("no partner", self.compare("first", "gnn-seed-*"))

    def test_groups_of_equal_settings_have_their_own_partners(self) -> None:
        """Equal steps are not compared with equal time."""
        mean = settings("MEAN", 4, None, None)
        by_steps = [FakeRow(mean, seed, group="equal steps") for seed in (1, 2)]
        by_time = equal_time("equal time", "MEAN", (90, 110))
        FakeSweep((*by_steps, *by_time)).write(self.folder / "first")
        second = FakeSweep((*by_time, *by_steps)).write(self.folder / "second")
        output = self.compare("first", "second")
        lines = [line.split("|") for line in self.table_lines(output, str(second))]
        self.assertEqual(len(lines), 2)
        for cells in lines:
            label = cells[1].partition(" (")[0].strip()
            self.assertTrue(cells[6].strip().startswith(f"{label} ("), cells)
            self.assertIn("+0.0000", cells[8])

    def test_lengths_that_a_sweep_chose_make_no_groups(self) -> None:
        mean = settings("MEAN", 4, None, None)
        by_steps = [FakeRow(mean, seed, group="equal steps") for seed in (1, 2)]
        by_time = equal_time("as long as HGNN", "MEAN", (90, 110, 130))
        other = equal_time("as long as GNN", "MEAN", (60, 70, 80))
        sweep = FakeSweep((*by_steps, *by_time, *other)).write(self.folder / "sweep")
        output = self.compare("sweep/coupler*")
        self.assertRegex(output, r"\| steps=120, epochs=2, equal steps +\| 2 ")
        self.assertRegex(output, r"\| steps=by match_time, as long as GNN +\| 3 ")
        self.assertNotRegex(output, "steps=(60|90)|epochs=1")
        groups = read_groups([str(sweep / "coupler*")], "best_eval_loss")
        seeds = sorted((one.configuration.rows[0].group, one.configuration.seeds) for one in groups)
        self.assertEqual(
            seeds, [("as long as GNN", "3"), ("as long as HGNN", "3"), ("equal steps", "2")]
        )
        for group in groups:
            self.assertEqual(len({row.group for row in group.configuration.rows}), 1)
        self.assertRegex(self.compare("sweep"), r"\| steps=by match_time, as long as HGNN +\| 3 ")

    def test_chosen_lengths_of_folders_without_their_sweep(self) -> None:
        for row in equal_time("equal time", "MEAN", (90, 110)):
            row.write(self.folder / f"mean-{row.seed}")
        output = self.compare("gnn-seed-*", "mean-*")
        self.assertRegex(output, r"MEAN, .*steps=by match_time.*\| 2 ")

    def test_how_often_a_run_evaluates_is_no_seed(self) -> None:
        for seed, every in ((1, 10), (2, 2)):
            FakeRun(seed=seed, options={"eval_every": every}).write(self.folder / f"every-{every}")
        output = self.compare("every-*")
        self.assertRegex(output, r"\| eval_every=10 +\| 1 ")
        self.assertRegex(output, r"\| eval_every=2 +\| 1 ")
        self.assertNotIn("Numbers of evaluations", output)
        FakeRun(steps=60).write(self.folder / "short")
        output = self.compare("every-10", "short")
        self.assertRegex(output, r"Numbers of evaluations differ: 5 \(.*\); 3 \(.*\)\.")

    def test_a_sweep_by_itself(self) -> None:
        FakeSweep(study((1, 2, 3))).write(self.folder / "sweep")
        output = self.compare("sweep")
        self.assertEqual(output.count("MEAN, E=2"), 15)  # first in its row, then what others face
        self.assertIn("Of 14 intervals at 95 %, 0.7 would miss 0 by chance", output)

    def test_of_runs_without_times_losses_are_drawn_over_tokens_alone(self) -> None:
        sweep = FakeSweep(study((1, 2))).write(self.folder / "sweep")
        table = json.loads((sweep / "sweep.json").read_text())
        (sweep / "sweep.json").write_text(json.dumps({**table, "times": False}))
        with mock.patch.object(group_comparison, "draw_panel", wraps=draw_panel) as drawn:
            self.assertNotIn("training, min", self.compare("sweep"))
            self.assertEqual([call.args[2] for call in drawn.call_args_list], ["tokens"])
            drawn.reset_mock()
            self.compare("gnn-seed-*", "sweep")
            self.assertEqual([call.args[2] for call in drawn.call_args_list], ["tokens"])
            drawn.reset_mock()
            self.compare("gnn-seed-*")
            self.assertEqual([call.args[2] for call in drawn.call_args_list], ["tokens", "minutes"])

    def test_doubts_are_said(self) -> None:
        FakeRun(coupler="MEAN", diverges_at=50).write(self.folder / "diverged")
        FakeRun(coupler="NONE", synthetic=True, options={"max_seq_length": 64}).write(
            self.folder / "other"
        )
        output = self.compare("gnn-seed-*", "diverged", "other")
        self.assertIn("diverged is diverged, so its loss is not compared", output)
        self.assertIn("n/a (no finished run) (1 of 1 seeds diverged)", output)
        told = "other targets (data real and synthetic, max_seq_length none and 64): these losses"
        self.assertIn(f"{told} do not compare", output)
        self.assertIn("SYNTHETIC DATA", output)

    def test_a_run_without_evaluation(self) -> None:
        FakeRun(evaluates=False).write(self.folder / "none")
        output = self.compare("none")
        self.assertIn("none has no finite evaluation loss", output)
        self.assertIn("no picture.png: no run has an evaluation", output)

    def test_errors(self) -> None:
        script, run = "compare_runs.py", self.folder / "gnn-seed-1"
        self.assertIn("does not exist", self.fail_with(EXIT_USAGE, script, self.folder / "absent"))
        self.assertIn("config.json", self.fail_with(EXIT_DATA, script, self.folder))
        message = self.fail_with(EXIT_USAGE, script, self.folder / "absent-*")
        self.assertIn("names no run folder", message)
        sweep = KINDS["one_run"].write(self.folder / "sweep")
        message = self.fail_with(EXIT_DATA, script, run, "--noise", sweep)
        self.assertIn("no configuration of", message)

    def test_the_picture_goes_where_the_user_is(self) -> None:
        here = Path.cwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, here)
        self.assertIn("\ncomparison.png\n", self.succeed("compare_runs.py", "gnn-seed-1"))
        self.assertTrue((self.folder / "comparison.png").exists())


if __name__ == "__main__":
    unittest.main()
