"""What the report says in short: of graphs, and apart from them of what has none."""

from typing import Any
from unittest import main

from fake_sweeps import FakeRow, FakeSweep, settings
from report_page import ReportTestCase

NOISE = "no difference can be told from seed noise"


def rows_of(
    graph: str, shift: float, coupler: str, *options: Any, seeds: int = 3
) -> list[FakeRow]:
    values = settings(coupler, *options)
    return [
        FakeRow(values, seed, graph=graph, loss_shift=shift) for seed in range(1, seeds + 1)
    ]


MEAN = rows_of("none", 0.0, "MEAN", 4, None, None)
GNN = rows_of("active", -0.05, "GNN", 4, None, None)
HGNN = rows_of("active", 0.3, "HGNN", 4, "all_pairs", True)
FIXED = rows_of("no_op", -0.5, "HGNN", 4, "all_pairs", False)
CANCEL = rows_of("weights_cancel", 0.4, "HGNN", 4, "all", True)
NONE = rows_of("none", -0.7, "NONE", 4, None, None)
KINDS_OF_TWO = (("no_op", "all_pairs"), ("active", "file"))
GRAPH = {
    "title": "Does a graph help?",
    "factor": ["coupler_type", "hgnn_learnable_edge_weights"],
    "baseline": {"coupler_type": "MEAN"},
}


