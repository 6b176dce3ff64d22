"""The batches that all peers and the program train on, as a folder of indexed token files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import json
from pathlib import Path

import numpy
import torch
from torch import Tensor

from common.oracle import make_batch, read_documents
from common.tools import IndexedWriter
from step.case import Case

# What cross entropy leaves out: padding, and the last token of a sample.
NO_TARGET = -100


@dataclass(frozen=True)
class Batch:
    tokens_BT: Tensor
    labels_BT: Tensor  # the next token, or NO_TARGET


def write_folder(folder: Path, case: Case, lengths: Sequence[Sequence[int]]) -> None:
    """Random ids, a document a sample, in the order that a run with --no_shuffle takes them. The
    evaluation set is one short document: the program needs one."""
    folder.mkdir(parents=True)
    random = numpy.random.default_rng(11)
    documents = [random.integers(case.vocab, size=size) for batch in lengths for size in batch]
    for name, some in (("train", documents), ("eval", [documents[0][:2]])):
        with IndexedWriter(folder / name, case.vocab) as writer:
            for document in some:
                writer.add_tokens(document)
                writer.end_document()
            writer.finish()
    description = json.dumps({"vocab_size": case.vocab})
    (folder / "dataset.json").write_text(description, encoding="utf-8")


def read_batches(folder: Path, case: Case, device: torch.device) -> list[Batch]:
    """All of the folder."""
    documents = read_documents(folder / "train")
    batches = []
    for first in range(0, len(documents), case.batch):
        padded = make_batch(documents, range(first, first + case.batch), case.length)
        labels_BT = torch.full_like(padded.tokens, NO_TARGET)
        for row, length in enumerate(padded.lengths):
            labels_BT[row, : length - 1] = padded.tokens[row, 1:length]
        batches.append(Batch(padded.tokens.to(device), labels_BT.to(device)))
    return batches
