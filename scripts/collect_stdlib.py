#!/usr/bin/env python3
"""Collect the Python standard library's own sources as training text."""

import argparse
import hashlib
import json
import os
import sys
import sysconfig
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hgnn_tools.command_line import argument_parser
from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError, run_script

DESCRIPTION = """\
Collect the sources of this Python's standard library, real text that every machine with Python
has, into FOLDER/train.jsonl and FOLDER/eval.jsonl: one {"path": ..., "text": ...} a line, one
line a file, indentation kept. The same Python version gives the same files.

A hash of its path decides where a file goes and, with --max_megabytes, whether it is taken at
all. Left out: site-packages, tests (unless --include_tests), and two folders that would make a
model look better than it is, as their files are near copies of each other or generated tables:
encodings and pydoc_data.
"""

EXAMPLE = """\
example:
  scripts/collect_stdlib.py --out data/stdlib-text
  scripts/prepare_data.py --train data/stdlib-text/train.jsonl --eval data/stdlib-text/eval.jsonl \\
      --mode documents --tokenizer train:4096 --out data/stdlib

exit codes: 0 done, 2 usage, 3 no sources found, 7 disk
"""

NEVER = frozenset({"site-packages", "dist-packages", "__pycache__", "encodings", "pydoc_data"})
TESTS = frozenset({"test", "tests", "idle_test"})
BYTES_PER_MEGABYTE = 1_000_000
MIN_FILES = 20


@dataclass(frozen=True)
class SourceFile:
    relative: str
    text: str

    @property
    def megabytes(self) -> float:
        return len(self.text.encode()) / BYTES_PER_MEGABYTE


def path_hash(relative: str, purpose: str) -> float:
    """A number in [0, 1) that depends on the path and the purpose alone."""
    digest = hashlib.sha256(f"{purpose}:{relative}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def find_paths(root: Path, include_tests: bool) -> list[str]:
    """Relative paths of the regular .py files, in an order unrelated to folders."""
    skipped = NEVER if include_tests else NEVER | TESTS
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in skipped]
        paths = (Path(folder, name) for name in names if name.endswith(".py"))
        # A link points at a file of the distribution, outside the library.
        found += [path.relative_to(root).as_posix() for path in paths if not path.is_symlink()]
    # Build settings of this one machine.
    found = [path for path in found if not path.startswith("_sysconfigdata")]
    return sorted(found, key=lambda path: path_hash(path, "order"))


def read_sources(root: Path, relatives: list[str]) -> Iterator[SourceFile]:
    """Distinct, non-empty texts; files that Python itself could not read are left out."""
    seen: set[str] = set()
    for relative in relatives:
        try:
            with tokenize.open(root / relative) as file:
                text = file.read()
        except (SyntaxError, UnicodeDecodeError, OSError):
            continue
        if text.strip() and text not in seen:
            seen.add(text)
            yield SourceFile(relative, text)


def within(files: Iterator[SourceFile], max_megabytes: float) -> Iterator[SourceFile]:
    """Files as long as they fit; the first that does not ends the collection."""
    total = 0.0
    for file in files:
        total += file.megabytes
        if total > max_megabytes:
            return
        yield file


def write_rows(path: Path, files: list[SourceFile]) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished-{os.getpid()}")
    try:
        with open(unfinished, "w", encoding="utf-8") as out:
            for file in files:
                out.write(json.dumps({"path": file.relative, "text": file.text}) + "\n")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="output folder")
    parser.add_argument(
        "--max_megabytes",
        type=float,
        default=10.0,
        metavar="N",
        help="upper bound for all text together, in millions of bytes (default: 10)",
    )
    parser.add_argument(
        "--eval_fraction",
        type=float,
        default=0.05,
        metavar="F",
        help="expected share of files for evaluation (default: 0.05)",
    )
    parser.add_argument("--include_tests", action="store_true", help="also take test folders")
    return parser


def check_arguments(args: argparse.Namespace) -> None:
    if not args.max_megabytes > 0:
        raise UserError(
            f"--max_megabytes {args.max_megabytes:g} is not above 0; give for instance 10",
            EXIT_USAGE,
        )
    if not 0 < args.eval_fraction < 1:
        raise UserError(
            f"--eval_fraction {args.eval_fraction:g} is not between 0 and 1; give for instance"
            " 0.05",
            EXIT_USAGE,
        )


def main() -> None:
    args = build_parser().parse_args()
    check_arguments(args)
    root = Path(sysconfig.get_path("stdlib"))
    relatives = find_paths(root, args.include_tests)
    files = list(within(read_sources(root, relatives), args.max_megabytes))
    splits: dict[str, list[SourceFile]] = {"train": [], "eval": []}
    for file in files:
        is_eval = path_hash(file.relative, "split") < args.eval_fraction
        splits["eval" if is_eval else "train"].append(file)
    if len(files) < MIN_FILES or not all(splits.values()):
        raise UserError(
            f"only {len(files)} usable source files ({len(splits['eval'])} for evaluation) of the"
            f" Python standard library in {root}; raise --max_megabytes or run with a Python that"
            " has its sources",
            EXIT_DATA,
        )
    args.out.mkdir(parents=True, exist_ok=True)
    for split, chosen in splits.items():
        write_rows(args.out / f"{split}.jsonl", chosen)
        megabytes = sum(file.megabytes for file in chosen)
        print(f"{args.out / split}.jsonl: {len(chosen)} files, {megabytes:.1f} MB")


if __name__ == "__main__":
    sys.exit(run_script(main))