class AnswersTest(ReportTestCase):
    def in_short(self, *rows: FakeRow, questions: tuple[dict[str, Any], ...] = (GRAPH,)) -> str:
        self.folder = self.folder / "next"
        self.write_report(FakeSweep(rows, questions))
        return self.markdown.partition("## 1.")[2].partition("## 2.")[0]

    def test_the_answer_is_of_active_graphs(self) -> None:
        """Lower losses of what has no graph are told beside it, and never named the lowest."""
        told = self.in_short(*MEAN, *GNN, *HGNN, *FIXED, *CANCEL, *NONE)
        self.assertIn(
            "Of 2 configurations against coupler_type MEAN (without a graph): 1 with a lower loss,"
            " 1 with a higher loss. Lowest: GNN: lower loss (",
            told,
        )
        self.assertIn(
            "Beside them 1 whose graph is a no-op †: 1 with a lower loss; 1 whose weights cancel ‡:"
            " 1 with a higher loss; 1 without a graph: 1 with a lower loss.",
            told,
        )
        self.assertIn("\n\n† the graph is a no-op: ", told)
        self.assertIn("\n\n‡ the weights cancel: ", told)

    def test_a_single_graph_is_told_in_full(self) -> None:
        told = self.in_short(*MEAN, *GNN, *FIXED)
        self.assertIn("Does a graph help? GNN: lower loss (", told)
        self.assertIn("against coupler_type MEAN (without a graph). Beside it 1 whose", told)

    def test_where_no_graph_is_active_all_rows_answer_with_their_marks(self) -> None:
        told = self.in_short(*MEAN, *FIXED, *NONE)
        self.assertIn("Of 2 configurations against", told)
        self.assertIn("2 with a lower loss. Lowest: NONE: lower loss", told)
        self.assertNotIn("Beside", told)
        self.assertIn("HGNN, fixed weights, all_pairs †: lower", self.in_short(*MEAN, *FIXED))
        told = self.in_short(*NONE, *FIXED)
        self.assertIn("no baseline to compare with; the lowest mean loss is", told)
        best = rows_of("no_op", -0.9, "HGNN", 4, "all_pairs", False)
        self.assertIn("HGNN, fixed weights, all_pairs †, seeds: 3", self.in_short(*NONE, *best))

    def test_a_baseline_without_a_graph_is_told(self) -> None:
        """Here of two baselines the first alone, as where an HGNN of 2 experts scales."""
        two = [rows_of(graph, 0.0, "HGNN", 2, strategy, True) for graph, strategy in KINDS_OF_TWO]
        four = [rows_of("active", 0.1, "HGNN", 4, strategy, True) for _, strategy in KINDS_OF_TWO]
        asked = {"title": "More?", "factor": "num_experts", "baseline": {"num_experts": 2}}
        rows = [row for rows in (*two, *four) for row in rows]
        told = self.in_short(*rows, questions=(asked,))
        answer = "against num_experts 2 (1 of 2 whose graph is a no-op †): 2 with a higher"
        self.assertIn(answer, told)

    def test_equally_near_baselines_are_named(self) -> None:
        """In short, below the table and in the row, and not that there is none."""
        near = [
            FakeRow({"learning_rate": rate, "num_experts": experts}, seed)
            for rate, experts in ((0.001, 2), (0.001, 3), (0.002, 4))
            for seed in (1, 2)
        ]
        asked = {"title": "Rate?", "factor": "learning_rate", "baseline": {"learning_rate": 0.001}}
        told = self.in_short(*near, questions=(asked,))
        words = (
            "To rate=0.002, E=4 several baselines are equally near (rate=0.001, E=2; rate=0.001,"
            " E=3), so none is compared with"
        )
        self.assertIn(f"- Rate? {words}; the lowest mean loss is ", told)
        self.assertIn(f'{words}: name more of its options in the sweep file', self.markdown)
        self.assertNotIn("No finished run", self.markdown)
        verdict = self.rows("question-1")[2]["verdict"]
        self.assertEqual(verdict, "n/a (2 baselines are equally near)")

    def test_a_baseline_that_no_run_is_is_said(self) -> None:
        asked = {"title": "?", "factor": "coupler_type", "baseline": {"coupler_type": "NONE"}}
        self.in_short(*MEAN, *GNN, questions=(asked,))
        self.assertIn("No run of this question is the baseline, coupler_type NONE.", self.markdown)
        self.in_short(*NONE, questions=(asked,))
        self.assertIn("Every configuration of this question is a baseline, so", self.markdown)

    def test_answers_are_sentences(self) -> None:
        """After a title that is none, of configurations without a verdict, of a single one."""
        waiting = [FakeRow(settings("GNN", 2, None, None), 1, "pending", writes="nothing")]
        told = self.in_short(*waiting, questions=())
        self.assertIn("- All configurations: no finished run yet.", told)
        self.assertIn("1 run (1 pending), 1 configuration, seeds: 1.", self.markdown)
        alike = rows_of("active", 0.0, "GNN", 4, None, None)
        told = self.in_short(*MEAN, *alike, *rows_of("active", 0.0, "HGNN", 4, "all", True))
        self.assertIn(": 2 without a difference that can be told from seed noise.", told)
        single = [row for row in (*MEAN, *GNN, *HGNN) if row.seed == 1]
        self.assertIn(": 2 with too few seeds to tell.", self.in_short(*single))

    def test_the_seeds_of_differences_are_told(self) -> None:
        """Of two means over other seeds the difference cannot be told from the table."""
        rows = [row for row in (*MEAN, *GNN, *HGNN) if row not in (GNN[2], HGNN[1], HGNN[2])]
        self.in_short(*rows)
        found = self.rows("question-1")
        self.assertEqual([row["common_seeds"] for row in found], ["", "1, 2", "1"])
        self.assertEqual(found[2]["verdict"], "n/a (over seed 1 alone)")
        self.assertIn(
            "\n\nThe baseline is coupler_type MEAN. Intervals of differences are paired by seed"
            " over 2 seeds, Student's t. A difference is the mean over the seeds in both; where",
            self.markdown,
        )
        self.in_short(*(row for row in rows if row.seed == 1))
        self.assertIn("\n\nThe baseline is coupler_type MEAN.\n", self.markdown)
        self.in_short(*MEAN, *GNN)
        self.assertNotIn("A difference is the mean over", self.markdown)

    def test_a_section_has_one_mean_of_the_baseline(self) -> None:
        """That over the seeds in both is of the CSV file alone; the table says which these are."""
        rows = [row for row in (*MEAN, *GNN) if row is not GNN[2]]
        self.in_short(*rows)
        (row,) = self.rows("equal-loss-1")
        self.assertEqual(row["common_seeds"], "1, 2")
        mean = f"{float(row['target_loss']):.4f}"
        self.assertNotIn(mean, self.markdown)
        self.assertRegex(self.markdown, r"\| configuration \| seeds in both \| seeds that reach")

    def test_intervals_of_all_questions_are_counted(self) -> None:
        other = {"title": "Other?", "factor": "coupler_type", "baseline": {"coupler_type": "NONE"}}
        rows = [*MEAN, *GNN, *HGNN, *NONE]
        told = self.in_short(*rows, questions=(GRAPH, other))
        self.assertIn("Of 6 intervals at 95 % in all questions, 0.3 would miss 0 by chance", told)
        self.assertNotIn("by chance", self.in_short(*MEAN, *GNN))


if __name__ == "__main__":
    main()
