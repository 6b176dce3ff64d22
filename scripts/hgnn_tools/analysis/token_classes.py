"""Classes of targets: how frequent, where in the line, start of a word or not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hgnn_tools.errors import UserError
from hgnn_tools.prepared_data import TargetPairs, read_description, target_pairs
from hgnn_tools.run_folder import Run

# Shares of the training targets that the most frequent tokens, then the next ones make up.
FREQUENT, MIDDLING = 0.5, 0.9
# Ends of the bands of positions; the first target of a line is 1.
POSITION_ENDS = (4, 16, 64)
# What byte-level tokenizers write for space, line end, tab, carriage return; Metaspace's mark.
WORD_STARTS = ("\u0120", "\u010a", "\u0109", "\u010d", "\u2581")
LEARNS_STARTS = ("ByteLevel", "Metaspace")


@dataclass(frozen=True)
class Classing:
    """One way to sort targets into classes."""

    name: str
    classes: tuple[str, ...]
    class_of: np.ndarray  # [samples, places]: index into classes, -1 where no target or none fits

    def masks(self) -> Iterator[tuple[str, np.ndarray]]:
        for number, name in enumerate(self.classes):
            yield name, self.class_of == number


@dataclass(frozen=True)
class Classes:
    classings: tuple[Classing, ...]
    missing: tuple[str, ...]  # which are not there, why, and what to do


def classes_of(run: Run, losses: np.ndarray) -> Classes:
    """`losses` [samples, places] are of the run's evaluation, NaN where there is no target."""
    has_target = ~np.isnan(losses)
    found, missing = [by_position(run, has_target)], []
    try:
        pairs = evaluation_pairs(run, int(has_target.sum()))
    except UserError as error:
        return Classes(tuple(found), (f"no classes by frequency and word: {error}",))
    makers: dict[str, Callable[[], Classing]] = {
        "frequency": lambda: by_frequency(run, has_target, pairs),
        "word": lambda: by_word(run, has_target, pairs),
    }
    for name, make in makers.items():
        try:
            found.append(make())
        except UserError as error:
            missing.append(f"no classes by {name}: {error}")
    return Classes(tuple(found), tuple(missing))


def spread_out(has_target: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values of the targets, in file order, at their places; -1 elsewhere."""
    out = np.full(has_target.shape, -1, dtype=np.int64)
    out[has_target] = values
    return out


def by_position(run: Run, has_target: np.ndarray) -> Classing:
    places = np.nonzero(has_target)[1] + 1
    ends = [end for end in POSITION_ENDS if end < has_target.shape[1]]
    starts = [1, *(end + 1 for end in ends)]
    names = [f"{low} to {high}" for low, high in zip(starts, ends, strict=False)]
    where = "window" if run.config.get("sample_mode") == "packed" else "line"
    bands = np.searchsorted(ends, places, side="left")
    title = f"position in the {where}"
    return Classing(title, (*names, f"from {starts[-1]}"), spread_out(has_target, bands))


def evaluation_pairs(run: Run, targets: int) -> TargetPairs:
    """Inputs and targets of the evaluation, in file order."""
    pairs = split_pairs(run, "eval")
    if pairs.targets.size != targets:
        raise UserError(
            f"the ablation has {targets} targets, but the evaluation text {pairs.targets.size};"
            " repeat it with --num_eval_samples -1 and the data of the run",
            0,
        )
    return pairs


def split_pairs(run: Run, split: str) -> TargetPairs:
    if not run.data_folder:
        raise UserError("the run was on synthetic data, which has no text", 0)
    folder = Path(run.data_folder)
    return target_pairs(
        folder,
        split,
        run.config.get("sample_mode") or "lines",
        int(run.config.get("max_seq_length") or 0),
        read_description(folder)["end_of_text_id"],
    )


def by_frequency(run: Run, has_target: np.ndarray, pairs: TargetPairs) -> Classing:
    """Bands of the training targets: the most frequent tokens that make up half of them, the next
    ones up to nine tenths, and the rest with those that were never seen."""
    bands = frequency_bands(split_pairs(run, "train").targets, int(pairs.targets.max()) + 1)
    classes = ("frequent", "middling", "rare")
    name = "frequency in the training text"
    return Classing(name, classes, spread_out(has_target, bands[pairs.targets]))


def frequency_bands(training_targets: np.ndarray, vocab_size: int) -> np.ndarray:
    """[V]: 0 frequent, 1 middling, 2 rare. Equal counts go by id."""
    counts = np.bincount(training_targets, minlength=vocab_size)
    order = np.argsort(-counts, kind="stable")
    before = (np.cumsum(counts[order]) - counts[order]) / max(1, counts.sum())
    bands = np.empty(counts.size, dtype=np.int64)
    bands[order] = np.searchsorted((FREQUENT, MIDDLING), before, side="right")
    return bands


def by_word(run: Run, has_target: np.ndarray, pairs: TargetPairs) -> Classing:
    """A token starts a word where its text begins with white space or follows an end of text."""
    folder = Path(run.data_folder or "")
    end_of_text_id = read_description(folder)["end_of_text_id"]
    starts = word_starts(folder / "tokenizer.json", int(pairs.targets.max()) + 1)
    begins = starts[pairs.targets] | (pairs.inputs == end_of_text_id)
    kinds = np.where(begins, 0, 1)
    kinds[pairs.targets == end_of_text_id] = -1
    return Classing("place in the word", ("start", "continuation"), spread_out(has_target, kinds))


def word_starts(path: Path, vocab_size: int) -> np.ndarray:
    """[V], whether a token begins with white space."""
    from hgnn_tools.tokenizing import read_tokenizer_file

    tokenizer = read_tokenizer_file(path)
    description = json.loads(tokenizer.to_str())
    stages = json.dumps([description.get("pre_tokenizer"), description.get("decoder")])
    if not any(f'"{stage}"' in stages for stage in LEARNS_STARTS):
        raise UserError(
            f"{path} does not mark where words start (no {' or '.join(LEARNS_STARTS)})", 0
        )
    starts = np.zeros(vocab_size, dtype=bool)
    for text, number in tokenizer.get_vocab(with_added_tokens=True).items():
        if number < vocab_size:
            starts[number] = text.startswith(WORD_STARTS)
    return starts
