"""Means, intervals and differences over seeds, against table values and sums done by hand."""

import math
import random
import statistics
import unittest

import support  # noqa: F401  (the path)

from hgnn_tools.seed_statistics import Noise, compare, geometric, summarise, t_cdf, t_quantile

# Two-sided 95 % points as printed in statistical tables, and two others.
TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 19: 2.093, 29: 2.045}
TABLE |= {60: 2.000, 120: 1.980, 10**7: 1.960}


class QuantileTest(unittest.TestCase):
    def test_table_values(self) -> None:
        for degrees, value in TABLE.items():
            self.assertAlmostEqual(t_quantile(0.975, degrees), value, delta=5.01e-4)
        self.assertAlmostEqual(t_quantile(0.995, 2), 9.925, delta=5e-4)
        self.assertAlmostEqual(t_quantile(0.95, 10), 1.812, delta=5e-4)

    def test_closed_forms(self) -> None:
        """One degree of freedom is Cauchy's distribution, two have a root."""
        for p in (0.6, 0.9, 0.975, 0.999):
            self.assertAlmostEqual(t_quantile(p, 1), math.tan(math.pi * (p - 0.5)), places=8)
            a = 4 * p * (1 - p)
            self.assertAlmostEqual(t_quantile(p, 2), 2 * (p - 0.5) * math.sqrt(2 / a), places=8)

    def test_quantile_inverts_the_distribution(self) -> None:
        for degrees in (1.3, 2.7, 11.5, 250.0):
            self.assertAlmostEqual(t_cdf(t_quantile(0.975, degrees), degrees), 0.975, places=12)
        self.assertEqual(t_quantile(0.025, 7), -t_quantile(0.975, 7))
        self.assertAlmostEqual(t_quantile(0.5, 7), 0.0, places=9)


class SummaryTest(unittest.TestCase):
    def test_three_seeds(self) -> None:
        summary = summarise([4.0, 4.2, 4.7])
        self.assertAlmostEqual(summary.mean, 4.3)
        self.assertAlmostEqual(summary.sd, math.sqrt(0.13))
        half = 4.302652729911275 * math.sqrt(0.13 / 3)
        self.assertAlmostEqual(summary.interval[0], 4.3 - half, places=9)
        self.assertAlmostEqual(summary.interval[1], 4.3 + half, places=9)

    def test_too_few(self) -> None:
        self.assertEqual((summarise([]).mean, summarise([]).n), (None, 0))
        one = summarise([3.0])
        self.assertEqual((one.mean, one.sd, one.interval), (3.0, None, None))


    def test_ratios_have_the_mean_and_interval_of_their_logarithms(self) -> None:
        """So that a ratio and its inverse say the same."""
        ratios = geometric([0.5, 1.0, 4.0])
        self.assertAlmostEqual(ratios.mean, 2 ** (1 / 3))
        half = 4.302652729911275 * statistics.stdev([-1, 0, 2]) * math.log(2) / math.sqrt(3)
        self.assertAlmostEqual(ratios.interval[1], ratios.mean * math.exp(half))
        inverse = geometric([2.0, 1.0, 0.25])
        self.assertAlmostEqual(inverse.mean * ratios.mean, 1.0)
        self.assertAlmostEqual(inverse.interval[0] * ratios.interval[1], 1.0)
        self.assertIsNone(geometric([2.0]).interval)
        self.assertIsNone(geometric([]).mean)


class DifferenceTest(unittest.TestCase):
    def test_paired_drops_what_seeds_share(self) -> None:
        first = {1: 4.0, 2: 5.0, 3: 6.0}
        second = {1: 3.9, 2: 4.88, 3: 5.92, 4: 100.0}
        difference = compare(first, second)
        self.assertEqual((difference.method, difference.common), ("paired by seed", (1, 2, 3)))
        self.assertAlmostEqual(difference.mean, -0.1)
        half = 4.302652729911275 * 0.02 / math.sqrt(3)
        self.assertAlmostEqual(difference.interval[1], -0.1 + half, places=9)
        self.assertIs(difference.is_noise, False)

    def test_interval_around_zero_is_noise(self) -> None:
        self.assertIs(compare({1: 1.0, 2: 2.0}, {1: 1.1, 2: 1.9}).is_noise, True)

    def test_welch_without_common_seeds(self) -> None:
        a, b = [4.0, 4.2, 4.7], [3.1, 3.2]
        difference = compare(dict(enumerate(a)), dict(enumerate(b, start=10)))
        va, vb = statistics.variance(a) / 3, statistics.variance(b) / 2
        degrees = (va + vb) ** 2 / (va**2 / 2 + vb**2 / 1)
        half = t_quantile(0.975, degrees) * math.sqrt(va + vb)
        self.assertEqual(difference.method, "Welch")
        self.assertAlmostEqual(difference.mean, 3.15 - 4.3)
        self.assertAlmostEqual(difference.interval[0], 3.15 - 4.3 - half)

    def test_one_seed_tells_nothing(self) -> None:
        difference = compare({1: 4.0, 2: 5.0}, {2: 4.9})
        found = (difference.interval, difference.method)
        self.assertEqual(found, (None, "n/a (over seed 2 alone)"))
        self.assertIsNone(difference.is_noise)
        self.assertAlmostEqual(difference.mean, -0.1)  # of the seed that both have
        self.assertAlmostEqual(compare({1: 4.0, 2: 5.0}, {3: 4.9}).mean, 0.4)
        self.assertEqual(compare({}, {1: 1.0}).method, "n/a (no finished run)")

    def test_equal_losses_are_noise_and_constant_gains_are_not(self) -> None:
        same = {1: 4.25, 2: 4.5}
        self.assertIs(compare(same, same).is_noise, True)
        self.assertIs(
            compare(same, {seed: loss - 0.25 for seed, loss in same.items()}).is_noise, False
        )
        self.assertEqual(compare({1: 2.0, 2: 2.0}, {3: 1.5, 4: 1.5}).interval, (-0.5, -0.5))

    def test_intervals_hold_the_truth_as_often_as_they_say(self) -> None:
        draw = random.Random(5)
        missed = 0
        for _ in range(2000):
            first = {seed: draw.gauss(4, 1) for seed in range(3)}
            second = {seed: loss - 0.5 + draw.gauss(0, 0.1) for seed, loss in first.items()}
            low, high = compare(first, second).interval
            missed += not low <= -0.5 <= high
        self.assertAlmostEqual(missed / 2000, 0.05, delta=0.015)


class NoiseTest(unittest.TestCase):
    def test_pooled_over_configurations(self) -> None:
        noise = Noise.pooled([[1.0, 3.0], [5.0], [2.0, 2.0, 5.0]])
        self.assertEqual((noise.degrees, noise.configurations), (3, 2))
        self.assertAlmostEqual(noise.sd, math.sqrt((2.0 + 6.0) / 3))
        difference = noise.compare([4.0], [3.0])
        half = t_quantile(0.975, 3) * noise.sd * math.sqrt(2)
        self.assertAlmostEqual(difference.interval[1], -1 + half)

    def test_none_without_repeats(self) -> None:
        self.assertIsNone(Noise.pooled([[1.0], [2.0]]))


if __name__ == "__main__":
    unittest.main()
