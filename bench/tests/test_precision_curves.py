"""Gaps between precisions against the noise of seeds."""

import unittest

import support  # noqa: F401

from precision.curves import WINDOW, evaluate, gap_and_noise, running_mean
from precision.tables import curve_table


def group(gap: float) -> dict:
    """Three seeds whose losses lie 0.1 apart; bf16 lies `gap` above fp32."""

    def runs(shift: float) -> list[dict]:
        return [
            {"seed": s, "loss": [3 + 0.1 * s + shift] * (WINDOW + 5), "eval_loss": 2 + 0.1 * s + shift}
            for s in (1, 2, 3)
        ]

    return {"id": "hgnn", "runs": {"fp32": runs(0.0), "bf16": runs(gap)}}


class PrecisionCurves(unittest.TestCase):
    def test_a_running_mean_begins_with_its_first_whole_window(self) -> None:
        self.assertEqual(running_mean([0.0] * WINDOW + [float(WINDOW)]), [0.0, 1.0])

    def test_gap_and_noise_of_every_step(self) -> None:
        curves = {"fp32": [[1.0], [1.2]], "bf16": [[1.3], [1.1]]}
        ((gap, noise),) = gap_and_noise(curves)
        self.assertAlmostEqual(gap, 0.2)
        self.assertAlmostEqual(noise, 0.2 / 2**0.5)

    def test_only_a_gap_within_seed_noise_is_reached(self) -> None:
        for gap, reached in ((0.05, True), (-0.05, True), (0.15, False), (-0.15, False)):
            with self.subTest(gap=gap):
                found = evaluate(group(gap))
                self.assertEqual([one["reached"] for one in found], [reached, reached])
                self.assertAlmostEqual(found[1]["measured"], abs(gap) / 0.1, places=2)

    def test_the_table_has_a_row_a_seed_and_the_means(self) -> None:
        lines = curve_table(group(0.25))
        self.assertIn("| 1 | 3.1000 | 3.3500 | 2.1000 | 2.3500 |", lines)
        self.assertIn("| mean | 3.2000 | 3.4500 | 2.2000 | 2.4500 |", lines)


if __name__ == "__main__":
    unittest.main()
