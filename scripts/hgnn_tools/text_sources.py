"""Documents out of text files, JSON lines and Hugging Face data sets, read as a stream."""

import codecs
import importlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError

CHUNK_BYTES = 1 << 20
# Some editors begin a UTF-8 file with it; it is no part of the text.
BYTE_ORDER_MARK = "\ufeff"

# Where str.splitlines ends a line.
LINE_ENDS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")


@dataclass(frozen=True)
class DocumentRules:
    """What counts as a document: in `lines` mode a stripped line, in `documents` mode a whole file
    or JSON row, either longer than `min_characters` (at least 0: an empty one never counts)."""

    mode: str
    min_characters: int
    text_field: str = "text"

    def documents_of(self, text: str) -> Iterator[str]:
        """The documents of one complete text."""
        candidates = text.splitlines() if self.mode == "lines" else [text]
        return self.filtered(candidates)

    def filtered(self, candidates: Iterable[str]) -> Iterator[str]:
        for candidate in candidates:
            document = candidate.strip() if self.mode == "lines" else candidate
            if len(document) > self.min_characters:
                yield document


class Source(Protocol):
    """One split's input; documents() may be called several times."""

    @property
    def names(self) -> list[str]: ...

    def documents(self, rules: DocumentRules) -> Iterator[str]: ...


@dataclass(frozen=True)
class FileSource:
    """Files in the order given: .jsonl files hold JSON rows, all others plain UTF-8 text."""

    paths: tuple[Path, ...]

    @property
    def names(self) -> list[str]:
        return [path.name for path in self.paths]

    def check(self) -> None:
        """Finds a missing file before hours are spent on the others."""
        for path in self.paths:
            if path.is_dir():
                raise UserError(
                    f"input {path} is a folder; give the text files in it to --train or --eval",
                    EXIT_DATA,
                )
            if not path.is_file():
                raise UserError(
                    f"input file {path} does not exist; check the path given to --train or --eval",
                    EXIT_DATA,
                )
        if len(self.empty_paths) == len(self.paths):
            raise UserError(
                f"input file {self.paths[0]} is empty; give a file with text to --train or --eval",
                EXIT_DATA,
            )

    @property
    def empty_paths(self) -> list[Path]:
        return [path for path in self.paths if path.stat().st_size == 0]

    def documents(self, rules: DocumentRules) -> Iterator[str]:
        for path in self.paths:
            if path.suffix == ".jsonl":
                for text in read_json_rows(path, rules.text_field):
                    yield from rules.documents_of(text)
            elif rules.mode == "lines":
                yield from rules.filtered(join_lines(decode_chunks(path)))
            else:
                yield from rules.documents_of("".join(decode_chunks(path)))


@dataclass(frozen=True)
class HuggingFaceSource:
    """One split of a data set that the optional package `datasets` downloads."""

    name: str
    config: str
    split: str

    @property
    def names(self) -> list[str]:
        return [f"{self.name}/{self.config}/{self.split}"]

    def documents(self, rules: DocumentRules) -> Iterator[str]:
        for row in self._load():
            if not isinstance(row.get(rules.text_field), str):
                raise UserError(
                    f"{self.names[0]} has no text in a field named {rules.text_field!r} but the"
                    f" fields {', '.join(sorted(row))}; name the right one with --text_field",
                    EXIT_DATA,
                )
            yield from rules.documents_of(row[rules.text_field])

    def _load(self) -> Iterable[dict[str, Any]]:
        try:
            datasets = importlib.import_module("datasets")
        except ModuleNotFoundError:
            raise UserError(
                "--hf needs the Python package datasets, which is not installed; install it with"
                " pip install datasets, or give files with --train and --eval",
                EXIT_USAGE,
            ) from None
        try:
            return datasets.load_dataset(self.name, self.config, split=self.split)
        except Exception as error:  # `datasets` raises types of many packages for one bad name
            raise UserError(
                f"cannot load {self.names[0]} with the package datasets"
                f" ({type(error).__name__}: {first_line(error)}); check the name, the"
                " configuration, the split and the network",
                EXIT_DATA,
            ) from error


def decode_chunks(path: Path) -> Iterator[str]:
    """The text of a UTF-8 file in pieces of about a mebibyte, line ends unchanged, without a byte
    order mark at its start."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    consumed = lines = 0
    at_start = True
    with open_input(path) as file:
        while True:
            chunk = file.read(CHUNK_BYTES)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line = lines + error.object[: error.start].count(b"\n") + 1
                raise bad_utf8(path, line, consumed - pending + error.start, error) from None
            if text:
                yield text.removeprefix(BYTE_ORDER_MARK) if at_start else text
                at_start = False
            if not chunk:
                return
            consumed += len(chunk)
            lines += chunk.count(b"\n")


def join_lines(chunks: Iterable[str]) -> Iterator[str]:
    """The lines of str.splitlines over the joined chunks, each with its line end. A "\\r\\n" that
    two chunks share yields one more line, an empty one, which is never a document."""
    unfinished: list[str] = []
    for chunk in chunks:
        for line in chunk.splitlines(keepends=True):
            unfinished.append(line)
            if line[-1] in LINE_ENDS:
                yield "".join(unfinished)
                unfinished.clear()
    if unfinished:
        yield "".join(unfinished)


def read_json_rows(path: Path, text_field: str) -> Iterator[str]:
    """The text of every row of a JSON lines file; blank rows are skipped."""
    offset = 0
    with open_input(path) as file:
        for number, raw in enumerate(file, start=1):
            try:
                row = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise bad_utf8(path, number, offset + error.start, error) from None
            if number == 1:
                row = row.removeprefix(BYTE_ORDER_MARK)
            if row.strip():
                yield text_of_row(row, text_field, f"{path}, line {number}")
            offset += len(raw)


def text_of_row(row: str, text_field: str, where: str) -> str:
    try:
        value = json.loads(row)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where}, column {error.colno}: not JSON ({error.msg}); every line must be an object"
            f' like {{"{text_field}": "..."}}',
            EXIT_DATA,
        ) from None
    except RecursionError:
        raise UserError(f"{where}: JSON nested too deeply; simplify the row", EXIT_DATA) from None
    text = value.get(text_field) if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise UserError(
            f"{where}: no string in a field named {text_field!r}; name the field that holds the"
            " text with --text_field",
            EXIT_DATA,
        )
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            f"{where}: the text has half a surrogate pair, {text[error.start]!a}, at character"
            f" {error.start}; write the whole character",
            EXIT_DATA,
        ) from None
    return text


def open_input(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise UserError(
            f"cannot read {path} ({error.strerror}); check the path and its permissions", EXIT_DATA
        ) from None


def bad_utf8(path: Path, line: int, offset: int, error: UnicodeDecodeError) -> UserError:
    return UserError(
        f"{path} is not UTF-8 at line {line}, byte offset {offset} ({error.reason}); convert the"
        " file, for instance with iconv",
        EXIT_DATA,
    )


def first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")
