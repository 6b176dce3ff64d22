"""Megatron's indexed format: NAME.bin holds the token ids of all documents one after another,
NAME.idx their number, lengths and byte offsets.

NAME.idx, little endian: 9 bytes magic, uint64 version, uint8 dtype code, uint64 number of
sequences, uint64 number of document boundaries, then int32 lengths in tokens, int64 byte offsets
into NAME.bin, and int64 document boundaries. One sequence is one document here, so the boundaries
are 0, 1, ..., count.
"""

import array
import hashlib
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from hgnn_tools.errors import EXIT_DATA, UserError

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
HEADER = struct.Struct("<9sQBQQ")
DTYPES: dict[int, np.dtype] = {8: np.dtype("<u2"), 4: np.dtype("<i4")}
MAX_DOCUMENT_TOKENS = 2**31 - 1
# Entries of the index converted and written at a time.
INDEX_BLOCK = 1 << 20


def dtype_code_for(vocab_size: int) -> int:
    """uint16 where every id fits, else int32."""
    return 8 if vocab_size < 65536 else 4


class IndexedWriter:
    """Writes BASE.bin as documents arrive and BASE.idx at the end. Memory: 4 bytes a document.

    A context manager: leaving it closes the file, finish() makes the pair complete.
    """

    def __init__(self, base: Path, vocab_size: int) -> None:
        self._code = dtype_code_for(vocab_size)
        self._dtype = DTYPES[self._code]
        self._index_path = base.with_suffix(".idx")
        self._file = open(base.with_suffix(".bin"), "wb")
        self._hash = hashlib.sha256()
        self._sizes = array.array("i")
        self._unfinished = 0
        self.tokens = 0
        self.empty_documents = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    @property
    def documents(self) -> int:
        return len(self._sizes)

    @property
    def sha256(self) -> str:
        """Of the .bin file so far."""
        return self._hash.hexdigest()

    def add_tokens(self, ids: Sequence[int]) -> None:
        """Appends to the current document."""
        data = np.asarray(ids, dtype=self._dtype).tobytes()
        self._file.write(data)
        self._hash.update(data)
        self._unfinished += len(ids)

    def end_document(self) -> None:
        """A document without tokens is left out and counted."""
        if self._unfinished == 0:
            self.empty_documents += 1
            return
        if self._unfinished > MAX_DOCUMENT_TOKENS:
            raise UserError(
                f"document {self.documents} has {self._unfinished} tokens, more than the"
                f" {MAX_DOCUMENT_TOKENS} that the indexed format can hold; split the file",
                EXIT_DATA,
            )
        self._sizes.append(self._unfinished)
        self.tokens += self._unfinished
        self._unfinished = 0

    def finish(self) -> None:
        """Writes the index and brings both files to the disk."""
        flush_to_disk(self._file)
        sizes = np.frombuffer(self._sizes, dtype=np.int32) if self._sizes else np.empty(0, np.int32)
        with open(self._index_path, "wb") as file:
            file.write(HEADER.pack(MAGIC, VERSION, self._code, sizes.size, sizes.size + 1))
            file.write(sizes.astype("<i4").tobytes())
            offset = 0
            for first in range(0, sizes.size, INDEX_BLOCK):
                block = sizes[first : first + INDEX_BLOCK].astype(np.int64) * self._dtype.itemsize
                ends = offset + np.cumsum(block)
                file.write((ends - block).astype("<i8").tobytes())
                offset = int(ends[-1])
            for first in range(0, sizes.size + 1, INDEX_BLOCK):
                last = min(first + INDEX_BLOCK, sizes.size + 1)
                file.write(np.arange(first, last, dtype="<i8").tobytes())
            flush_to_disk(file)


def flush_to_disk(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


@dataclass(frozen=True)
class IndexedTokens:
    """One split: all ids in document order (memory-mapped) and the length of each document."""

    tokens: np.ndarray
    sizes: np.ndarray


def read_indexed(base: Path) -> IndexedTokens:
    """Reads what IndexedWriter wrote: documents without gaps between them."""
    index_path, bin_path = base.with_suffix(".idx"), base.with_suffix(".bin")
    try:
        index = index_path.read_bytes()
        bin_bytes = bin_path.stat().st_size
    except OSError as error:
        raise UserError(
            f"cannot read {error.filename} ({error.strerror}); prepare the data with"
            " scripts/prepare_data.py",
            EXIT_DATA,
        ) from None
    if len(index) < HEADER.size:
        raise damaged(index_path, f"it has {len(index)} bytes, less than a header")
    magic, version, code, count, boundaries = HEADER.unpack_from(index)
    if magic != MAGIC or version != VERSION or code not in DTYPES:
        raise damaged(index_path, "its header is not that of uint16 or int32 tokens, version 1")
    if len(index) != HEADER.size + 12 * count + 8 * boundaries or boundaries != count + 1:
        raise damaged(index_path, f"its {len(index)} bytes do not fit {count} documents")
    dtype = DTYPES[code]
    sizes = np.frombuffer(index, "<i4", count, HEADER.size)
    offsets = np.frombuffer(index, "<i8", count, HEADER.size + 4 * count)
    ends = np.cumsum(sizes, dtype=np.int64) * dtype.itemsize
    total = int(ends[-1]) if count else 0
    if (sizes < 1).any() or not np.array_equal(offsets[1:], ends[:-1]) or total != bin_bytes:
        raise damaged(index_path, f"its lengths do not add up to the {bin_bytes} bytes of the .bin")
    if count == 0:
        raise damaged(index_path, "it holds no documents")
    return IndexedTokens(np.memmap(bin_path, dtype=dtype, mode="r"), sizes)


def damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path} cannot be used: {reason}; prepare the data again with scripts/prepare_data.py",
        EXIT_DATA,
    )
