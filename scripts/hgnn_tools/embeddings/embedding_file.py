"""Embeddings of nodes as hgt_embed writes them."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError

NodeKey = tuple[str, str]  # type and id


@dataclass(frozen=True)
class Embeddings:
    path: Path
    values: np.ndarray  # [N, F] float32
    row_of: dict[NodeKey, int]


def read_embeddings(path: Path) -> Embeddings:
    readers = {".safetensors": _read_safetensors, ".npy": _read_npy, ".csv": _read_csv}
    if path.suffix not in readers:
        raise UserError(
            f"--embeddings {path} is no .safetensors, .npy or .csv file; give one", EXIT_USAGE
        )
    try:
        values, keys = readers[path.suffix](path)
    except OSError as error:
        raise UserError(
            f"cannot read {error.filename or path} ({error.strerror}); check the path", EXIT_DATA
        ) from None
    except (ValueError, KeyError, IndexError, csv.Error) as error:
        raise UserError(
            f"{path} holds no embeddings with ids and types as hgt_embed embed writes them"
            f" ({type(error).__name__}: {error}); write it again",
            EXIT_DATA,
        ) from None
    row_of = {key: row for row, key in enumerate(keys)}
    if values.ndim != 2 or len(keys) != len(values) or len(row_of) != len(keys):
        raise UserError(
            f"{path} has numbers of shape {values.shape} for {len(row_of)} different nodes; give a"
            " row of numbers for each node, once",
            EXIT_DATA,
        )
    return Embeddings(path, values, row_of)


def _read_safetensors(path: Path) -> tuple[np.ndarray, list[NodeKey]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    type_names = json.loads(metadata["node_types"])
    types = [type_names[number] for number in tensors["node_type"]]
    offsets, text = tensors["node_ids.offsets"], tensors["node_ids.bytes"].tobytes()
    ids = [
        text[begin:end].decode("utf-8") for begin, end in zip(offsets, offsets[1:], strict=False)
    ]
    return tensors["embeddings"].astype(np.float32), list(zip(types, ids, strict=True))


def _read_npy(path: Path) -> tuple[np.ndarray, list[NodeKey]]:
    ids = path.with_name(path.stem + "_ids.tsv")
    with ids.open(encoding="utf-8", newline="") as file:
        rows = [line.rstrip("\r\n").split("\t") for line in file]
    id_column, type_column = rows[0].index("node_id"), rows[0].index("node_type")
    values = np.load(path, allow_pickle=False).astype(np.float32)
    return values, [(row[type_column], row[id_column]) for row in rows[1:]]


def _read_csv(path: Path) -> tuple[np.ndarray, list[NodeKey]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        id_column, type_column = header.index("node_id"), header.index("node_type")
        width = sum(name.startswith("emb_") for name in header)
        columns = [header.index(f"emb_{number}") for number in range(width)]
        keys: list[NodeKey] = []
        values: list[Sequence[float]] = []
        for row in rows:
            keys.append((row[type_column], row[id_column]))
            values.append(np.array([row[column] for column in columns], dtype=np.float32))
    return np.array(values, dtype=np.float32).reshape(len(keys), width), keys
