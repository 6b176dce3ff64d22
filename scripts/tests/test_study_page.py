"""docs/study.md: its tables are those of what is kept of the study's runs."""

import json
import shutil
from unittest import main

from report_page import ReportTestCase
from support import REPOSITORY

PAGE = REPOSITORY / "docs/study.md"
KEPT = REPOSITORY / "docs/study/study"
SWEEP = REPOSITORY / "configs/sweeps/study.json"


class StudyPageTest(ReportTestCase):
    def test_the_page_regenerates_from_what_is_kept(self) -> None:
        page = self.folder / "study.md"
        shutil.copy(PAGE, page)
        self.run_report(KEPT, "--into", page, "--no_pictures")
        self.assertTrue(
            page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8"),
            "the report has changed: write the page again with scripts/report.py docs/study/study"
            " --into docs/study.md --no_pictures",
        )

    def test_what_is_kept_is_of_the_sweep_file(self) -> None:
        kept = json.loads((KEPT / "sweep.json").read_text(encoding="utf-8"))
        sweep = json.loads(SWEEP.read_text(encoding="utf-8"))
        for key in ("questions", "expected", "description"):
            self.assertEqual(kept[key], sweep[key], key)
        self.assertEqual({row["seed"] for row in kept["rows"]}, set(sweep["seeds"]))
        self.assertEqual(
            {row["group"] for row in kept["rows"]}, {group["name"] for group in sweep["groups"]}
        )

    def test_no_result_is_of_changed_sources(self) -> None:
        kept = json.loads((KEPT / "sweep.json").read_text(encoding="utf-8"))
        commits = {row["commit"] for row in kept["rows"] if row["status"] == "done"}
        self.assertTrue(commits)
        self.assertFalse([commit for commit in commits if commit.endswith("-dirty")])


if __name__ == "__main__":
    main()
