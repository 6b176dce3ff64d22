"""A NumPy reader of Megatron's indexed token files, and batches of them in a given order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import struct

import numpy
import torch

from reference_training import Batch

_MAGIC = b"MMIDIDX\x00\x00"
_HEADER = struct.Struct("<9sQBQQ")  # magic, version, dtype code, sequences, document entries
_DTYPES = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}


def read_documents(prefix: Path) -> list[numpy.ndarray]:
    """The token ids of every sequence of prefix.bin and prefix.idx, in file order."""
    index = prefix.with_suffix(".idx").read_bytes()
    magic, version, code, count, _ = _HEADER.unpack_from(index)
    if magic != _MAGIC or version != 1:
        raise ValueError(f"{prefix}.idx is not a version 1 index of Megatron's format")
    sizes = numpy.frombuffer(index, "<i4", count, _HEADER.size)
    pointers = numpy.frombuffer(index, "<i8", count, _HEADER.size + sizes.nbytes)
    tokens = prefix.with_suffix(".bin").read_bytes()
    dtype = _DTYPES[code]
    return [
        numpy.frombuffer(tokens, dtype, size, start)
        for size, start in zip(sizes, pointers, strict=True)
    ]


def file_order_batches(
    samples: int, batch_size: int, epochs: int, max_batches_per_epoch: int
) -> list[list[int]]:
    """Sample indices as a run with --no_shuffle takes them: every epoch starts at the first."""
    epoch = [
        list(range(first, min(first + batch_size, samples)))
        for first in range(0, samples, batch_size)
    ]
    if max_batches_per_epoch >= 0:
        epoch = epoch[:max_batches_per_epoch]
    return epoch * epochs


def make_batch(
    documents: Sequence[numpy.ndarray], indices: Sequence[int], max_seq_length: int
) -> Batch:
    """Documents truncated to max_seq_length and padded on the right with id 0."""
    chosen = [documents[index][:max_seq_length].astype(numpy.int64) for index in indices]
    lengths = [len(document) for document in chosen]
    tokens = numpy.zeros((len(chosen), max(lengths)), dtype=numpy.int64)
    for row, document in zip(tokens, chosen, strict=True):
        row[: len(document)] = document
    return Batch(torch.from_numpy(tokens), lengths)
