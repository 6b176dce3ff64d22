"""Pairs of nodes as rows of features, for a classifier."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hgnn_tools.embeddings.embedding_file import Embeddings, NodeKey
from hgnn_tools.errors import EXIT_DATA, UserError

COLUMNS = ["head_id", "head_type", "tail_id", "tail_type", "label", "part", "kind"]
SHOWN = 3  # nodes that an error names


@dataclass(frozen=True)
class Pair:
    head: NodeKey
    tail: NodeKey
    label: int
    part: str
    kind: str


@dataclass(frozen=True)
class PairTable:
    features: np.ndarray  # [N, F] float32
    feature_names: list[str]
    label: np.ndarray  # [N] uint8, 1 is a fact
    part: list[str]
    kind: list[str]
    head_id: list[str]
    tail_id: list[str]


def _names(prefix: str, width: int) -> list[str]:
    return [f"{prefix}_{number}" for number in range(width)]


# From the embeddings [N, F] of heads and tails.
FEATURES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "concat": lambda heads, tails: np.concatenate([heads, tails], axis=1),
    "hadamard": lambda heads, tails: heads * tails,
    "difference": lambda heads, tails: heads - tails,
}


def feature_names(kind: str, width: int) -> list[str]:
    if kind == "concat":
        return _names("head", width) + _names("tail", width)
    return _names(kind, width)


def read_pairs(path: Path) -> list[Pair]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); check the path", EXIT_DATA) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV file in UTF-8 ({error})", EXIT_DATA) from None
    is_whole = len(rows) > 1 and rows[0] == COLUMNS
    if not is_whole or any(len(row) != len(COLUMNS) or row[4] not in ("0", "1") for row in rows[1:]):
        raise UserError(
            f"{path} holds no pairs; write it with hgt_embed embed --pairs", EXIT_DATA
        )
    return [
        Pair((row[1], row[0]), (row[3], row[2]), int(row[4]), row[5], row[6]) for row in rows[1:]
    ]


def join_pairs(embeddings: Embeddings, pairs: list[Pair], kind: str) -> PairTable:
    nodes = {node for pair in pairs for node in (pair.head, pair.tail)}
    missing = sorted(nodes - embeddings.row_of.keys())
    if missing:
        shown = ", ".join(f"{node_type}:{node}" for node_type, node in missing[:SHOWN])
        raise UserError(
            f"{embeddings.path} lacks {len(missing)} of the {len(nodes)} nodes of the pairs, such"
            f" as {shown}; give embeddings of all of them",
            EXIT_DATA,
        )
    heads = embeddings.values[[embeddings.row_of[pair.head] for pair in pairs]]
    tails = embeddings.values[[embeddings.row_of[pair.tail] for pair in pairs]]
    return PairTable(
        features=FEATURES[kind](heads, tails),
        feature_names=feature_names(kind, embeddings.values.shape[1]),
        label=np.array([pair.label for pair in pairs], dtype=np.uint8),
        part=[pair.part for pair in pairs],
        kind=[pair.kind for pair in pairs],
        head_id=[pair.head[1] for pair in pairs],
        tail_id=[pair.tail[1] for pair in pairs],
    )


def write_table(path: Path, table: PairTable) -> None:
    """Under another name first, so that the file is there whole or not at all."""
    unfinished = path.with_name(f"{path.name}.tmp")
    try:
        if path.suffix == ".npz":
            with unfinished.open("wb") as file:
                np.savez(
                    file,
                    features=table.features,
                    feature_names=np.array(table.feature_names),
                    label=table.label,
                    part=np.array(table.part),
                    kind=np.array(table.kind),
                    head_id=np.array(table.head_id),
                    tail_id=np.array(table.tail_id),
                )
        else:
            _write_csv(unfinished, table)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _write_csv(path: Path, table: PairTable) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["head_id", "tail_id", "label", "part", "kind", *table.feature_names])
        for row, numbers in enumerate(table.features):
            writer.writerow(
                [
                    table.head_id[row],
                    table.tail_id[row],
                    int(table.label[row]),
                    table.part[row],
                    table.kind[row],
                    # Nine digits give a float32 back to the bit.
                    *(format(number, ".9g") for number in numbers.tolist()),
                ]
            )
