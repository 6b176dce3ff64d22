"""bench/common/timing.py: order, rounds, repeats and medians, on a clock that is told the time."""

import unittest
from unittest import mock

import support  # noqa: F401  (the path)
from common import timing


class ToldClock:
    """Every call takes what `milliseconds` says and is written down."""

    def __init__(self, milliseconds: dict[str, float]) -> None:
        self.milliseconds = milliseconds
        self.measured: list[tuple[str, int]] = []

    def measure(self, call: timing.Call, repeats: int) -> float:
        name = str(call())
        self.measured.append((name, repeats))
        return self.milliseconds[name]


def calls(*names: str) -> dict[str, timing.Call]:
    return {name: (lambda name=name: name) for name in names}


class InterleaveTest(unittest.TestCase):
    def test_rounds_take_turns_after_a_warm_up(self) -> None:
        clock = ToldClock({"a": 5.0, "b": 7.0})
        samples = timing.interleave(calls("a", "b"), 3, clock)
        names = [name for name, _ in clock.measured]
        self.assertEqual(names, ["a", "a", "b", "b"] + ["a", "b"] * 3)
        self.assertEqual(samples, {"a": [5.0] * 3, "b": [7.0] * 3})

    def test_slow_calls_run_less_and_without_a_warm_up(self) -> None:
        clock = ToldClock({"slow": 9000.0, "fast": 5.0})
        samples = timing.interleave(calls("slow", "fast"), 4, clock, {"slow": 1})
        names = [name for name, _ in clock.measured]
        self.assertEqual(names, ["fast"] * 5 + ["slow", "fast"])
        self.assertEqual({name: len(ms) for name, ms in samples.items()}, {"slow": 1, "fast": 4})

    def test_short_calls_are_repeated_within_a_sample(self) -> None:
        clock = ToldClock({"short": 1.0, "long": 4.0})
        timing.interleave(calls("short", "long"), 1, clock)
        self.assertEqual(clock.measured[-2:], [("short", 3), ("long", 1)])

    def test_repeats(self) -> None:
        for milliseconds, repeats in {0.0: 50, 0.001: 50, 0.1: 30, 2.9: 2, 3.0: 1, 99.0: 1}.items():
            with self.subTest(milliseconds):
                self.assertEqual(timing.repeats_for(milliseconds), repeats)

    def test_the_clock_divides_by_the_repeats(self) -> None:
        calls_made = []
        with mock.patch("time.perf_counter", side_effect=[10.0, 10.4]):
            milliseconds = timing.WallClock().measure(lambda: calls_made.append(1), 4)
        self.assertEqual(len(calls_made), 4)
        self.assertAlmostEqual(milliseconds, 100.0)


class SummaryTest(unittest.TestCase):
    def test_the_median_is_not_the_mean(self) -> None:
        entry = timing.summary([1.0, 100.0, 2.0], bytes=8)
        self.assertEqual(entry, {"median_ms": 2.0, "samples_ms": [1.0, 100.0, 2.0], "bytes": 8})

    def test_digits(self) -> None:
        self.assertEqual(timing.summary([1234.5678])["median_ms"], 1234.6)


if __name__ == "__main__":
    unittest.main()
