"""Unigram and interpolated bigram models of token ids, in numpy."""

from dataclasses import dataclass

import numpy as np

from hgnn_tools.errors import EXIT_DATA, UserError
from hgnn_tools.prepared_data import TargetPairs

# The part of the training targets that chooses the discount.
HELD_OUT = 0.1
MIN_TARGETS = 100
DISCOUNTS = tuple(np.round(np.arange(0.05, 1.0, 0.05), 2))


@dataclass(frozen=True)
class Unigram:
    """Add-one smoothing: P(b) = (count(b) + 1) / (total + V)."""

    probabilities: np.ndarray

    @staticmethod
    def fit(targets: np.ndarray, vocab_size: int) -> "Unigram":
        counts = np.bincount(targets, minlength=vocab_size) + 1.0
        return Unigram(counts / counts.sum())

    def loss(self, targets: np.ndarray) -> float:
        """Mean negative log probability in nats a target."""
        return float(-np.log(self.probabilities[targets]).mean())


@dataclass(frozen=True)
class Bigram:
    """Absolute discounting (Ney, Essen, Kneser 1994), interpolated with the unigram model:

    P(b|a) = max(count(ab) - D, 0) / count(a) + D * kinds(a) / count(a) * P(b),

    kinds(a) the number of different tokens seen after a; P(b|a) = P(b) after an unseen a.
    """

    vocab_size: int
    unigram: Unigram
    pairs: np.ndarray  # a * V + b, sorted
    pair_counts: np.ndarray
    contexts: np.ndarray  # [V], count(a)
    kinds: np.ndarray  # [V]

    @staticmethod
    def fit(train: TargetPairs, vocab_size: int) -> "Bigram":
        keys = train.inputs * vocab_size + train.targets
        pairs, pair_counts = np.unique(keys, return_counts=True)
        return Bigram(
            vocab_size=vocab_size,
            unigram=Unigram.fit(train.targets, vocab_size),
            pairs=pairs,
            pair_counts=pair_counts,
            contexts=np.bincount(train.inputs, minlength=vocab_size),
            kinds=np.bincount(pairs // vocab_size, minlength=vocab_size),
        )

    def losses(self, data: TargetPairs, discounts: tuple[float, ...]) -> list[float]:
        """The mean negative log probability in nats a target for each discount D."""
        keys = data.inputs * self.vocab_size + data.targets
        places = np.minimum(np.searchsorted(self.pairs, keys), self.pairs.size - 1)
        counts = np.where(self.pairs[places] == keys, self.pair_counts[places], 0)
        contexts, kinds = self.contexts[data.inputs], self.kinds[data.inputs]
        base = self.unigram.probabilities[data.targets]
        results = []
        for discount in discounts:
            seen = np.maximum(counts - discount, 0.0) + discount * kinds * base
            p = np.where(contexts > 0, seen / np.maximum(contexts, 1), base)
            results.append(float(-np.log(p).mean()))
        return results


def choose_discount(train: TargetPairs, vocab_size: int) -> float:
    """The discount that predicts the last tenth of the training targets best from the others."""
    if train.targets.size < MIN_TARGETS:
        raise UserError(
            f"the training split has only {train.targets.size} targets, too few to fit a bigram"
            f" model; prepare text with at least {MIN_TARGETS}",
            EXIT_DATA,
        )
    cut = int(train.targets.size * (1 - HELD_OUT))
    fitted = Bigram.fit(TargetPairs(train.inputs[:cut], train.targets[:cut]), vocab_size)
    held_out = TargetPairs(train.inputs[cut:], train.targets[cut:])
    losses = fitted.losses(held_out, DISCOUNTS)
    return float(DISCOUNTS[int(np.argmin(losses))])
