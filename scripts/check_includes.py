#!/usr/bin/env python3
"""Check that sources include only what the layers of docs/development.md allow."""

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DESCRIPTION = """\
Checks include/ and src/ of a checkout and prints every violation as FILE:LINE: SENTENCE:
includes against the arrows between modules, LibTorch in modules that build without it, quoted
includes by relative path, CUDA headers or conditional compilation in include/, long mains.
"""

# What each module may include besides itself; the table of docs/development.md.
MAY_INCLUDE = {
    "base": set(),
    "config": {"base"},
    "data": {"config", "base"},
    "kg": {"base"},
    "ops": {"base"},
    "model": {"ops", "config", "base"},
    "train": {"model", "data", "ops", "config", "base"},
    "sweep": {"train", "config", "base"},
    "hgt": {"train", "ops", "config", "kg", "base"},
    "cli": {"hgt", "sweep", "train", "kg", "config", "base"},
}
WITHOUT_TORCH = {"base", "config", "data", "kg"}
# Written into the build folder, which is on the include path of its one user.
GENERATED = {"hgnn_moe_commit.h"}
# Intrinsics are inlined always: nothing of their header is left to be merged.
# norm_epsilon.h holds one constant, which leaves no code behind.
FOR_VECTOR_KERNELS = {"cstdint", "cstring", "immintrin.h", "hgnn_moe/ops/norm_epsilon.h"}
MAX_MAIN_LINES = 100

SOURCE_SUFFIXES = {".h", ".cpp", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?P<open>[<"])(?P<path>[^>"]+)[>"]')
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|else)\b")
OUR_HEADER = re.compile(r"^hgnn_moe/(?P<module>[^/]+)/")
TORCH_HEADER = re.compile(r"^(ATen|c10|caffe2|torch)/")
CUDA_HEADER = re.compile(
    r"^(cuda|cub|nccl|nvtx|cooperative_groups|thrust/|(ATen|c10|torch)/cuda/|torch/csrc/cuda/)"
)


@dataclass(frozen=True)
class Source:
    path: Path
    module: str
    is_interface: bool  # under include/

    @property
    def is_vector_kernel(self) -> bool:
        """Compiled once for each instruction set; the linker keeps any one copy of inline code."""
        return self.path.parent.name == "cpu"

    @property
    def is_main(self) -> bool:
        return self.module == "cli" and self.path.suffix == ".cpp"


def find_sources(root: Path) -> Iterator[Source]:
    for folder in (root / "include" / "hgnn_moe", root / "src"):
        for path in sorted(folder.rglob("*")):
            # A file beside the module folders (the precompiled header's) belongs to no module.
            parts = path.relative_to(folder).parts
            if path.suffix in SOURCE_SUFFIXES and len(parts) > 1:
                yield Source(path, parts[0], is_interface=folder.name == "hgnn_moe")


def check_include(source: Source, header: str, quoted: bool) -> Iterator[str]:
    """Sentences on what is wrong with one #include."""
    ours = OUR_HEADER.match(header)
    if ours:
        module = ours["module"]
        if module != source.module and module not in MAY_INCLUDE[source.module]:
            allowed = ", ".join(sorted(MAY_INCLUDE[source.module])) or "nothing else"
            yield f"{source.module} includes {header}, but may include {allowed} only"
        if not quoted:
            yield f"{header} is ours: include it in quotes"
    elif quoted and header not in GENERATED:
        is_private_header = ".." not in header and (source.path.parent / header).is_file()
        if not is_private_header or source.is_interface:
            yield f'include "{header}" by its full name, "hgnn_moe/MODULE/NAME.h"'
    if source.module in WITHOUT_TORCH and TORCH_HEADER.match(header):
        yield f"{source.module} builds without LibTorch, but includes {header}"
    is_neighbour = quoted and "/" not in header
    if source.is_vector_kernel and not is_neighbour and header not in FOR_VECTOR_KERNELS:
        yield f"inline code of {header} would be compiled for CPUs that may be missing"
    if source.is_interface and CUDA_HEADER.match(header):
        yield f"interfaces include no CUDA header, but this one includes {header}"


def check_source(source: Source) -> Iterator[tuple[int, str]]:
    """Line numbers and sentences for one file."""
    if source.module not in MAY_INCLUDE:
        yield 1, f"module {source.module} is unknown: add it to MAY_INCLUDE and docs/development.md"
        return
    lines = source.path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        include = INCLUDE.match(line)
        if include:
            for sentence in check_include(source, include["path"], include["open"] == '"'):
                yield number, sentence
        if source.is_interface and CONDITIONAL.match(line):
            yield number, "interfaces are the same in every build: no conditional compilation"
    if source.is_interface and "#pragma once" not in lines:
        yield 1, "a header starts with #pragma once"
    if source.is_main and len(lines) >= MAX_MAIN_LINES:
        yield len(lines), f"a main stays under {MAX_MAIN_LINES} lines and this has {len(lines)}"


def check(root: Path) -> list[str]:
    """All violations of a checkout, as FILE:LINE: SENTENCE."""
    return [
        f"{source.path.relative_to(root)}:{line}: {sentence}"
        for source in find_sources(root)
        for line, sentence in check_source(source)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=DESCRIPTION)
    parser.add_argument("root", type=Path, metavar="ROOT", help="the checkout")
    root = parser.parse_args().root
    if not (root / "src").is_dir():
        parser.error(f"{root} has no src folder: give the folder of a checkout")
    violations = check(root)
    print("\n".join(violations) if violations else "include arrows: no violation")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
