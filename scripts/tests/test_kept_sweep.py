"""scripts/report.py --keep and --into: a study kept in a repository."""

import json
from pathlib import Path
from unittest import main, mock

from fake_sweeps import STUDY, FakeRow, FakeSweep
from report_page import ReportTestCase, markdown_tables

from hgnn_tools import plot_style
from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.reporting.kept_places import PLACES, Places, in_id, shortened
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

    def test_paths_keep_what_tells_them_apart(self) -> None:
        data = [str(self.folder / "my data" / part / "mine") for part in "ab"]
        said = (
            f"cannot read {self.folder}/sweep/x/row.json, {Path.home()}, {Path.cwd()}/in/here,"
            f" {data[0]}/train.bin, '/mnt/disk 1/runs/z' or /mnt/disk/train.bin;"
            " see http://a.b/c/d, ./e/f"
        )
        rows = [FakeRow({"dataset_name": path}, seed) for path in data for seed in (1, 2)]
        rows.append(FakeRow({"dataset_name": data[1]}, 3, "failed", message=said))
        asked = {"title": "?", "factor": "dataset_name", "baseline": {"dataset_name": data[0]}}
        sweep = FakeSweep(tuple(rows), (asked,)).write(self.folder / "sweep")
        for path in sweep.glob("*/config.json"):
            config = json.loads(path.read_text())
            files = {key: f"{self.folder}/{key}.x" for key in ("hyperedges_file", "init_from")}
            config["config"].update(**files, sample_ids="ids/a.txt")
            config["config"].update(data_dir="/mnt/disk 1", checkpoint_dir="/mnt/disk 1/runs")
            path.write_text(json.dumps(config))
        kept = self.folder / "kept"
        self.run_report(sweep, "--keep", kept)
        for path in kept.iterdir():
            for place in (str(self.folder), str(Path.home()), str(Path.cwd()), "/mnt"):
                self.assertNotIn(place, path.read_text(), path.name)
                self.assertNotIn(in_id(place), path.read_text(), path.name)
        found = read_sweep(kept)
        last = found.rows[-1]
        self.assertEqual(
            last.message,
            "cannot read x/row.json, ., in/here, a/mine/train.bin, 'z' or train.bin;"
            " see http://a.b/c/d, ./e/f",
        )
        self.assertEqual(last.settings, {"dataset_name": "b/mine"})
        options = {key: last.options[key] for key in ("hyperedges_file", "init_from", "sample_ids")}
        self.assertEqual(list(options.values()), ["hyperedges_file.x", "init_from.x", "a.txt"])
        self.assertIn("dataset_name-b-mine_seed-3", last.id)
        self.assertTrue(all(row.curve.losses for row in found.rows[:-1]))
        self.run_report(kept)
        first, second = markdown_tables((kept / "report/report.md").read_text())[0][1:]
        self.assertEqual(first[0], "dataset_name=a/mine")
        self.assertIn("the baseline", first)
        self.assertEqual((second[0], second[1]), ("dataset_name=b/mine", "2 of 3 (1 failed)"))

    def test_shortened_paths(self) -> None:
        self.assertEqual(shortened(["wikitext", "/a/b"]), {"/a/b": "b"})
        self.assertEqual(shortened(["wikitext", "/a/wikitext"]), {"/a/wikitext": "a/wikitext"})
        self.assertEqual(shortened(["c/b", "/a/b/"]), {"c/b": "c/b", "/a/b/": "a/b"})

    def test_paths_within_words_stay(self) -> None:
        places = Places(read_sweep(STUDY.write(self.folder / "sweep")))
        for text in ("loss/time of 1/2", "https://a.b/c/d.html", "../a/b/c", "and/or", "/ or //"):
            self.assertEqual(places.text(text), text)
        self.assertEqual(places.text(f"{self.folder}/sweepers"), "sweepers")

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

    def test_other_folders_are_left_alone(self) -> None:
        """That of the sweep itself above all: its rows would lose their folders."""
        sweep = STUDY.write(self.folder / "sweep")
        mine = self.write("mine/notes.txt", "mine").parent
        for folder in (sweep, mine):
            before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
            with self.assertRaises(UserError) as raised:
                self.run_report(sweep, "--keep", folder)
            self.assertEqual(raised.exception.exit_code, EXIT_USAGE)
            self.assertIn(f"--keep {folder} holds other files", str(raised.exception))
            after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
            self.assertEqual(after, before)
        with self.assertRaisesRegex(UserError, "^--keep .*notes.txt is a file; give a folder$"):
            self.run_report(sweep, "--keep", mine / "notes.txt")
        empty = self.folder / "empty"
        (empty / ".unfinished-host-1-x").mkdir(parents=True)  # of a killed process
        self.run_report(sweep, "--keep", empty)
        self.assertTrue((empty / "sweep.json").is_file())

    def test_keeping_draws_nothing_and_takes_no_option_of_reports(self) -> None:
        sweep = FakeSweep(STUDY.rows[:2]).write(self.folder / "sweep")
        kept = self.folder / "kept"
        for options in (("--no_pictures",), ("--loss", "final")):
            with self.assertRaisesRegex(UserError, " ".join(options)) as raised:
                self.run_report(sweep, "--keep", kept, *options)
            self.assertEqual(raised.exception.exit_code, EXIT_USAGE)
        self.assertFalse(kept.exists())
        with mock.patch.object(plot_style, "new_figure", side_effect=AssertionError("drawn")):
            self.run_report(sweep, "--keep", kept)
            self.run_report(sweep, "--no_pictures")

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

    def test_into_a_page_without_pictures(self) -> None:
        page, pictures = self.folder / "study.md", self.folder / "study/pictures"
        page.write_text(PAGE)
        self.run_report(self.keep(), "--into", page, "--no_pictures")
        text = page.read_text()
        self.assertNotIn("![", text)
        self.assertEqual(text.count("\n**Evaluation losses"), len(STUDY.questions))
        self.assertFalse(pictures.exists())
        self.run_report(self.kept, "--into", page)
        self.assertTrue(list((pictures / "sweep").iterdir()))
        (pictures / "another").mkdir()
        self.run_report(self.kept, "--into", page, "--no_pictures")
        self.assertEqual(page.read_text(), text)
        self.assertEqual([path.name for path in pictures.iterdir()], ["another"])
        self.run_report(self.kept, "--no_pictures")
        self.assertNotIn("<img", (self.kept / "report/report.html").read_text())
        self.assertEqual(list((self.kept / "report/pictures").iterdir()), [])
        self.assertGreater(len(list((self.kept / "report/csv").iterdir())), 5)

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
