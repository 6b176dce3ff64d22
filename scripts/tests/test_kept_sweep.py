"""scripts/report.py --keep and --into: a study kept in a repository."""

import json
from pathlib import Path
from unittest import main

from fake_sweeps import STUDY
from report_page import ReportTestCase

from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.reporting.kept_sweep import PLACES
from hgnn_tools.reporting.sweep_folder import read_sweep

PAGE = """# The study

Words of its authors.

<!-- report of sweep: begin -->
an earlier report
<!-- report of sweep: end -->

More words.
"""


class KeptSweepTest(ReportTestCase):
    def keep(self) -> Path:
        self.out = self.write_report(STUDY)
        self.kept = self.folder / "kept"
        self.run_report(self.folder / "sweep", "--keep", self.kept)
        return self.kept

    def test_its_report_is_that_of_the_sweep(self) -> None:
        self.run_report(self.keep())
        ours = self.kept / "report"
        tables = sorted((self.out / "csv").iterdir())
        self.assertGreater(len(tables), 5)
        for table in tables:
            self.assertEqual((ours / "csv" / table.name).read_text(), table.read_text(), table.name)
        self.assertEqual((ours / "report.md").read_text(), self.markdown)
        self.assertEqual((ours / "report.html").read_text(), self.page)

    def test_curves_and_runs_are_kept_as_csv(self) -> None:
        self.keep()
        curves = (self.kept / "curves.csv").read_text().splitlines()
        self.assertEqual(curves[0], "id,step,loss,tokens,training_minutes")
        evaluations = sum(
            path.read_text().count('"event": "eval"') + path.read_text().count('"event":"eval"')
            for path in (self.folder / "sweep").glob("*/metrics.jsonl")
        )
        self.assertEqual(len(curves) - 1, evaluations)
        self.assertEqual(
            (self.kept / "runs.csv").read_text(), (self.out / "csv" / "runs.csv").read_text()
        )

    def test_no_place_of_the_machine_is_kept(self) -> None:
        stored = json.loads((STUDY.write(self.folder / "sweep") / "sweep.json").read_text())
        stored["sweep_file"] = "/home/someone/sweeps/study.json"
        (self.folder / "sweep" / "sweep.json").write_text(json.dumps(stored))
        for path in (self.folder / "sweep").glob("*/config.json"):
            config = json.loads(path.read_text())
            config["config"].update(data_dir=str(self.folder), checkpoint_dir=str(self.folder))
            path.write_text(json.dumps(config))
        self.kept = self.folder / "kept"
        self.run_report(self.folder / "sweep", "--keep", self.kept)
        for path in self.kept.iterdir():
            self.assertNotIn(str(self.folder), path.read_text(), path.name)
            self.assertNotIn("/home/someone", path.read_text(), path.name)
        kept = json.loads((self.kept / "sweep.json").read_text())
        self.assertEqual(kept["sweep_file"], "study.json")

    def test_options_that_runs_do_not_share_are_kept(self) -> None:
        sweep = STUDY.write(self.folder / "sweep")
        folders = sorted(path.parent for path in sweep.glob("*/config.json"))
        for place, folder in enumerate(folders[:3]):
            path = folder / "config.json"
            config = json.loads(path.read_text())
            config["config"]["max_steps"] = 100 + place  # as match_time chooses
            path.write_text(json.dumps(config))
        self.run_report(sweep, "--keep", self.folder / "kept")
        whole, kept = read_sweep(sweep), read_sweep(self.folder / "kept")
        self.assertEqual(len(kept.rows), len(whole.rows))
        for ours, theirs in zip(kept.rows, whole.rows, strict=True):
            self.assertIsNone(ours.run)
            for option in theirs.options:
                if option not in PLACES:
                    self.assertEqual(ours.value_of(option), theirs.value_of(option), option)
        self.assertEqual(len({row.value_of("max_steps") for row in kept.rows}), 5)

    def test_a_torn_file_of_curves_is_an_error(self) -> None:
        self.keep()
        curves = self.kept / "curves.csv"
        for text in ("id,step\nx,3\n", "id,step,loss,tokens,training_minutes\nx,3,y,1,1\n"):
            curves.write_text(text)
            with self.assertRaises(UserError) as raised:
                self.run_report(self.kept)
            self.assertEqual(raised.exception.exit_code, EXIT_DATA)
            self.assertIn("curves.csv", str(raised.exception))

    def test_into_a_page(self) -> None:
        page = self.folder / "study.md"
        page.write_text(PAGE)
        self.run_report(self.keep(), "--into", page)
        self.assertFalse((self.kept / "report").exists())
        text = page.read_text()
        self.assertTrue(text.startswith("# The study\n\nWords of its authors.\n"))
        self.assertTrue(text.endswith("end -->\n\nMore words.\n"))
        self.assertNotIn("an earlier report", text)
        body = self.markdown.partition("\n\n")[2]
        self.assertIn(body.replace("](pictures/", "](study/pictures/sweep/"), text)
        pictures = sorted((self.folder / "study/pictures/sweep").iterdir())
        self.assertEqual(len(pictures), body.count("](pictures/"))
        self.run_report(self.kept, "--into", page)
        self.assertEqual(page.read_text(), text, "the same command once more changes nothing")

    def test_a_page_without_marks_stays(self) -> None:
        page = self.folder / "study.md"
        page.write_text("# The study\n")
        with self.assertRaises(UserError) as raised:
            self.run_report(self.keep(), "--into", page)
        self.assertEqual(raised.exception.exit_code, EXIT_DATA)
        self.assertIn("<!-- report of sweep: begin -->", str(raised.exception))
        self.assertEqual(page.read_text(), "# The study\n")
        self.assertFalse((self.folder / "study").exists())
        with self.assertRaises(UserError) as raised:
            self.run_report(self.kept, "--into", self.folder / "none.md")
        self.assertEqual(raised.exception.exit_code, EXIT_USAGE)


if __name__ == "__main__":
    main()
