"""Time, tokens and FLOPs until a configuration has the loss of its baseline."""

import math
import statistics
import unittest
from collections.abc import Sequence
from typing import Any

import support  # noqa: F401  (the path)

from hgnn_tools.reporting.configurations import Configuration
from hgnn_tools.reporting.curve import Curve
from hgnn_tools.reporting.equal_loss import cost_at, equal_loss_table
from hgnn_tools.reporting.questions import Question
from hgnn_tools.reporting.sweep_folder import Row
from hgnn_tools.tables import Table, cells

TOKENS = (10.0, 20.0, 40.0)
T95_OF_TWO = 12.706204736432095
FALLING = (5.0, 4.0, 3.0)


def run(coupler: str, seed: int, losses: Sequence[float] = (), **changes: Any) -> Row:
    """One that ended well where it has losses."""
    curve = Curve((1, 2, 3), tuple(losses), TOKENS, tuple(2 * one for one in TOKENS))
    found = {"best_eval_loss": min(losses), "final_eval_loss": losses[-1]} if losses else {}
    values = {"status": "done", "tokens": 40, "needed_flops": 400.0, **found, **changes}
    settings = {"coupler_type": coupler}
    return Row(f"{coupler}-{seed}", seed=seed, settings=settings, kept_curve=curve, **values)


def table_of(*rows: Row, loss_key: str = "best_eval_loss") -> Table | None:
    kinds = dict.fromkeys(row.settings["coupler_type"] for row in rows)
    configurations = tuple(
        Configuration(tuple(row for row in rows if row.settings["coupler_type"] == kind), loss_key)
        for kind in kinds
    )
    asked = ("coupler_type",), {}, {"coupler_type": "MEAN"}, ("coupler_type",), configurations
    return equal_loss_table(Question(1, "?", *asked))


def row_of(*rows: Row, **kind: str) -> dict[str, Any]:
    (row,) = table_of(*rows, **kind).rows
    return row


