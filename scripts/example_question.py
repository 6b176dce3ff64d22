#!/usr/bin/env python3
"""Name a question that hgt_embed predict can answer from a run."""

import argparse
import json
import struct
import sys
from pathlib import Path
from typing import Any

from hgnn_tools.command_line import add_run_folder, argument_parser
from hgnn_tools.errors import EXIT_DATA, UserError, run_script
from hgnn_tools.run_folder import read_json_object

DESCRIPTION = """\
Prints arguments of hgt_embed predict, one a line: the relation that most of the run's test triples
have, and the first node that may be its head.
"""

EXAMPLE = """\
example:
  scripts/example_question.py runs/quickstart-hgt/messages

exit codes: 0 done, 2 usage, 3 unreadable files
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    add_run_folder(parser)
    return parser


def most_ranked(run: Path) -> str:
    """The title of the relation with most test triples."""
    results = read_json_object(run / "run_summary.json").get("results") or {}
    relations = (results.get("test") or {}).get("relations")
    if not relations:
        raise UserError(
            f"{run} has no test figures; let the run finish, with a test_fraction above 0",
            EXIT_DATA,
        )
    return max(relations, key=lambda title: relations[title]["ranks"])


def head_type(run: Path, title: str) -> str:
    relations = (read_json_object(run / "config.json").get("graph") or {}).get("relations") or []
    for relation in relations:
        if title == "({head_type}, {name}, {tail_type})".format(**relation):
            return relation["head_type"]
    raise UserError(f"config.json of {run} does not list the relation '{title}'", EXIT_DATA)


def first_node(embeddings: Path, node_type: str) -> int:
    """The row of the first node of a type in a file of embeddings."""
    try:
        with embeddings.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header: dict[str, Any] = json.loads(file.read(length))
            types = json.loads(header["__metadata__"]["node_types"])
            begin, end = header["node_type"]["data_offsets"]
            file.seek(8 + length + begin)
            numbers = memoryview(file.read(end - begin)).cast(
                {"I32": "i", "I64": "q"}[header["node_type"]["dtype"]]
            )
        return numbers.tolist().index(types.index(node_type))
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise UserError(
            f"cannot find a node of type '{node_type}' in {embeddings}: {error}", EXIT_DATA
        ) from None


def main() -> None:
    run = build_parser().parse_args().run
    title = most_ranked(run)
    node = first_node(run / "embeddings.safetensors", head_type(run, title))
    print(f"--head\n#{node}\n--relation\n{title}")


if __name__ == "__main__":
    sys.exit(run_script(main))
