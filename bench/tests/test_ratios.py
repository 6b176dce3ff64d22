"""bench/common/ratios.py, peer_check.py and bench/step/rates.py: ratios are taken round by round."""

import unittest

from support import call, step_group
from common import ratios
from common.peer_check import peer_check
from step import rates


def group_of(**samples_ms: tuple[float, ...]) -> dict:
    return {"id": "a", "calls": {name: call(*own) for name, own in samples_ms.items()}}


class RatiosTest(unittest.TestCase):
    def test_a_slow_minute_meets_both_sides_of_its_round(self) -> None:
        """Theirs always takes twice as long; the ratio of the medians would be 1."""
        group = group_of(theirs=(2.0, 20.0, 2.2), ours=(1.0, 10.0, 1.1))
        self.assertAlmostEqual(ratios.ratio_of(group, "theirs", "ours"), 2)
        shifted = group_of(theirs=(4.0, 6.0, 20.0), ours=(3.0, 6.0, 5.0))
        self.assertEqual(ratios.ratio_of(shifted, "theirs", "ours"), 4 / 3)

    def test_calls_that_run_less_often_ran_in_the_last_rounds(self) -> None:
        group = group_of(slow=(50.0, 60.0), fast=(1.0, 1.0, 5.0, 10.0), other=(9.0, 9.0, 7.0, 8.0))
        self.assertEqual(ratios.side_by_side(group, "fast", "slow"), [(5.0, 50.0), (10.0, 60.0)])
        self.assertEqual(ratios.ratio_of(group, "slow", "fast"), (10 + 6) / 2)
        three = ratios.side_by_side(group, "slow", "fast", "other")
        self.assertEqual(three, [(50.0, 5.0, 7.0), (60.0, 10.0, 8.0)])

    def test_without_a_call_there_is_no_ratio(self) -> None:
        group = group_of(ours=(1.0,))
        for pair in (("theirs", "ours"), ("ours", "theirs"), (None, "ours")):
            self.assertIsNone(ratios.ratio_of(group, *pair))
        found = ratios.target_of_ratio(group, "what", "at_least", 1, None, "ours")
        self.assertEqual((found["measured"], found["reached"]), (None, None))

    def test_the_fastest_is_so_round_by_round(self) -> None:
        """Its median is the larger one: its slow rounds were slow for ours too."""
        group = group_of(
            compiled=(12.0, 30.0, 31.0), dense=(20.0, 20.0, 50.0), ours=(10.0, 25.0, 25.0)
        )
        self.assertEqual(ratios.fastest(group, ["dense", "compiled", "absent"], "ours"), "compiled")
        self.assertEqual(ratios.fastest(group, ["dense"], "ours"), "dense")
        self.assertIsNone(ratios.fastest(group, ["absent"], "ours"))
        self.assertIsNone(ratios.fastest(group, ["dense"], "theirs"))

    def test_a_target_is_about_the_rounds(self) -> None:
        group = group_of(theirs=(4.0, 6.0, 20.0), ours=(3.0, 6.0, 5.0))
        found = ratios.target_of_ratio(group, "what", "at_least", 1.3, "theirs", "ours")
        self.assertEqual((found["measured"], found["reached"]), (1.333333, True))
        self.assertEqual(found["ratio"], "theirs / ours")


class RatesTest(unittest.TestCase):
    def group(self) -> dict:
        """1,000 GFLOP of products, 900 of them needed; the rounds' machines differ by ten times."""
        group = step_group("HGNN", {"ours@fp32": 1.0}, needed_flops=900e9)
        group["calls"]["ours@fp32"] = call(1000.0, 10_000.0, 1800.0)
        group["calls"]["gemm@fp32"] = call(800.0, 9000.0, 900.0, flops=1000 * 10**9)
        return group

    def test_the_share_of_the_gemm_rate_is_that_of_the_middle_round(self) -> None:
        share = rates.share_of_gemm_rate(self.group(), "ours@fp32")
        self.assertAlmostEqual(share, 0.9 * 0.8)
        self.assertIsNone(rates.share_of_gemm_rate(self.group(), "dense@fp32"))
        self.assertIsNone(rates.share_of_gemm_rate(self.group(), "ours@bf16"))

    def test_times_on_a_machine_with_another_rate(self) -> None:
        # 1.25 times the bare products, which take 2 s at 500 GFLOP/s.
        found = rates.milliseconds_at(self.group(), "ours@fp32", 500.0)
        self.assertAlmostEqual(found, 1.25 * 2000)
        self.assertIsNone(rates.milliseconds_at(self.group(), "dense@fp32", 500.0))


class PeerCheckTest(unittest.TestCase):
    def test_a_peer_is_held_against_the_machine_of_its_round(self) -> None:
        group = group_of(dense=(130.0, 1100.0, 110.0))
        beside = [(130.0, 1.0), (1100.0, 10.0), (110.0, 1.0)]
        (found,) = peer_check(group, "dense", 100.0, beside)
        self.assertEqual((found["of_limit"], found["slow"]), (round(1.1 / 1.2, 3), False))
        self.assertEqual((found["measured_ms"], found["figure_ms"]), (130.0, 100.0))
        (found,) = peer_check(group, "dense", 90.0, beside)
        self.assertIs(found["slow"], True)

    def test_without_a_round_there_is_nothing_to_hold(self) -> None:
        self.assertEqual(peer_check(group_of(), "dense", 1.0, []), [])


if __name__ == "__main__":
    unittest.main()
