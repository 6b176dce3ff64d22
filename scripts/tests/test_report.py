"""scripts/report.py: its numbers against metrics.jsonl, and what it says of what they mean."""

import json
import math
import statistics
from dataclasses import replace
from typing import Any
from unittest import main, mock

from fake_runs import FakeRun
from fake_sweeps import (
    EXPECTED,
    KINDS,
    QUESTIONS,
    STUDY,
    FakeRow,
    FakeSweep,
    equal_time,
    settings,
    study,
)
from report_page import Page, ReportTestCase, markdown_tables

# 95 % points of Student's t by degrees of freedom, from a table.
T95 = {1: 12.706204736432095, 2: 4.302652729911275}
NOISE = "no difference can be told from seed noise"
PARTS = ("data_ms", "forward_ms", "backward_ms", "optimizer_ms")


def rows_with(rows: tuple[FakeRow, ...], **wanted: Any) -> list[FakeRow]:
    return [row for row in rows if all(row.settings[key] == value for key, value in wanted.items())]


class NumbersTest(ReportTestCase):
    """Recomputed here from metrics.jsonl alone. One report for all tests: none changes it."""

    @classmethod
    def setUpClass(cls) -> None:
        writer = ReportTestCase()
        writer.setUp()
        cls.addClassCleanup(writer.doCleanups)
        writer.write_report(STUDY)
        cls.written = writer

    def setUp(self) -> None:
        self.folder, self.page = self.written.folder, self.written.page
        self.markdown = self.written.markdown
        self.gnn = {e: rows_with(study(), coupler_type="GNN", num_experts=e) for e in (2, 4, 8)}

    def test_means_deviations_and_intervals(self) -> None:
        found = self.rows("question-1")
        for row, members in zip(found, self.gnn.values(), strict=False):
            losses = [self.best(member) for member in members]
            mean, sd = statistics.fmean(losses), statistics.stdev(losses)
            self.assert_close(row["loss_mean"], mean)
            self.assert_close(row["loss_sd"], sd)
            self.assert_close(row["loss_interval_low"], mean - T95[2] * sd / math.sqrt(3))
            self.assert_close(row["loss_interval_high"], mean + T95[2] * sd / math.sqrt(3))
            self.assertEqual(row["seeds"], "3")
        self.assertEqual(found[0]["num_experts"], "2")

    def test_paired_differences(self) -> None:
        baseline, _, eight, *_ = self.rows("question-1")
        self.assertEqual((baseline["difference"], baseline["verdict"]), ("", "the baseline"))
        pairs = zip(self.gnn[2], self.gnn[8], strict=True)
        differences = [self.best(ours) - self.best(theirs) for theirs, ours in pairs]
        mean = statistics.fmean(differences)
        half = T95[2] * statistics.stdev(differences) / math.sqrt(3)
        self.assert_close(eight["difference"], mean)
        self.assert_close(eight["difference_interval_low"], mean - half)
        self.assert_close(eight["difference_interval_high"], mean + half)
        self.assertEqual((eight["method"], eight["verdict"]), ("paired by seed", "lower loss"))

    def test_noise_is_called_noise(self) -> None:
        for row in self.rows("question-3"):
            if row["verdict"] != "the baseline":
                low, high = (float(row[f"difference_interval_{end}"]) for end in ("low", "high"))
                self.assertEqual(row["verdict"] == NOISE, low <= 0 <= high)
        self.assertIn(NOISE, [row["verdict"] for row in self.rows("question-3")])

    def test_costs(self) -> None:
        found = {
            (row["coupler_type"], row["num_experts"]): row
            for row in self.rows("costs")
            if row["coupler_type"] == "GNN"
        }
        for experts, members in self.gnn.items():
            steps = [self.events(member, "step") for member in members]
            tokens = [sum(event["tokens"] for event in events) for events in steps]
            seconds = [sum(event[p] for event in events for p in PARTS) / 1000 for events in steps]
            row = found["GNN", str(experts)]
            self.assert_close(row["train_minutes"], statistics.fmean(seconds) / 60)
            rates = [count / time for count, time in zip(tokens, seconds, strict=True)]
            self.assert_close(row["tokens_per_second"], statistics.fmean(rates))
            each = [1e6 * time / count for count, time in zip(tokens, seconds, strict=True)]
            self.assert_close(row["microseconds_per_token"], statistics.fmean(each))
            loss = statistics.fmean(map(self.best, members))
            self.assert_close(row["loss_per_second"], loss / statistics.fmean(seconds))
            total = members[0].parameters()["total"]
            self.assert_close(row["loss_per_million_parameters"], 1e6 * loss / total)
            flops = members[0].record()["needed_flops"]
            self.assert_close(row["flops_per_token"], flops / tokens[0])

    def test_time_at_equal_loss(self) -> None:
        targets = list(map(self.best, self.gnn[2]))
        minutes = []
        for member, target in zip(self.gnn[8], targets, strict=True):
            evals = [(event["step"], event["loss"]) for event in self.events(member, "eval")]
            after = next(place for place, (_, loss) in enumerate(evals) if loss <= target)
            (s0, l0), (s1, l1) = evals[after - 1], evals[after]
            events = self.events(member, "step")
            t0, t1 = (
                sum(event[p] for event in events if event["step"] <= s for p in PARTS) / 60_000
                for s in (s0, s1)
            )
            minutes.append(t0 + (l0 - target) / (l0 - l1) * (t1 - t0))
        baselines = [self.minutes_until_best(member) for member in self.gnn[2]]
        row = self.rows("equal-loss-1")[1]
        self.assert_close(row["target_loss"], statistics.fmean(targets))
        self.assert_close(row["minutes"], statistics.fmean(minutes))
        self.assert_close(row["baseline_minutes"], statistics.fmean(baselines))
        self.assertEqual(row["reached"], "3 of 3")
        logs = [math.log(one / other) for one, other in zip(minutes, baselines, strict=True)]
        mean, half = statistics.fmean(logs), T95[2] * statistics.stdev(logs) / math.sqrt(3)
        self.assert_close(row["time_ratio"], math.exp(mean))
        self.assert_close(row["time_ratio_interval_low"], math.exp(mean - half))
        self.assert_close(row["time_ratio_interval_high"], math.exp(mean + half))
        transformer = self.rows("equal-loss-2")[-1]
        self.assertEqual(transformer["reached"], "0 of 3 (3 not reached)")
        self.assertEqual((transformer["minutes"], transformer["time_ratio"]), ("not reached", ""))

    def minutes_until_best(self, row: FakeRow) -> float:
        best = min(self.events(row, "eval"), key=lambda event: event["loss"])["step"]
        steps = [event for event in self.events(row, "step") if event["step"] <= best]
        return sum(event[p] for event in steps for p in PARTS) / 60_000

    def test_pareto_front_by_brute_force(self) -> None:
        costs = [row for row in self.rows("costs") if row["loss_mean"]]
        points = [(float(row["train_minutes"]), float(row["loss_mean"])) for row in costs]
        best = {
            one
            for one in points
            if not any(o != one and o[0] <= one[0] and o[1] <= one[1] for o in points)
        }
        front = [row for row in self.rows("pareto") if "time" in row["fronts"].split(", ")]
        self.assertEqual({(float(r["time"]), float(r["loss_mean"])) for r in front}, best)

    def test_expected(self) -> None:
        value, *ranges, absent = self.rows("expected")
        mean = statistics.fmean(map(self.best, self.gnn[2]))
        self.assert_close(value["difference"], mean - EXPECTED[0]["eval_loss"])
        self.assert_close(value["time_ratio"], float(value["train_minutes"]) / 0.3)
        self.assertEqual(value["verdict"], "the 95 % interval holds the expected value")
        self.assertEqual({row["verdict"] for row in ranges}, {"below the expected range"})
        low, _ = EXPECTED[1]["eval_loss"]
        self.assert_close(ranges[0]["difference"], float(ranges[0]["loss_mean"]) - low)
        self.assertEqual(len(ranges), 3)  # fixed and learned pairs, triplets
        told = "no finished run (1 of 1 seeds failed (1 out_of_memory))"
        self.assertEqual(absent["verdict"], told)

    def test_all_forms_show_the_same(self) -> None:
        page = Page(self.page)
        self.assertEqual(page.tables, markdown_tables(self.markdown))
        files = sorted((self.folder / "sweep/report/csv").iterdir())
        self.assertEqual(len(page.tables), len(files))
        shown = next(table for table in page.tables if "against the baseline" in table[0])
        place = shown[0].index("against the baseline")
        for cells, row in zip(shown[1:], self.rows("question-1"), strict=True):
            text = row["difference"] and f"{float(row['difference']):+.4f}".replace("-", "−")
            self.assertEqual(cells[place], text or "–")

    def test_final_loss_instead_of_the_best(self) -> None:
        super().setUp()  # a folder of its own
        with mock.patch.object(FakeRun, "eval_loss", lambda run, step: 4 + abs(step - 80) / 100):
            self.write_report(KINDS["one_seed"], "final")
        self.assert_close(self.rows("question-1")[0]["loss_mean"], 4.4)
        told = "the mean at the last of these steps; tables are about the"
        self.assertIn(f"{told} evaluation loss at the end of a run.", self.markdown)
        self.assertIn(f"{told} lowest evaluation loss of a run.", self.written.markdown)
        self.assertEqual(float(self.rows("runs")[0]["best_eval_loss"]), 4.0)


