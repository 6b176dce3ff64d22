"""scripts/report.py of several folders: parts of one sweep, run on several machines or days."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import main

from fake_sweeps import EXPECTED, FAILED, LEFT_OUT, QUESTIONS, FakeRow, FakeSweep, equal_time, study
from report_page import ReportTestCase

from hgnn_tools.errors import EXIT_USAGE, UserError
from hgnn_tools.reporting.joined_sweep import join_sweeps
from hgnn_tools.reporting.sweep_folder import Sweep, read_sweep

ROWS = study()


def part_of(rows: tuple[FakeRow, ...], **changes: Any) -> FakeSweep:
    return replace(FakeSweep(rows, QUESTIONS, EXPECTED, LEFT_OUT), **changes)


def of_seeds(*seeds: int) -> tuple[FakeRow, ...]:
    return tuple(row for row in ROWS if row.seed in seeds)


def seeds_1_and_2() -> tuple[tuple[FakeRow, ...], ...]:
    return of_seeds(1), of_seeds(2)


def pending(rows: tuple[FakeRow, ...]) -> tuple[FakeRow, ...]:
    return tuple(replace(row, status="pending", writes="nothing") for row in rows)


def by_configuration(rows: tuple[FakeRow, ...]) -> tuple[FakeRow, ...]:
    """The order of a sweep: seeds change fastest."""
    order = list(dict.fromkeys(json.dumps(row.settings) for row in rows))
    return tuple(sorted(rows, key=lambda row: (order.index(json.dumps(row.settings)), row.seed)))


def with_options(sweep: Path, **options: Any) -> None:
    for path in sweep.glob("*/config.json"):
        config = json.loads(path.read_text())
        config["config"].update(options)
        path.write_text(json.dumps(config))


class JoinedSweepTest(ReportTestCase):
    def write(self, name: str, rows: tuple[FakeRow, ...], **changes: Any) -> Path:
        """Every part has the same name, as sweeps of one file have in several folders."""
        return part_of(rows, **changes).write(self.folder / name / "sweep")

    def join(self, *folders: Path) -> Sweep:
        return join_sweeps([read_sweep(folder) for folder in folders])

    def error_of(self, *folders: Path) -> str:
        with self.assertRaises(UserError) as raised:
            self.join(*folders)
        self.assertEqual(raised.exception.exit_code, EXIT_USAGE)
        return str(raised.exception)

    def test_its_report_is_that_of_the_undivided_sweep(self) -> None:
        rows = by_configuration(ROWS + FAILED)
        out = self.write_report(part_of(rows))
        parts = [self.write("a", of_seeds(1)), self.write("b", of_seeds(2, 3) + FAILED)]
        kept = self.folder / "kept"
        self.run_report(*parts, "--keep", kept)
        for folders in (parts, [kept]):
            self.run_report(*folders)
            ours = folders[0] / "report"
            tables = sorted((out / "csv").iterdir())
            self.assertGreater(len(tables), 5)
            for table in tables:
                found = (ours / "csv" / table.name).read_text()
                self.assertEqual(found, table.read_text(), table.name)
            self.assertEqual((ours / "report.md").read_text(), self.markdown)

    def test_runs_are_added_to_what_is_kept(self) -> None:
        """The folder that is written is one of those that are read."""
        kept = self.folder / "kept"
        everything = self.folder / "everything"
        folders = [self.write(str(seed), of_seeds(seed)) for seed in (1, 2, 3)]
        self.run_report(folders[0], "--keep", kept)
        for folder in (*folders[1:], folders[1]):
            self.run_report(kept, folder, "--keep", kept)
        self.run_report(*folders, "--keep", everything)
        names = sorted(path.name for path in kept.iterdir())
        self.assertEqual(names, ["config.json", "curves.csv", "runs.csv", "sweep.json"])
        for name in names:
            self.assertEqual((kept / name).read_text(), (everything / name).read_text(), name)

    def test_what_few_done_runs_share_is_not_said_of_the_others(self) -> None:
        """All runs that are done have one value of every varied option; the rest has others."""
        first = ROWS[0].settings
        begun = tuple(
            row if row.settings == first and row.seed == 1 else pending((row,))[0] for row in ROWS
        )
        rest = tuple(row for row in ROWS if row not in begun)
        kept = self.folder / "kept"
        everything = self.folder / "everything"
        self.run_report(self.write("begun", begun), "--keep", kept)
        shared = json.loads((kept / "config.json").read_text())["config"]
        self.assertTrue(shared)
        self.assertFalse(shared.keys() & first.keys())
        folders = [kept, self.write("rest", rest)]
        self.assertEqual(self.join(*folders).count("done"), len(ROWS))
        self.run_report(*folders, "--keep", kept)
        self.run_report(self.write("all", by_configuration(ROWS)), "--keep", everything)
        for name in ("config.json", "curves.csv"):
            self.assertEqual((kept / name).read_text(), (everything / name).read_text(), name)

    def test_a_row_that_is_done_wins(self) -> None:
        """In every order of the parts, over a failed one too; and that over a pending one."""
        done = self.write("done", of_seeds(1))
        open_rows = self.write("open", pending(of_seeds(1)))
        failed = tuple(replace(row, status="failed", reason="disk") for row in of_seeds(1))
        lost = self.write("lost", failed)
        for folders in ((done, open_rows, lost), (lost, open_rows, done), (open_rows, done, lost)):
            found = self.join(*folders)
            self.assertEqual(found.count("done"), len(of_seeds(1)))
            self.assertEqual(len(found.rows), len(of_seeds(1)))
            self.assertTrue(all(row.curve.losses for row in found.rows))
        for folders in ((open_rows, lost), (lost, open_rows)):
            self.assertEqual(self.join(*folders).count("failed"), len(of_seeds(1)))

    def test_equal_results_are_one_row_and_other_results_an_error(self) -> None:
        folder = self.write("a", of_seeds(1))
        slower = tuple(replace(row, milliseconds=2 * row.milliseconds) for row in of_seeds(1, 2))
        self.assertEqual(self.join(folder, self.write("b", slower)).count("done"), len(slower))
        changed = (*of_seeds(1)[:-1], replace(of_seeds(1)[-1], loss_shift=1.0))
        other = self.write("c", changed)
        told = self.error_of(folder, other)
        for text in (str(folder), str(other), changed[-1].id, "best_eval_loss"):
            self.assertIn(text, told)
        self.assertNotIn(changed[0].id, told)
        lost = self.write("d", pending(of_seeds(1)))
        self.assertIn("with other results", self.error_of(lost, folder, other))

    def test_rows_of_other_data_are_an_error(self) -> None:
        folder = self.write("a", of_seeds(1))
        other = self.write("b", pending(of_seeds(1, 2)))
        table = json.loads((other / "sweep.json").read_text())
        row = next(row for row in table["rows"] if row["seed"] == 1)
        row["hash"] = "0" * 16
        (other / "sweep.json").write_text(json.dumps(table))
        told = self.error_of(folder, other)
        self.assertIn("other data or options", told)
        self.assertIn(row["id"], told)

    def test_parts_of_other_sweeps_are_an_error_that_names_the_difference(self) -> None:
        folder = self.write("a", of_seeds(1))
        narrow = tuple(row for row in of_seeds(2) if row.settings["embed_dim"] == 128)
        told = self.error_of(folder, self.write("c", narrow))
        self.assertIn(f'of varied {folder} alone has "embed_dim"', told)

    def test_questions_are_those_of_the_first_part_and_others_are_told(self) -> None:
        """No run depends on them, and they may be put better while runs are under way."""
        folder = self.write("a", of_seeds(1))
        fewer = self.write("b", of_seeds(2), questions=QUESTIONS[1:], expected=EXPECTED[:1])
        for first, second, number in ((folder, fewer, 4), (fewer, folder, 3)):
            self.assertEqual(len(self.join(first, second).questions), number)
            self.assertEqual(self.join(first, second).head["questions"], list(QUESTIONS[-number:]))
            output = self.run_script("report.py", first, second, "--keep", self.folder / "kept")
            self.assertEqual(output.returncode, 0, output.stderr)
            self.assertIn(f"note: of questions {folder} alone has", output.stderr)
            self.assertIn(QUESTIONS[0]["title"], output.stderr)
            self.assertNotIn(QUESTIONS[1]["title"], output.stderr)
            self.assertIn(f"; those of {first} are taken", output.stderr)
            self.assertIn(f"note: of expected {folder} alone has", output.stderr)
        other_order = self.write("d", of_seeds(2), questions=QUESTIONS[::-1])
        output = self.run_script("report.py", folder, other_order, "--keep", self.folder / "kept")
        self.assertIn("other orders", output.stderr)
        output = self.run_script("report.py", folder, "--keep", self.folder / "kept")
        self.assertNotIn("are taken", output.stderr)

    def test_options_that_all_rows_of_a_part_share_have_to_agree(self) -> None:
        """They are in no column of the table, so nothing else would tell."""
        folder, other = self.write("a", of_seeds(1)), self.write("b", of_seeds(2))
        with_options(folder, threads=1, data_dir="/here", max_seq_length=128)
        with_options(other, threads=7, data_dir="/elsewhere", max_seq_length=77)
        told = self.error_of(folder, other)
        self.assertEqual(told.count("max_seq_length is 77"), 1)
        self.assertIn(str(other), told)
        for option in ("threads", "data_dir"):
            self.assertNotIn(option, told)
        kept = self.folder / "kept"
        self.run_report(other, "--keep", kept)
        self.assertIn("max_seq_length is 77", self.error_of(folder, kept))

    def test_a_part_that_has_not_begun_hides_no_difference(self) -> None:
        """It tells of its options the varied ones alone, and stands in front."""
        first, second = seeds_1_and_2()
        parts = {"a": pending(of_seeds(3)), "b": first, "c": second}
        folders = [self.write(name, rows) for name, rows in parts.items()]
        with_options(folders[1], max_seq_length=128)
        with_options(folders[2], max_seq_length=77)
        told = self.error_of(*folders)
        self.assertIn(f"max_seq_length is 77 in {folders[2]} and 128 in {folders[1]}", told)

    def test_seeds_that_other_data_made_are_an_error(self) -> None:
        """Disjoint seeds have neither a hash nor a result in common."""
        first, second = seeds_1_and_2()
        folder, other = self.write("a", first), self.write("b", second)
        known = json.loads((other / "sweep.json").read_text())
        for key, value in (("tokens", 9), ("needed_flops", 9.5), ("steps", 9), ("parameters", {})):
            table = json.loads(json.dumps(known))
            row = next(row for row in table["rows"] if row["settings"] == first[0].settings)
            row[key] = value
            (other / "sweep.json").write_text(json.dumps(table))
            told = self.error_of(folder, other)
            for text in (f"have other {key} (", row["id"], first[0].id, str(folder), str(other)):
                self.assertIn(text, told)
            row["status"] = "pending"
            (other / "sweep.json").write_text(json.dumps(table))
            self.assertEqual(self.join(folder, other).count("pending"), 1)

    def test_lines_have_tokens_by_seed_and_matched_time_a_length_by_seed(self) -> None:
        first, second = seeds_1_and_2()
        folder, other = self.write("a", first), self.write("b", second)
        table = json.loads((other / "sweep.json").read_text())
        for row in table["rows"]:
            row.update(tokens=9, needed_flops=9.5)
        (other / "sweep.json").write_text(json.dumps(table))
        for one in (folder, other):
            with_options(one, sample_mode="lines")
        self.assertEqual(self.join(folder, other).count("done"), len(first) + len(second))
        timed = equal_time("equal time", "MEAN", (90, 110))
        folders = [self.write(f"time-{row.seed}", (row,)) for row in timed]
        self.assertEqual(self.join(*folders).count("done"), 2)

    def test_paths_of_a_kept_part_agree_with_those_of_runs(self) -> None:
        folders = [self.write("a", of_seeds(1)), self.write("b", of_seeds(2))]
        for folder in folders:
            with_options(folder, dataset_name="/my/data/mine")
        kept = self.folder / "kept"
        self.run_report(folders[0], "--keep", kept)
        self.assertEqual(self.join(kept, folders[1]).count("done"), len(of_seeds(1, 2)))

    def test_versions_of_the_program_are_told(self) -> None:
        folder = self.write("a", of_seeds(1))
        later = tuple(replace(row, commit="4567def") for row in of_seeds(2))
        other = self.write("b", later)
        table = json.loads((other / "sweep.json").read_text())
        (other / "sweep.json").write_text(json.dumps({**table, "commit": "4567def"}))
        self.assertIsNone(self.join(folder, other).commit)
        self.run_report(folder, other)
        markdown = (folder / "report/report.md").read_text()
        self.assertIn("2 versions of the program (0123abc, 4567def)", markdown)

    def test_what_parts_left_out_is_said_once(self) -> None:
        more = ({"settings": {"num_experts": 3}, "constraint": "other"},)
        folders = [
            self.write("a", of_seeds(1)),
            self.write("b", of_seeds(2), left_out=LEFT_OUT + more),
        ]
        self.assertEqual(self.join(*folders).left_out, LEFT_OUT + more)


class TimesTest(ReportTestCase):
    """Of runs on busy cores: what they took means nothing."""

    def test_no_table_and_no_picture_has_times(self) -> None:
        sweep = part_of(ROWS + FAILED).write(self.folder / "sweep")
        self.run_report(sweep)
        timed = (sweep / "report/report.md").read_text()
        self.run_report(sweep, "--no_times")
        told = (sweep / "report/report.md").read_text()
        words = ("training, min", "tokens a second", "training time", "Time at equal loss")
        for word in (*words, "in speed", "-minutes", "pareto-time", "loss / training s"):
            if word != "in speed":
                self.assertIn(word, timed)
            self.assertNotIn(word, told)
        self.assertIn("Times are left out", told)
        self.assertNotIn("Times are left out", timed)
        for column in ("peak memory, MiB", "of its needed FLOPs", "of its tokens"):
            self.assertIn(column, told)
        first, second = (
            [(row["reached"], row["token_ratio"]) for row in rows]
            for rows in (self.rows("equal-loss-1"), self.timed_rows(sweep))
        )
        self.assertEqual(first, second)

    def timed_rows(self, sweep: Path) -> list[dict[str, str]]:
        self.run_report(sweep)
        return self.rows("equal-loss-1")

    def test_lengths_that_match_time_chose_are_doubted(self) -> None:
        rows = (*of_seeds(1, 2), *equal_time("equal time", "MEAN", (90, 110)))
        sweep = FakeSweep(rows).write(self.folder / "sweep")
        told = "match_time chose the length of 2 runs from measured times, which mean nothing here"
        kept = self.folder / "kept"
        self.run_report(sweep, "--no_times", "--keep", kept)
        for folder, *options in ((sweep, "--no_times"), (kept,), (sweep,)):
            self.run_report(folder, *options)
            is_said = told in (folder / "report/report.md").read_text()
            self.assertEqual(is_said, folder == kept or bool(options))

    def test_kept_without_times_they_are_gone(self) -> None:
        sweep = part_of(of_seeds(1, 2)).write(self.folder / "sweep")
        kept, again = self.folder / "kept", self.folder / "again"
        self.run_report(sweep, "--no_times", "--keep", kept)
        self.assertEqual(
            (kept / "curves.csv").read_text().partition("\n")[0], "id,step,loss,tokens"
        )
        for row in json.loads((kept / "sweep.json").read_text())["rows"]:
            self.assertEqual(set(row["measured"]), {"peak_memory_bytes"})
        self.run_report(sweep, "--no_times")
        self.run_report(kept)
        for name in ("report.md", "csv/costs.csv", "csv/equal-loss-1.csv"):
            ours, theirs = (folder / "report" / name for folder in (kept, sweep))
            self.assertEqual(ours.read_text(), theirs.read_text(), name)
        self.run_report(kept, "--keep", again)
        self.assertEqual((again / "sweep.json").read_text(), (kept / "sweep.json").read_text())

    def test_one_part_without_times_takes_those_of_all(self) -> None:
        """Means over the seeds that have times would be of a part of the seeds, unsaid."""
        timed = part_of(of_seeds(1)).write(self.folder / "a/sweep")
        busy = part_of(of_seeds(2)).write(self.folder / "b/sweep")
        kept = self.folder / "kept"
        self.run_report(busy, "--no_times", "--keep", kept)
        for folders in ((timed, kept), (kept, timed)):
            joined = join_sweeps([read_sweep(folder) for folder in folders])
            self.assertFalse(joined.has_times)
            for row in joined.rows:
                self.assertIsNone(row.measurement("train_seconds"))
                self.assertEqual(row.curve.minutes, ())
                self.assertGreater(row.measurement("peak_memory_bytes"), 0)


if __name__ == "__main__":
    main()
