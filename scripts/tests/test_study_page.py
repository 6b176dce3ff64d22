"""docs/study.md and docs/study_equal_time.md: their tables are those of what is kept of the runs."""

import json
import shutil
from typing import Any
from unittest import main

from report_page import ReportTestCase
from support import REPOSITORY

STUDIES = ("study", "study_equal_time")
TOLD = {"e705e1b9b351-dirty"}


def kept_sweep(name: str) -> Any:
    return json.loads((REPOSITORY / "docs/study" / name / "sweep.json").read_text("utf-8"))


class StudyPageTest(ReportTestCase):
    def test_the_pages_regenerate_from_what_is_kept(self) -> None:
        for name in STUDIES:
            published = REPOSITORY / f"docs/{name}.md"
            page = self.folder / published.name
            shutil.copy(published, page)
            self.run_report(REPOSITORY / "docs/study" / name, "--into", page, "--no_pictures")
            self.assertTrue(
                page.read_text(encoding="utf-8") == published.read_text(encoding="utf-8"),
                f"the report has changed: write the page again with scripts/report.py"
                f" docs/study/{name} --into docs/{name}.md --no_pictures",
            )

    def test_what_is_kept_is_of_the_sweep_file(self) -> None:
        for name in STUDIES:
            kept = kept_sweep(name)
            path = REPOSITORY / f"configs/sweeps/{name}.json"
            sweep = json.loads(path.read_text(encoding="utf-8"))
            for key in ("questions", "expected", "description"):
                self.assertEqual(kept.get(key) or None, sweep.get(key), f"{name}: {key}")
            self.assertEqual({row["seed"] for row in kept["rows"]}, set(sweep["seeds"]))
            groups = {row["group"] for row in kept["rows"]}
            self.assertEqual(groups, {group["name"] for group in sweep["groups"]})
            self.assertEqual({row["status"] for row in kept["rows"]}, {"done"}, name)

    def test_no_result_is_of_changed_sources(self) -> None:
        for name in STUDIES:
            commits = {row["commit"] for row in kept_sweep(name)["rows"]}
            self.assertTrue(commits)
            changed = {commit for commit in commits if commit.endswith("-dirty")}
            # The page says which sources these were.
            self.assertLessEqual(changed, TOLD if name == "study_equal_time" else set(), name)


if __name__ == "__main__":
    main()
