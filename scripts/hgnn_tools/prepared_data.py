"""A prepared data folder as the trainer sees it: inputs and targets of its samples."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hgnn_tools.errors import EXIT_DATA, UserError
from hgnn_tools.indexed_dataset import IndexedTokens, read_indexed


@dataclass(frozen=True)
class TargetPairs:
    """Every target of a split with the token before it, which is its position's input."""

    inputs: np.ndarray
    targets: np.ndarray


def read_description(folder: Path) -> dict[str, Any]:
    """The content of dataset.json."""
    path = folder / "dataset.json"
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"cannot read {path} ({error.strerror}); prepare the data with"
            " scripts/prepare_data.py --out FOLDER",
            EXIT_DATA,
        ) from None
    except ValueError as error:
        raise UserError(
            f"{path} is not JSON ({error}); prepare the data again with --overwrite", EXIT_DATA
        ) from None
    for key in ("vocab_size", "end_of_text_id"):
        if not isinstance(description.get(key), int):
            raise UserError(
                f"{path} has no whole number {key}; prepare the data again with --overwrite",
                EXIT_DATA,
            )
    return description


def target_pairs(
    folder: Path, split: str, sample_mode: str, max_seq_length: int, end_of_text_id: int
) -> TargetPairs:
    """The pairs that the trainer uses when it takes all samples of `split`."""
    indexed = read_indexed(folder / split)
    if sample_mode == "packed":
        pairs = packed_pairs(indexed, max_seq_length, end_of_text_id)
    else:
        pairs = line_pairs(indexed, max_seq_length)
    if pairs.targets.size == 0:
        raise UserError(
            f"{folder / split}.bin has no target for --max_seq_length {max_seq_length} in"
            f" {sample_mode} mode; prepare more text or change the length",
            EXIT_DATA,
        )
    return pairs


def packed_pairs(indexed: IndexedTokens, length: int, end_of_text_id: int) -> TargetPairs:
    """Windows over the joined documents, each followed by end-of-text: they overlap by one token,
    so together they are one stream without its last, shorter rest."""
    count = indexed.sizes.size
    stream = np.full(indexed.tokens.size + count, end_of_text_id, dtype=np.int64)
    # Token k of document d lies at its place in the file plus the d separators before it.
    document = np.repeat(np.arange(count), indexed.sizes)
    stream[np.arange(indexed.tokens.size) + document] = indexed.tokens
    targets = (stream.size - 1) // length * length
    return TargetPairs(stream[:targets], stream[1 : targets + 1])


def line_pairs(indexed: IndexedTokens, length: int) -> TargetPairs:
    """The first `length` tokens of every document; its last token has no target."""
    tokens = np.asarray(indexed.tokens, dtype=np.int64)
    starts = np.cumsum(indexed.sizes, dtype=np.int64) - indexed.sizes
    place = np.arange(tokens.size) - np.repeat(starts, indexed.sizes)
    is_input = place < np.repeat(np.minimum(indexed.sizes, length) - 1, indexed.sizes)
    where = np.flatnonzero(is_input)
    return TargetPairs(tokens[where], tokens[where + 1])


def check_ids(pairs: TargetPairs, vocab_size: int, path: Path) -> None:
    """Every id of the pairs must lie in the vocabulary."""
    largest = max(int(pairs.inputs.max()), int(pairs.targets.max()))
    smallest = min(int(pairs.inputs.min()), int(pairs.targets.min()))
    if smallest < 0 or largest >= vocab_size:
        bad = smallest if smallest < 0 else largest
        raise UserError(
            f"{path} has the token {bad}, outside the vocabulary of {vocab_size}; prepare the"
            " data again with --overwrite",
            EXIT_DATA,
        )
