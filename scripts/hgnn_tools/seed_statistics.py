"""What few seeds can tell: means with Student's t intervals, and differences against seed noise."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
Interval = tuple[float, float]


@dataclass(frozen=True)
class Summary:
    """Of the values of `n` seeds. With one seed there is neither deviation nor interval."""

    n: int
    mean: float | None
    sd: float | None  # of the sample, divided by n - 1
    interval: Interval | None  # 95 %, Student's t


@dataclass(frozen=True)
class Difference:
    """Of two means, the second minus the first; `interval` is None where seeds are too few."""

    mean: float | None
    interval: Interval | None
    method: str  # how the interval was made, or why there is none
    common: tuple[int, ...] = ()  # seeds that both have, where the difference is over them alone

    @property
    def is_noise(self) -> bool | None:
        """Whether the interval holds 0; None where it cannot be told."""
        if self.interval is None:
            return None
        low, high = self.interval
        return low <= 0 <= high


def chance_note(intervals: int, where: str = "") -> str:
    """What readers of several intervals should know; nothing is corrected for their number."""
    chance = round((1 - CONFIDENCE) * intervals, 2)
    return (
        f"Of {intervals} intervals at 95 %{where}, {chance:g} would miss 0 by chance alone if"
        " nothing differed."
    )


def summarise(values: Sequence[float]) -> Summary:
    n = len(values)
    if n == 0:
        return Summary(0, None, None, None)
    mean = math.fsum(values) / n
    if n == 1:
        return Summary(1, mean, None, None)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Summary(n, mean, sd, around(mean, sd / math.sqrt(n), n - 1))


def geometric(ratios: Sequence[float]) -> Summary:
    """Of ratios, none of which is 0: what Student's t says of their logarithms, as ratios again."""
    logs = summarise([math.log(ratio) for ratio in ratios])
    if logs.mean is None:
        return logs
    sd = None if logs.sd is None else math.exp(logs.sd)
    interval = logs.interval and (math.exp(logs.interval[0]), math.exp(logs.interval[1]))
    return Summary(logs.n, math.exp(logs.mean), sd, interval)


def compare(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """Losses by seed: paired over the seeds that both have, where there are two of them.

    Seeds in pairs see the same order of data, so what they share drops out of the difference.
    Without two common seeds it is Welch's interval, which needs two seeds on either side.
    """
    common = sorted(first.keys() & second.keys())
    if len(common) > 1:
        paired = summarise([second[seed] - first[seed] for seed in common])
        return Difference(paired.mean, paired.interval, "paired by seed", tuple(common))
    a, b = summarise(list(first.values())), summarise(list(second.values()))
    if a.mean is None or b.mean is None:
        return Difference(None, None, "n/a (no finished run)")
    mean = b.mean - a.mean
    if a.sd is None or b.sd is None:
        for seed in common:  # a single one: without what it does not share
            mean = second[seed] - first[seed]
            return Difference(mean, None, f"n/a (over seed {seed} alone)", (seed,))
        return Difference(mean, None, "n/a (one seed)")
    return Difference(mean, welch_interval(a, b), "Welch")


def welch_interval(a: Summary, b: Summary) -> Interval:
    """Welch (1947), with Satterthwaite's degrees of freedom."""
    variance_a, variance_b = a.sd**2 / a.n, b.sd**2 / b.n
    total = variance_a + variance_b
    mean = b.mean - a.mean
    if total == 0:
        return (mean, mean)
    degrees = total**2 / (variance_a**2 / (a.n - 1) + variance_b**2 / (b.n - 1))
    return around(mean, math.sqrt(total), degrees)


@dataclass(frozen=True)
class Noise:
    """Seed noise measured elsewhere: a standard deviation pooled over configurations."""

    sd: float
    degrees: int
    configurations: int

    @staticmethod
    def pooled(groups: Sequence[Sequence[float]]) -> "Noise | None":
        """None where no group has two values."""
        repeated = [group for group in groups if len(group) > 1]
        degrees = sum(len(group) - 1 for group in repeated)
        if not degrees:
            return None
        squares = math.fsum(summarise(group).sd ** 2 * (len(group) - 1) for group in repeated)
        return Noise(math.sqrt(squares / degrees), degrees, len(repeated))

    def compare(self, first: Sequence[float], second: Sequence[float]) -> Difference:
        mean = math.fsum(second) / len(second) - math.fsum(first) / len(first)
        error = self.sd * math.sqrt(1 / len(first) + 1 / len(second))
        return Difference(mean, around(mean, error, self.degrees), "pooled seed noise")


def around(mean: float, standard_error: float, degrees: float) -> Interval:
    half = t_quantile((1 + CONFIDENCE) / 2, degrees) * standard_error
    return (mean - half, mean + half)


def t_quantile(probability: float, degrees: float) -> float:
    """The value that Student's t with `degrees` (a whole number or not) stays below with
    `probability`, by bisection of its distribution function; to a relative 1e-12 or so."""
    if probability < 0.5:
        return -t_quantile(1 - probability, degrees)
    low, high = 0.0, 1.0
    while t_cdf(high, degrees) < probability:
        high *= 2
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if t_cdf(middle, degrees) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def t_cdf(t: float, degrees: float) -> float:
    """For t >= 0: P(T <= t) = 1 - I_x(n / 2, 1 / 2) / 2 with n degrees and x = n / (n + t^2)."""
    x = degrees / (degrees + t * t)
    return 1 - regularised_beta(x, degrees / 2, 0.5) / 2


def regularised_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    # The continued fraction converges fast on this side of the mean; the other follows by symmetry.
    if x > (a + 1) / (a + b + 2):
        return 1 - regularised_beta(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log_front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) * beta_fraction(x, a, b) / a


def beta_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of DLMF 8.17.22 by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1 / nonzero(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / nonzero(1 + term * d, tiny)
            c = nonzero(1 + term / c, tiny)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            return value
    return value


def nonzero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
