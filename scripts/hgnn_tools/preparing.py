"""From documents to a prepared data folder, all or nothing."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.indexed_dataset import DTYPES, IndexedWriter, dtype_code_for, flush_to_disk
from hgnn_tools.output_folder import unfinished_folder
from hgnn_tools.text_sources import DocumentRules, Source
from hgnn_tools.tokenizing import (
    PreparedTokenizer,
    batch_pieces,
    can_split,
    prepare_tokenizer,
    split_documents,
)

FORMAT_VERSION = 1
# In the order in which they are put in place: dataset.json says that the others are complete.
FILES = ("train.bin", "train.idx", "eval.bin", "eval.idx", "tokenizer.json", "dataset.json")
SPLITS = ("train", "eval")


@dataclass(frozen=True)
class Request:
    sources: dict[str, Source]  # by split
    tokenizer: str
    end_of_text: str
    rules: DocumentRules
    out: Path
    name: str
    overwrite: bool


def prepare(request: Request) -> dict[str, Any]:
    """Writes the data folder and returns the content of its dataset.json."""
    refuse_occupied(request)
    with unfinished_folder(request.out) as unfinished:
        tokenizer = prepare_tokenizer(
            request.tokenizer,
            request.end_of_text,
            lambda: request.sources["train"].documents(request.rules),
        )
        description = describe(request, tokenizer)
        for split in SPLITS:
            description[split] = write_split(request, split, tokenizer, unfinished)
        description["content_sha256"] = combined_hash(description)
        write_text(unfinished / "tokenizer.json", tokenizer.to_json())
        write_text(unfinished / "dataset.json", json.dumps(description, indent=2) + "\n")
        put_in_place(unfinished, request.out)
    return description


def refuse_occupied(request: Request) -> None:
    found = [name for name in FILES if (request.out / name).exists()]
    if found and not request.overwrite:
        raise UserError(
            f"the folder {request.out} already holds {', '.join(found)}; choose another --out or"
            " replace them with --overwrite",
            EXIT_USAGE,
        )


def describe(request: Request, tokenizer: PreparedTokenizer) -> dict[str, Any]:
    return {
        "version": FORMAT_VERSION,
        "name": request.name,
        "mode": request.rules.mode,
        "min_characters": request.rules.min_characters,
        "vocab_size": tokenizer.vocab_size,
        "end_of_text_id": tokenizer.end_of_text_id,
        "dtype": DTYPES[dtype_code_for(tokenizer.vocab_size)].name,
        "tokenizer": tokenizer.label,
        "tokenizer_sha256": hashlib.sha256(tokenizer.to_json().encode()).hexdigest(),
    }


def write_split(
    request: Request, split: str, prepared: PreparedTokenizer, folder: Path
) -> dict[str, Any]:
    """Encodes one split into SPLIT.bin and SPLIT.idx and returns its entry of dataset.json."""
    source = request.sources[split]
    characters = 0

    def counted() -> Iterator[str]:
        nonlocal characters
        for document in source.documents(request.rules):
            characters += len(document)
            yield document

    pieces = split_documents(counted(), can_split(prepared.tokenizer))
    with IndexedWriter(folder / split, prepared.vocab_size) as writer:
        for batch in batch_pieces(pieces):
            encodings = prepared.tokenizer.encode_batch_fast(
                [piece.text for piece in batch], add_special_tokens=False
            )
            for piece, encoding in zip(batch, encodings, strict=True):
                writer.add_tokens(encoding.ids)
                if piece.ends_document:
                    writer.end_document()
        writer.finish()
    if writer.documents == 0:
        raise UserError(
            f"{split}: no document longer than {request.rules.min_characters} characters in"
            f" {', '.join(source.names)}; give other files or lower --min_characters",
            EXIT_DATA,
        )
    return {
        "sources": source.names,
        "documents": writer.documents,
        "empty_documents": writer.empty_documents,
        "tokens": writer.tokens,
        "characters": characters,
        "bin_sha256": writer.sha256,
    }


def combined_hash(description: dict[str, Any]) -> str:
    """One hash for the token files of both splits."""
    hashes = "".join(description[split]["bin_sha256"] for split in SPLITS)
    return hashlib.sha256(hashes.encode()).hexdigest()


def write_text(path: Path, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
        flush_to_disk(file)


def put_in_place(unfinished: Path, out: Path) -> None:
    """dataset.json goes first and comes last, so a folder that has one is complete."""
    (out / "dataset.json").unlink(missing_ok=True)
    for name in FILES:
        (unfinished / name).rename(out / name)
