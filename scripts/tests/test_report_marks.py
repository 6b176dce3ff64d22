"""scripts/report.py: what every table says of its rows, marks and seeds."""

import re
from dataclasses import replace
from unittest import main

from fake_sweeps import EXPECTED, QUESTIONS, FakeRow, FakeSweep, settings, study
from report_page import ReportTestCase


class MarksTest(ReportTestCase):
    def test_graphs_without_effect_are_marked_in_every_table(self) -> None:
        """With the legend below each. Of two experts the weights cancel, fixed ones do nothing:
        these are the best here, so that they are on the Pareto front, too."""
        rows = [row for row in study() if row.settings["num_experts"] != 2]
        rows = [replace(row, loss_shift=-1.0) if row.graph == "no_op" else row for row in rows]
        rows.append(FakeRow(settings("HGNN", 2, "all_pairs", True), graph="weights_cancel"))
        self.write_report(FakeSweep(tuple(rows), QUESTIONS, EXPECTED))
        signs = {"false": {"4": "†", "8": "†"}, "true": {"2": "‡"}}  # by weights, and experts
        marks = {path.stem: "" for path in (self.folder / "sweep/report/csv").iterdir()}
        for name in marks:
            for row in self.rows(name):
                if row.get("hgnn_learnable_edge_weights") and row.get("num_experts"):
                    sign = signs[row["hgnn_learnable_edge_weights"]].get(row["num_experts"], "")
                    self.assertEqual(row["marks"], sign, (name, row))
                marks[name] += row.get("marks", "")
        for name in ("question-2", "question-3", "equal-loss-2", "pareto", "costs", "expected"):
            self.assertIn("†", marks[name], name)
        for name in ("parameters", "runs"):
            self.assertLessEqual({"†", "‡"}, set(marks[name]), name)
        tables = re.findall(r"((?:^\|.*\n)+)\n((?:[^|#*\n].*\n|\n)*)", self.markdown, re.MULTILINE)
        self.assertEqual(len(tables), len(marks))
        for table, notes in tables:
            for mark, told in (("†", "the graph is a no-op"), ("‡", "the weights cancel")):
                self.assertEqual(mark in table, f"{mark} {told}" in notes, table)

    def test_who_is_on_a_pareto_front_tells_its_seeds(self) -> None:
        rows = [row for row in study() if row.settings["coupler_type"] == "NONE"]
        rows[0] = replace(rows[0], status="failed", reason="diverged")
        self.write_report(FakeSweep(tuple(rows)))
        self.assertEqual([row["seeds"] for row in self.rows("pareto")], ["2 of 3 (1 diverged)"])


if __name__ == "__main__":
    main()
