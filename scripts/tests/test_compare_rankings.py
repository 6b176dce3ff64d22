"""scripts/compare_rankings.py: the table, targets, unreadable files."""

import json
import unittest
from pathlib import Path

from support import ScriptTestCase

RELATION = "(drug, indication, disease)"


class CompareRankingsTest(ScriptTestCase):
    def finished_run(self, name: str, hits: float | None) -> Path:
        figures = {
            "ranks": 40,
            "mrr": 0.5,
            "hits_at_1": 0.25,
            "hits_at_3": 0.375,
            "hits_at_10": hits,
        }
        results = {
            "test": {"micro": figures, "relations": {RELATION: figures | {"mrr": 0.125}}},
            "embeddings": {"verdict": "good"},
        }
        summary = json.dumps({"results": results})
        return self.write(f"{name}/run_summary.json", summary).parent

    def test_table(self) -> None:
        runs = [self.finished_run("graph", 0.75), self.finished_run("none", 0.0625)]
        lines = self.succeed("compare_rankings.py", *runs).splitlines()
        self.assertEqual(lines[1].split(), "graph 0.5000 0.2500 0.3750 0.7500 40 good".split())
        self.assertEqual(lines[2].split(), "none 0.5000 0.2500 0.3750 0.0625 40 good".split())

    def test_one_relation(self) -> None:
        run = self.finished_run("graph", 0.75)
        output = self.succeed("compare_rankings.py", run, "--relation", RELATION)
        self.assertIn("0.1250", output)
        message = self.fail_with(3, "compare_rankings.py", run, "--relation", "(a, b, c)")
        self.assertIn(RELATION, message)

    def test_targets(self) -> None:
        targets = ("--hits_at_10_of_first", 0.9, "--hits_at_10_of_others", 0.3)
        good = self.finished_run("good", 0.9)
        self.succeed("compare_rankings.py", good, self.finished_run("low", 0.3), *targets)
        message = self.fail_with(
            1,
            "compare_rankings.py",
            self.finished_run("bad", 0.89),
            self.finished_run("high", 0.31),
            self.finished_run("unknown", None),
            *targets,
        )
        for part in ("bad is 0.890", "high is 0.310", "unknown is nan"):
            self.assertIn(part, message)

    def test_unfinished_run(self) -> None:
        run = self.write("stopped/run_summary.json", json.dumps({"results": None})).parent
        message = self.fail_with(3, "compare_rankings.py", run)
        self.assertIn("no test figures", message)


if __name__ == "__main__":
    unittest.main()
