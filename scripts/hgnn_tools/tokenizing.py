"""Tokenizers for prepare_data.py, and the split of long documents that leaves ids unchanged."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.text_sources import first_line

END_OF_TEXT = "<|endoftext|>"
# The 256 byte symbols and the end of text.
MIN_TRAINED_TOKENS = 257
# Characters encoded at a time; an encoded token takes some hundred bytes until it is written.
PIECE_CHARACTERS = 1 << 16
BATCH_CHARACTERS = 1 << 20


@dataclass(frozen=True)
class PreparedTokenizer:
    tokenizer: Tokenizer
    label: str  # for dataset.json
    vocab_size: int
    end_of_text_id: int

    def to_json(self) -> str:
        return self.tokenizer.to_str()


@dataclass(frozen=True)
class Piece:
    text: str
    ends_document: bool


def prepare_tokenizer(
    spec: str, end_of_text: str, training_documents: Callable[[], Iterator[str]]
) -> PreparedTokenizer:
    """`spec` as described by --tokenizer; `training_documents` is used by train:N alone."""
    if spec.startswith("train:"):
        tokenizer = train_byte_level_bpe(parse_trained_size(spec), training_documents())
        label = spec
    else:
        path = Path(spec)
        tokenizer = read_gpt2_folder(path) if path.is_dir() else read_tokenizer_file(path)
        label = path.resolve().name
    end_of_text_id = tokenizer.token_to_id(end_of_text)
    if end_of_text_id is None:
        raise UserError(
            f"the tokenizer {spec} has no token {end_of_text!r}; name the one that ends a text"
            " with --end_of_text",
            EXIT_USAGE,
        )
    make_literal(tokenizer)
    # Ids may have holes, so the number of entries is not enough.
    vocab_size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1
    return PreparedTokenizer(tokenizer, label, vocab_size, end_of_text_id)


def make_literal(tokenizer: Tokenizer) -> None:
    """Text is only text: a typed '<|endoftext|>' is no special token, nothing is cut or padded."""
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()


def parse_trained_size(spec: str) -> int:
    size = spec.removeprefix("train:")
    if not size.isascii() or not size.isdigit() or int(size) < MIN_TRAINED_TOKENS:
        raise UserError(
            f"--tokenizer {spec}: the number of tokens must be at least {MIN_TRAINED_TOKENS}, the"
            " 256 bytes and the end of text, for instance train:4096",
            EXIT_USAGE,
        )
    return int(size)


def byte_level(model: models.Model) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train_byte_level_bpe(size: int, documents: Iterable[str]) -> Tokenizer:
    """A byte-level BPE of exactly `size` tokens; the same documents give the same tokens."""
    tokenizer = byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    pieces = (piece.text for piece in split_documents(documents, splittable=True))
    tokenizer.train_from_iterator(pieces, trainer)
    reached = tokenizer.get_vocab_size()
    if reached != size:
        raise UserError(
            f"--tokenizer train:{size}: the training text gives only {reached} tokens; give more"
            f" text or ask for train:{reached}",
            EXIT_DATA,
        )
    return tokenizer


def read_gpt2_folder(folder: Path) -> Tokenizer:
    vocabulary, merges = folder / "encoder.json", folder / "vocab.bpe"
    for path in (vocabulary, merges):
        if not path.is_file():
            raise UserError(
                f"the tokenizer folder {folder} has no {path.name}; a GPT-2 tokenizer is a folder"
                " with encoder.json and vocab.bpe",
                EXIT_DATA,
            )
    try:
        tokenizer = byte_level(models.BPE.from_file(str(vocabulary), str(merges)))
    except Exception as error:  # the package raises plain Exception for every bad file
        raise unreadable(folder, error) from None
    if tokenizer.token_to_id(END_OF_TEXT) is not None:
        # Known already: marking it special keeps its id.
        tokenizer.add_special_tokens([END_OF_TEXT])
    return tokenizer


def read_tokenizer_file(path: Path) -> Tokenizer:
    if not path.is_file():
        raise UserError(
            f"the tokenizer {path} does not exist; give a folder with encoder.json and vocab.bpe,"
            " a tokenizer.json or train:4096",
            EXIT_DATA,
        )
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises plain Exception for every bad file
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"the tokenizer {path} cannot be read ({first_line(error)}); fetch it again or choose"
        " another",
        EXIT_DATA,
    )


def can_split(tokenizer: Tokenizer) -> bool:
    """Whether no token of this tokenizer spans a non-space followed by a space: true of GPT-2's
    byte-level splitting, which works on pieces between such places, where nothing else looks at
    the text as a whole."""
    description = json.loads(tokenizer.to_str())
    splitter = description["pre_tokenizer"] or {}
    return (
        splitter.get("type") == "ByteLevel"
        and splitter.get("use_regex", True)
        and not splitter["add_prefix_space"]
        and description["normalizer"] is None
        and all(token["special"] for token in description["added_tokens"])
    )


def split_documents(documents: Iterable[str], splittable: bool) -> Iterator[Piece]:
    """Pieces of about PIECE_CHARACTERS, so that one huge document needs no huge memory."""
    boundary = re.compile(r"\S(?= )")
    for document in documents:
        start = 0
        while splittable and len(document) - start > PIECE_CHARACTERS:
            cut = boundary.search(document, start + PIECE_CHARACTERS)
            if cut is None:
                break
            yield Piece(document[start : cut.end()], ends_document=False)
            start = cut.end()
        yield Piece(document[start:], ends_document=True)


def batch_pieces(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Lists of pieces of about BATCH_CHARACTERS together."""
    batch: list[Piece] = []
    characters = 0
    for piece in pieces:
        batch.append(piece)
        characters += len(piece.text)
        if characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