class EqualLossTest(unittest.TestCase):
    def test_cost_is_on_the_line_between_evaluations(self) -> None:
        curve = Curve((1, 2, 3), (5.0, 4.0, 3.5), (0.0,) * 3, (10.0, 20.0, 40.0))
        self.assertEqual(cost_at(curve, curve.minutes, 3.75), 30.0)
        self.assertEqual(cost_at(curve, curve.minutes, 4.0), 20.0)
        self.assertEqual(cost_at(curve, curve.minutes, 6.0), 10.0)
        self.assertIsNone(cost_at(curve, curve.minutes, 3.4))

    def test_each_seed_has_the_target_of_its_baseline(self) -> None:
        """A seed that is easy for both is no gain of one of them."""
        easy = tuple(loss - 1 for loss in FALLING)
        row = row_of(
            *(run("MEAN", 1, FALLING), run("MEAN", 2, easy)),
            *(run("GNN", 1, (5.0, 3.0, 2.5)), run("GNN", 2, (4.0, 2.5, 1.5))),
        )
        self.assertEqual((row["target_loss"], row["reached"]), (2.5, "2 of 2"))
        ratios = [20 / 40, 30 / 40]
        logs = list(map(math.log, ratios))
        mean, half = statistics.fmean(logs), T95_OF_TWO * statistics.stdev(logs) / math.sqrt(2)
        for key in ("time", "token", "flops"):
            self.assertAlmostEqual(row[f"{key}_ratio"], math.exp(mean))
            low, high = row[f"{key}_ratio_interval"]
            self.assertAlmostEqual(low, math.exp(mean - half))
            self.assertAlmostEqual(high, math.exp(mean + half))
        self.assertEqual((row["minutes"], row["baseline_minutes"]), (50.0, 80.0))

    def test_flops_of_seeds_with_another_cost_a_token(self) -> None:
        row = row_of(
            *(run("MEAN", seed, FALLING) for seed in (1, 2)),
            *(run("GNN", seed, FALLING, needed_flops=800.0) for seed in (1, 2)),
        )
        self.assertEqual((row["token_ratio"], row["flops_ratio"]), (1.0, 2.0))
        self.assertEqual(row["flops_ratio_interval"], (2.0, 2.0))

    def test_seeds_that_are_missing_are_counted(self) -> None:
        """Of those that have ended, each that does not reach it takes the ratio away."""
        means = [run("MEAN", seed, FALLING) for seed in (1, 2, 3)]
        ours = [run("GNN", seed, FALLING) for seed in (1, 2)]
        lost = run("GNN", 3, status="failed", reason="diverged")
        row = row_of(*means, *ours, lost)
        self.assertEqual((row["reached"], row.get("token_ratio")), ("2 of 3 (1 diverged)", None))
        row = row_of(*means, *ours, run("GNN", 3, (5.0, 4.0, 3.5)))
        self.assertEqual((row["reached"], row.get("token_ratio")), ("2 of 3 (1 not reached)", None))
        row = row_of(*means, *ours, run("GNN", 3, status="pending"))
        self.assertEqual((row["reached"], row["token_ratio"]), ("2 of 3 (1 pending)", 1.0))
        lost = run("MEAN", 3, status="failed", reason="diverged")
        row = row_of(*means[:2], lost, *ours, run("GNN", 3, FALLING))
        told = ("2 of 3 (1 baseline diverged)", None)
        self.assertEqual((row["reached"], row.get("token_ratio")), told)

    def test_seeds_of_the_baseline_alone_or_of_the_other_alone(self) -> None:
        means = [run("MEAN", seed, FALLING) for seed in (1, 2)]
        row = row_of(*means, run("GNN", 2, FALLING), run("GNN", 3, FALLING))
        self.assertEqual(row["reached"], "1 of 2 (1 not in the baseline)")
        self.assertEqual(row["token_ratio_interval"], "n/a (one seed)")
        row = row_of(*means, run("GNN", 3, FALLING))
        self.assertEqual(row["reached"], "0 of 1 (1 not in the baseline)")

    def test_nothing_to_compare_is_no_table(self) -> None:
        means = [run("MEAN", seed, FALLING) for seed in (1, 2)]
        self.assertIsNone(table_of(*means))
        self.assertIsNone(table_of(*means, run("GNN", 1, status="pending")))

    def test_final_losses_have_a_target_of_their_own(self) -> None:
        """The baseline ends above its best; the other one never has that, but the end."""
        worse = [run("MEAN", seed, (5.0, 3.0, 4.0)) for seed in (1, 2)]
        ours = [run("GNN", seed, (5.0, 4.5, 4.0)) for seed in (1, 2)]
        row = row_of(*worse, *ours)
        self.assertEqual((row["target_loss"], row["reached"]), (3.0, "0 of 2 (2 not reached)"))
        self.assertEqual(row["minutes"], "not reached")
        row = row_of(*worse, *ours, loss_key="final_eval_loss")
        self.assertEqual((row["target_loss"], row["reached"]), (4.0, "2 of 2"))
        self.assertAlmostEqual(row["token_ratio"], 40 / 15)
        told = table_of(*worse, *ours, loss_key="final_eval_loss").notes[0]
        self.assertIn("own loss at the end of that seed", told)

    def test_a_loss_of_the_first_evaluation_is_an_upper_bound(self) -> None:
        means = [run("MEAN", seed, FALLING) for seed in (1, 2)]
        early = [run("GNN", 1, (3.0, 2.5, 2.0)), run("GNN", 2, FALLING)]
        table = table_of(*means, *early)
        (row,) = table.rows
        self.assertIs(row["at_most"], True)
        self.assertEqual((row["minutes"], row["token_ratio"]), (50.0, 0.5))
        self.assertEqual(row["token_ratio_interval"], "n/a (an upper bound)")
        (line,) = cells(table)
        self.assertEqual((line.count("≤ 50.0"), line.count("≤ 0.500")), (1, 3))
        self.assertTrue(table.notes[-1].startswith("≤ marks upper bounds"))
        rising = [run("MEAN", seed, (3.0, 4.0, 5.0)) for seed in (1, 2)]
        row = row_of(*rising, *(run("GNN", seed, FALLING) for seed in (1, 2)))
        told = "n/a (the baseline is there at its first evaluation)"
        self.assertEqual(row["token_ratio"], told)


if __name__ == "__main__":
    unittest.main()
