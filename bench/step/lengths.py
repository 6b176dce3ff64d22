"""Lengths of samples: all of T, or those of WikiText-2's lines."""

from __future__ import annotations

from random import Random
from statistics import mean

from step.case import BATCHES

LONGEST = 128
# 64 quantiles of the lengths, in tokens of GPT-2, of the 4,105 lines of WikiText-2's test and
# validation splits that are longer than 30 characters, cut to 128: 72 % of 128 on average.
WIKITEXT2_LINES = (
    7, 9, 10, 11, 12, 13, 15, 16, 18, 23, 29, 35, 41, 45, 51, 56,
    62, 66, 71, 74, 78, 82, 86, 90, 93, 97, 100, 103, 107, 111, 113, 118,
    122, 125, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
    128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
)  # fmt: skip


def batches_of_lengths(rows: str, batch: int, length: int) -> list[list[int]]:
    """Lengths of the samples of each batch. `rows` is `full`, or `lines`: quantiles of WikiText-2's
    lines, scaled to `length` and dealt out so that all batches hold about as many tokens and each
    has a sample of full length."""
    if rows == "full":
        return [[length] * batch] * BATCHES
    samples, quantiles = batch * BATCHES, len(WIKITEXT2_LINES)
    batches: list[list[int]] = [[] for _ in range(BATCHES)]
    for rank in range(samples):
        first, end = rank * quantiles // samples, (rank + 1) * quantiles // samples
        share = WIKITEXT2_LINES[first : max(first + 1, end)]
        turn, place = divmod(rank, BATCHES)
        receiver = place if turn % 2 == 0 else BATCHES - 1 - place
        batches[receiver].append(_scaled(mean(share), length))
    return batches


def distinct_batches_of_lines(batch: int, length: int, count: int) -> list[list[int]]:
    """Lengths of the samples of `count` batches, no two with as many tokens: a sample of full
    length, the others drawn from the same quantiles. ValueError where there are not so many."""
    random = Random(13)
    by_tokens: dict[int, list[int]] = {}
    for _ in range(20 * count):
        drawn = (_scaled(line, length) for line in random.choices(WIKITEXT2_LINES, k=batch - 1))
        samples = [length, *drawn]
        by_tokens.setdefault(sum(samples), samples)
    if len(by_tokens) < count:
        raise ValueError(f"only {len(by_tokens)} of {count} batches of {batch} differ in length")
    return list(by_tokens.values())[:count]


def _scaled(line: float, length: int) -> int:
    """A line of LONGEST at most as a sample of `length` at most, with a target at least."""
    return max(2, round(line * length / LONGEST))
