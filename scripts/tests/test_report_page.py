"""scripts/report.py: its page stands alone, its three forms agree, bad input is one sentence."""

from unittest import main

from fake_sweeps import KINDS, STUDY, FakeRow, FakeSweep, settings
from report_page import Page, ReportTestCase, markdown_tables
from support import ScriptTestCase

from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.reporting.sweep_folder import read_sweep

# Sweeps whose pictures are drawn: all shapes of them.
DRAWN = ("one_seed", "one_run", "half_finished")


class PageTest(ReportTestCase):
    def test_every_kind_of_sweep(self) -> None:
        for kind, fake in KINDS.items():
            with self.subTest(kind):
                self.folder = self.folder / kind
                out = self.write_report(fake, draws=kind in DRAWN)
                names = {path.name for path in out.iterdir()}
                self.assertEqual(names, {"csv", "pictures", "report.html", "report.md"})
                self.assertEqual(Page(self.page).tables, markdown_tables(self.markdown))

    def test_the_page_stands_alone_and_can_be_read_without_pictures(self) -> None:
        out = self.write_report(STUDY, draws=True)
        page = Page(self.page)
        self.assertFalse({"script", "link", "iframe", "object"} & set(page.tags))
        for link in page.links:
            self.assertRegex(link, r"^(#section-\d+|data:image/svg\+xml;base64,)")
        self.assertNotRegex(self.page, r"@import|url\(")
        pictures = sorted((out / "pictures").iterdir())
        self.assertEqual(len(page.images), len(pictures))
        for image in page.images:
            self.assertRegex(image["alt"], r"\d\.\d{3}|\d,\d{3}")
        for path in pictures:
            self.assertIn(f"(pictures/{path.name})", self.markdown)
            self.assertNotIn("<text", path.read_text(), "needs the fonts of the reader")

    def test_the_same_sweep_gives_the_same_bytes(self) -> None:
        pages = []
        for part in ("first", "second"):
            self.folder = self.folder / part
            self.write_report(KINDS["one_run"], draws=True)
            pages.append(self.page)
        self.assertEqual(*pages)

    def test_texts_of_the_sweep_are_no_markup(self) -> None:
        row = FakeRow(settings("GNN", 2, None, None), status="failed", message="<b>|&")
        asked = {"title": "Is *that* so?", "factor": "num_experts"}
        self.write_report(FakeSweep((row,), (asked,), description="<script>alert(1)</script>"))
        self.assertNotIn("script", Page(self.page).tags)
        self.assertIn("<b>|&", Page(self.page).tables[-2][1])
        self.assertEqual(Page(self.page).tables, markdown_tables(self.markdown))
        self.assertIn("\n&lt;script>alert(1)&lt;/script>\n", self.markdown)
        self.assertIn("## 2. Is \\*that\\* so?\n", self.markdown)
        self.assertIn("- Is \\*that\\* so? no finished", self.markdown)

    def test_other_folders_are_left_alone(self) -> None:
        sweep = KINDS["one_run"].write(self.folder / "sweep")
        kept = self.write("mine/csv/important.csv", "1")
        message = self.fail_with(EXIT_USAGE, "report.py", sweep, "--out", self.folder / "mine")
        self.assertIn("holds no report", message)
        self.assertTrue(kept.exists())


class ErrorsTest(ScriptTestCase):
    def test_what_is_no_sweep(self) -> None:
        script = "report.py"
        self.assertIn("does not exist", self.fail_with(EXIT_USAGE, script, self.folder / "none"))
        self.assertIn("no sweep.json", self.fail_with(EXIT_DATA, script, self.folder))
        cases = {
            "{": "is not JSON",
            "[]": "holds no JSON object",
            "{}": '"rows" is missing; remove it and run the sweep again, which writes it anew',
            '{"rows": []}': "has no rows",
            '{"rows": [3]}': '"rows" is \\[3\\] and has to be a list of objects',
            '{"rows": [{"id": "a"}]}': 'number 1: "seed" is missing; rows, number 1: "settings"',
            '{"rows": [{"id": "a", "seed": 1, "settings": {}, "status": "odd"}]}': 'is "odd" and',
            '{"rows": [], "questions": 3}': '"questions" is 3 and .*; it has no rows',
        }
        for content, message in cases.items():
            self.write("sweep.json", content)
            with self.subTest(content), self.assertRaisesRegex(UserError, message) as caught:
                read_sweep(self.folder)
            self.assertEqual(caught.exception.exit_code, EXIT_DATA)

    def test_a_broken_run(self) -> None:
        fake = KINDS["one_run"]
        sweep = fake.write(self.folder / "sweep")
        metrics = sweep / fake.rows[0].id / "metrics.jsonl"
        metrics.write_bytes(b"{\n" + metrics.read_bytes())
        message = self.fail_with(EXIT_DATA, "report.py", sweep)
        self.assertIn("metrics.jsonl, line 1: not a JSON object", message)

    def test_from_the_command_line(self) -> None:
        sweep = KINDS["one_run"].write(self.folder / "sweep")
        output = self.succeed("report.py", sweep, "--out", self.folder / "out")
        self.assertEqual(output, f"{self.folder / 'out' / 'report.html'}\n")


if __name__ == "__main__":
    main()
