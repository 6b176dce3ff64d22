"""What is wrong in sweep.json and beside it: one sentence of all, with where and what to do."""

import json
from pathlib import Path
from typing import Any
from unittest import main

from fake_sweeps import FakeRow, FakeSweep, settings, study
from report_page import ReportTestCase

from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.reporting.questions import questions_of
from hgnn_tools.reporting.sweep_folder import read_sweep
from hgnn_tools.run_folder import read_run

QUESTION = {"title": "?", "factor": "num_experts", "baseline": {"num_experts": 2}}
EXPECTED = {"where": {"num_experts": 2}, "eval_loss": 4.0, "source": "x"}
# Part, field, a wrong value.
WRONG = (
    ("rows", "best_eval_loss", "3.5"),
    ("rows", "parameters", "many"),
    ("rows", "measured", {"train_seconds": "1"}),
    ("rows", "notes", "abc"),
    ("rows", "steps", "30"),
    ("rows", "settings", [1]),
    ("rows", "id", 7),
    ("rows", "graph", 5),
    ("rows", "data_mode", "odd"),
    ("questions", "factor", 5),
    ("questions", "where", "x"),
    ("questions", "baseline", {"num_experts": {"min": "2"}}),
    ("questions", "title", 3),
    ("expected", "eval_loss", "x"),
    ("expected", "eval_loss", [1.0, True]),
    ("expected", "minutes", "1"),
)


class SweepChecksTest(ReportTestCase):
    def setUp(self) -> None:
        super().setUp()
        rows = tuple(FakeRow(settings("GNN", e, None, None), 1) for e in (2, 4))
        self.sweep = FakeSweep(rows, (QUESTION,), (EXPECTED,)).write(self.folder / "sweep")
        self.table = json.loads((self.sweep / "sweep.json").read_text())

    def change(self, **changes: Any) -> None:
        (self.sweep / "sweep.json").write_text(json.dumps({**self.table, **changes}))

    def refused(self, folder: Path, exit_code: int = EXIT_DATA) -> str:
        with self.assertRaises(UserError) as caught:
            read_sweep(folder)
        self.assertEqual(caught.exception.exit_code, exit_code)
        return str(caught.exception)

    def test_wrong_types_name_the_field(self) -> None:
        for part, field, value in WRONG:
            with self.subTest(f"{part} {field}"):
                first, *others = self.table[part]
                self.change(**{part: [{**first, field: value}, *others]})
                message = self.refused(self.sweep)
                told = f'sweep.json: {part}, number 1: "{field}" is {json.dumps(value)} and has to'
                self.assertIn(told, message)
        for field, value in (("varied", "num_experts"), ("left_out", [1]), ("description", 4)):
            self.change(**{field: value})
            told = f'sweep.json: "{field}" is {json.dumps(value)} and has'
            self.assertIn(told, self.refused(self.sweep))

    def test_what_could_not_be_measured_is_null(self) -> None:
        rows = [{**row, "measured": {"tokens_per_s": None}} for row in self.table["rows"]]
        self.change(rows=rows, expected=None, left_out=None)
        self.assertIsNone(read_sweep(self.sweep).rows[0].measurement("tokens_per_s"))

    def test_all_faults_at_once(self) -> None:
        rows = [{**row, "tokens": "many"} for row in self.table["rows"]]
        self.change(rows=rows, varied=3)
        message = self.refused(self.sweep)
        for part in ('"varied" is 3', 'rows, number 1: "tokens"', 'rows, number 2: "tokens"'):
            self.assertIn(part, message)
        self.assertIn("; remove it and run the sweep again, which writes it anew", message)

    def test_questions_about_seeds_are_refused(self) -> None:
        """Rows would be named after the first of the seeds that they are taken over."""
        for asked in ({"factor": "seed"}, {"factor": ["a", "seed"]}, {"baseline": {"seed": 1}}):
            self.change(questions=[{**QUESTION, **asked}])
            (key,) = asked
            with self.assertRaisesRegex(UserError, f'number 1: "{key}" names seed: conf') as caught:
                questions_of(read_sweep(self.sweep), "best_eval_loss")
            self.assertEqual(caught.exception.exit_code, EXIT_DATA)

    def test_what_is_damaged_is_written_anew(self) -> None:
        (self.sweep / "sweep.json").write_text('{"rows": [')
        self.assertIn("remove it and run the sweep again", self.refused(self.sweep))

    def test_a_file_in_the_place_of_a_folder(self) -> None:
        file = self.write("file", "")
        self.assertIn("is a file; give a folder", self.refused(file, EXIT_USAGE))
        with self.assertRaisesRegex(UserError, "run folder .* is a file; give a folder"):
            read_run(file)

    def test_a_run_folder_without_its_configuration(self) -> None:
        for path in self.sweep.glob("*/config.json"):
            path.unlink()
        notes = read_sweep(self.sweep).notes
        self.assertTrue(notes[0].endswith("its run folder has no config.json, so it has no curve"))

    def test_cut_off_curves_name_the_line(self) -> None:
        kept = self.folder / "kept"
        self.run_report(self.sweep, "--keep", kept)
        whole = (kept / "curves.csv").read_text().splitlines()
        for content, told in (
            ([*whole[:3], whole[3].rpartition(",")[0]], "line 4 is not .* has no training_minutes"),
            ([*whole[:3], whole[3].partition(",")[0]], "line 4 is not .*it has no step"),
            ([*whole[:2], whole[2].replace(",4", ",x")], "line 3 is not .*to float"),
            ([], "line 0 is not .*it has no column id, step, loss, tokens"),
        ):
            (kept / "curves.csv").write_text("\n".join(content))
            self.assertRegex(self.refused(kept), f"curves.csv, {told}.*; keep the sweep again")


class PageOfTheUserTest(ReportTestCase):
    MARKS = "<!-- report of sweep: begin -->\nold\n<!-- report of sweep: end -->\nMine.\n"

    def test_a_page_that_is_not_utf_8(self) -> None:
        sweep = FakeSweep(study((1,))[:2]).write(self.folder / "sweep")
        page = self.write("page.md", self.MARKS.encode() + b"\xe9t\xe9\n")
        message = self.fail_with(EXIT_DATA, "report.py", sweep, "--into", page, "--no_pictures")
        self.assertIn("is not UTF-8 (byte ", message)

    def test_ends_of_lines_stay(self) -> None:
        sweep = FakeSweep(study((1,))[:2]).write(self.folder / "sweep")
        page = self.write("page.md", self.MARKS.replace("\n", "\r\n"))
        self.run_report(sweep, "--into", page, "--no_pictures")
        content = page.read_bytes()
        self.assertNotIn(b"old", content)
        self.assertTrue(content.endswith(b"\r\nMine.\r\n"))
        self.assertEqual(content.count(b"\r\n"), content.count(b"\n"))


if __name__ == "__main__":
    main()