class HonestyTest(ReportTestCase):
    def test_one_seed(self) -> None:
        self.write_report(KINDS["one_seed"])
        for row in self.rows("question-1"):
            self.assertEqual(row["loss_sd"], "n/a (one seed)")
            self.assertEqual(row["loss_interval_low"], "n/a (one seed)")
        compared = self.rows("question-1")[1]
        self.assertEqual(compared["verdict"], "n/a (over seed 1 alone)")
        self.assertEqual(compared["common_seeds"], "1")
        self.assertNotIn(NOISE, self.page)

    def test_failures_with_reasons(self) -> None:
        self.write_report(STUDY)
        reasons = [row["reason"] for row in self.rows("failures")]
        self.assertEqual(reasons, ["diverged", "out_of_memory", "bad_options", "crashed"])
        self.assertIn("the loss of step 60 is not finite; lower learning_rate", self.page)
        self.assertEqual(self.rows("failures")[3]["signal"], "9")
        triplets = [row for row in self.rows("question-4") if row["seeds"] != "3"]
        self.assertEqual([row["seeds"] for row in triplets], ["3 of 4 (1 diverged)"])
        left_out = self.rows("left-out")[0]
        self.assertEqual(
            left_out["settings"], "num_experts 2, static_hyperedge_strategy all_triplets"
        )
        self.assertIn("not num_experts is at least 3", left_out["constraint"])

    def test_expected_losses_of_other_text_have_no_verdict(self) -> None:
        sources = ("published: a vocabulary of 9, other training text", "published, one GPU")
        expected = [
            {"where": {"num_experts": 2}, "eval_loss": 9.0, "source": source} for source in sources
        ]
        rows = [FakeRow(settings("GNN", 2, None, None), seed) for seed in (1, 2)]
        self.write_report(FakeSweep(tuple(rows), (), tuple(expected)))
        other, same = self.rows("expected")
        told = "not comparable: of other text or data, as its source says"
        self.assertEqual((other["verdict"], other["difference"]), (told, ""))
        self.assertEqual(other["expected_loss"], "9.0000")
        self.assertEqual(same["verdict"], "below the expected value")

    def test_verdicts_tell_the_seeds_that_they_are_without(self) -> None:
        """Means of survivors flatter who lost the others."""
        lost = {"status": "failed", "reason": "diverged"}
        options = [settings(kind, 4, None, None) for kind in ("MEAN", "GNN")]
        rows = [FakeRow(one, seed) for one in options for seed in (1, 2)]
        rows += [FakeRow(options[0], 3), FakeRow(options[1], 3, loss_shift=-0.5, **lost)]
        asked = {"title": "Graph?", "factor": "coupler_type", "baseline": {"coupler_type": "MEAN"}}
        expected = {"where": {"coupler_type": "GNN"}, "eval_loss": 9.0, "source": "hoped for"}
        self.write_report(FakeSweep(tuple(rows), (asked,), (expected,)))
        told = "(1 of 3 seeds diverged)"
        self.assertTrue(self.rows("expected")[0]["verdict"].endswith(told))
        self.assertEqual([row["verdict"] for row in self.rows("question-1")][1], f"{NOISE} {told}")
        short, _, _ = self.markdown.partition("## 2.")
        left_out = "Left out of the means: GNN: 1 of 3 seeds diverged."
        self.assertIn(f"Graph? GNN: {NOISE} {told} (", short)
        self.assertIn(left_out, short)
        self.assertIn(f"\n\n{left_out}\n", self.markdown.partition("## 2.")[2])

    def test_verdicts_tell_the_seeds_that_the_baseline_is_without(self) -> None:
        options = [settings(kind, 4, None, None) for kind in ("MEAN", "GNN")]
        rows = [FakeRow(one, seed) for one in options for seed in (1, 2)]
        rows += [
            FakeRow(options[0], 3, "failed", "disk", writes="config"),
            FakeRow(options[0], 4, "failed", "diverged"),
            FakeRow(options[0], 5, "pending", writes="nothing"),
            FakeRow(options[1], 3, "pending", writes="nothing"),
        ]
        asked = {"title": "Graph?", "factor": "coupler_type", "baseline": {"coupler_type": "MEAN"}}
        self.write_report(FakeSweep(tuple(rows), (asked,)))
        told = "(of the baseline 2 of 5 seeds failed (1 disk, 1 diverged))"
        self.assertTrue(self.rows("question-1")[1]["verdict"].endswith(told))
        self.assertIn(f"{told} (", self.markdown.partition("## 2.")[0])

    def test_notes_of_rows_are_one_line_a_configuration(self) -> None:
        rows = rows_with(study(), coupler_type="GNN", num_experts=4)
        rows += [FakeRow(settings("MEAN", 4, None, None), seed, group="steps") for seed in (1, 2)]
        rows += equal_time("time", "MEAN", (1090, 110, 130))
        self.write_report(FakeSweep(tuple(rows)))
        note = "MEAN, time: match_time: 110 to 1090 steps of 1.5 to 3.5 ms in the 0.9 s that"
        note += " the reference trained for"
        noted = [line for line in self.markdown.splitlines() if "match_time: " in line]
        self.assertEqual(noted, [note] * 3, "below the question, the costs and all runs")

    def test_best_losses_of_different_numbers_of_evaluations_are_doubted(self) -> None:
        asked = {"title": "Graph?", "factor": "coupler_type", "baseline": {"coupler_type": "MEAN"}}
        rows = [FakeRow(settings("MEAN", 4, None, None), seed) for seed in (1, 2)]
        fake = FakeSweep((*rows, *equal_time("time", "GNN", (100, 160))), (asked,))
        self.write_report(fake)
        told = "\n\nNumbers of evaluations differ: 6 (MEAN); 5 to 8 (GNN). A best loss is"
        self.assertEqual(self.markdown.count(told), 1)
        self.folder = self.folder / "final"
        self.write_report(fake, "final")
        self.assertNotIn("Numbers of evaluations", self.markdown)
        self.folder = self.folder / "equal"
        self.write_report(KINDS["one_seed"])
        self.assertNotIn("Numbers of evaluations", self.markdown)

    def test_groups_can_be_asked_for(self) -> None:
        """Rows of equal settings, trained for equal steps and for equal time."""
        rows = [FakeRow(settings("MEAN", 4, None, None), seed, group="steps") for seed in (1, 2)]
        rows += [*equal_time("time", "MEAN", (100, 110)), *equal_time("other", "MEAN", (60, 70))]
        asked = {
            "title": "Is the time worth it?",
            "factor": "group",
            "where": {"group": ["steps", "time"]},
            "baseline": {"group": "steps"},
        }
        self.write_report(FakeSweep(tuple(rows), (asked,)))
        found = self.rows("question-1")
        self.assertEqual([row["configuration"] for row in found], ["steps", "time"])
        self.assertEqual([row["group"] for row in found], ["steps", "time"])
        told = (found[0]["verdict"], found[1]["method"])
        self.assertEqual(told, ("the baseline", "paired by seed"))

    def test_matched_lengths_make_configurations_whatever_seeds_they_have(self) -> None:
        """A seed of either that has not begun belongs to the others of its group."""
        equal, timed = settings("MEAN", 4, None, None), equal_time("time", "MEAN", (100, 110))
        rows = [FakeRow(equal, seed, group="steps") for seed in (3, 4)]
        rows += [FakeRow(equal, 5, "pending", group="steps", writes="nothing"), *timed]
        rows += [FakeRow(equal, 6, "pending", group="time", writes="nothing")]
        self.write_report(FakeSweep(tuple(rows)))
        found = [(row["configuration"], row["seeds"]) for row in self.rows("costs")]
        told = "2 of 3 (1 pending)"
        self.assertEqual(found, [("steps", told), ("time", told)])

    def test_unfinished_sweep(self) -> None:
        self.write_report(KINDS["half_finished"])
        warning = (
            "of 45 runs 1 running, 1 stopped, 7 pending. Means, intervals and pictures are of the"
            " 36 that are done; the table of all runs has what the others came to, too."
        )
        for text in (self.page, self.markdown):
            self.assertIn(warning, text)
            self.assertNotIn("versions of the program", text)
        self.assertIn("2 of 3 (1 pending)", [row["seeds"] for row in self.rows("question-1")])

    def test_runs_of_several_versions_are_told(self) -> None:
        rows = study((1, 2))
        mixed = (*rows[:-1], replace(rows[-1], commit="4567def"))
        self.write_report(FakeSweep(mixed, QUESTIONS))
        warning = "The runs come from 2 versions of the program (0123abc, 4567def)"
        for text in (self.page, self.markdown):
            self.assertIn(warning, text)

    def test_a_last_row_that_runs_is_said(self) -> None:
        rows = study((1, 2))
        last = FakeRow(rows[-1].settings, rows[-1].seed, "running")
        self.write_report(FakeSweep((*rows[:-1], last)))
        self.assertIn("The sweep is not finished: of 30 runs 1 running.", self.page)
        self.folder = self.folder / "finished"
        self.write_report(KINDS["one_run"])
        self.assertNotIn("not finished", self.page)

    def test_synthetic_is_said_everywhere(self) -> None:
        self.write_report(KINDS["synthetic"], draws=True)
        page = Page(self.page)
        self.assertIn("Sweep sweep (SYNTHETIC DATA)", self.page)
        for text in (self.page, self.markdown):
            self.assertIn("SYNTHETIC DATA: 45 of 45 runs were trained on generated tokens.", text)
        for image in page.images:
            self.assertIn("SYNTHETIC DATA", image["alt"])
        for path in sorted((self.folder / "sweep/report/csv").iterdir()):
            for row in self.rows(path.stem):
                self.assertEqual(row["data"], "synthetic", path.name)
                self.assertIn("§", row["marks"], path.name)
        self.write_real_report_says_nothing_of_it()

    def write_real_report_says_nothing_of_it(self) -> None:
        self.folder = self.folder / "real"
        self.write_report(KINDS["one_seed"])
        self.assertNotIn("SYNTHETIC", self.page)
        self.assertNotIn("§", self.page)

    def test_metrics_that_contradict_the_sweep_are_named(self) -> None:
        fake = KINDS["one_run"]
        sweep = fake.write(self.folder / "sweep")
        path = sweep / "sweep.json"
        stored = json.loads(path.read_text())
        stored["rows"][0]["best_eval_loss"] = 3.0
        path.write_text(json.dumps(stored))
        output = self.run_script("report.py", sweep)
        self.assertIn("sweep.json has the best loss 3.0, metrics.jsonl", output.stderr)
        kept = self.folder / "kept"
        self.succeed("report.py", sweep, "--keep", kept)
        output = self.run_script("report.py", kept, "--no_pictures")
        self.assertIn("sweep.json has the best loss 3.0, curves.csv", output.stderr)

    def test_runs_on_a_busy_machine_are_doubted(self) -> None:
        options = settings("GNN", 2, None, None)
        rows = [FakeRow(options, seed, milliseconds=300.0 * seed) for seed in (1, 2)]
        self.write_report(FakeSweep(tuple(rows)))
        self.assertRegex(self.page, r"differ in speed by up to 1\.9\d times")
        self.folder = self.folder / "even"
        self.write_report(KINDS["one_run"])
        self.assertNotIn("differ in speed", self.page)

    def test_files_that_are_missing_are_counted(self) -> None:
        self.write_report(KINDS["without_folders"])
        self.assertIn("its run folder is missing, so it has no curve; and 27 more.", self.page)
        self.assertEqual(self.rows("costs")[0]["data"], "unknown")

    def test_equal_settings_of_two_groups_stay_apart(self) -> None:
        """As of a run that trains as long as another one takes."""
        rows = [
            FakeRow(settings("NONE", 1, None, None), seed, group=group, steps=steps)
            for seed in (1, 2)
            for group, steps in (("equal parameters", 60), ("equal time", 120))
        ]
        others = rows_with(study((1, 2)), coupler_type="GNN")
        self.write_report(FakeSweep((*rows, *others), QUESTIONS))
        found = [row for row in self.rows("costs") if row["coupler_type"] == "NONE"]
        self.assertEqual([row["group"] for row in found], ["equal parameters", "equal time"])
        self.assertEqual({row["seeds"] for row in found}, {"2"})


if __name__ == "__main__":
    main()
