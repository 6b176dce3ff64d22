"""Embeddings and pairs as hgt_embed embed writes them, of a graph made here."""

import csv
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

# The same id twice in different types, and texts that need quotes.
NODES = [("drug", "1"), ("drug", "d,2"), ("disease", "1"), ("disease", 'x"y'), ("disease", "3")]
VALUES = np.arange(10, dtype=np.float32).reshape(5, 2) / 3
COLUMNS = ["head_id", "head_type", "tail_id", "tail_type", "label", "part", "kind"]
# head and tail as indices of NODES
PAIRS = [
    (0, 2, 1, "train", "fact"),
    (0, 3, 0, "train", "degree_matched"),
    (1, 3, 1, "test", "fact"),
    (1, 4, 0, "test", "degree_matched"),
]

# A program in place of hgt_embed: it keeps its arguments and copies what lies beside it.
PROGRAM = """\
#!{python}
import json, pathlib, shutil, sys
here = pathlib.Path(__file__).parent
(here / "arguments.json").write_text(json.dumps(sys.argv[1:]))
options = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[2:])
if options["relation"] == "wrong":
    sys.exit("a line of the log\\nhgt_embed: --a is wrong\\n--b is wrong")
shutil.copy(here / "e.safetensors", options["out"])
shutil.copy(here / "pairs.csv", options["pairs"])
print("[info] 4 pairs", file=sys.stderr)
"""


def write_embeddings(path: Path, values: np.ndarray = VALUES) -> Path:
    names = [f"name of {node}" for _, node in NODES]
    if path.suffix == ".safetensors":
        types = ["drug", "disease"]
        tensors = {
            "embeddings": values,
            "node_type": np.array([types.index(name) for name, _ in NODES], dtype=np.int32),
        }
        for key, texts in (("node_ids", [node for _, node in NODES]), ("node_names", names)):
            encoded = [text.encode() for text in texts]
            tensors[f"{key}.offsets"] = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
            tensors[f"{key}.bytes"] = np.frombuffer(b"".join(encoded), dtype=np.uint8).copy()
        save_file(tensors, path, metadata={"node_types": json.dumps(types)})
    elif path.suffix == ".npy":
        np.save(path, values)
        rows = ["node_id\tnode_name\tnode_type"]
        rows += [f"{node}\t{name}\t{kind}" for (kind, node), name in zip(NODES, names, strict=True)]
        path.with_name(path.stem + "_ids.tsv").write_text("\n".join(rows) + "\n")
    else:
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["node_id", "node_name", "node_type", "emb_0", "emb_1"])
            for (kind, node), name, row in zip(NODES, names, values.tolist(), strict=True):
                writer.writerow([node, name, kind, *row])
    return path


def write_pairs(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for head, tail, label, part, kind in PAIRS:
            (head_type, head_id), (tail_type, tail_id) = NODES[head], NODES[tail]
            writer.writerow([head_id, head_type, tail_id, tail_type, label, part, kind])
    return path
