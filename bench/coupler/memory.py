"""Where tensors on the CPU get their memory from.

`system`: malloc, as in any Python process. glibc gives large blocks back to the system, which
clears the pages of the next one, and that can take longer than an operation itself.
`kept`: a tensor takes a block that an earlier one has freed (keep_memory.cpp, built on first use).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import ctypes
from functools import cache
from pathlib import Path
import subprocess

import torch

_SOURCE = Path(__file__).with_name("keep_memory.cpp")
_BUILD_FOLDER = Path(__file__).resolve().parents[2] / "build" / "bench"


@contextmanager
def setting(name: str) -> Iterator[None]:
    """Tensors made inside get their memory from `system` or `kept`; kept blocks are released at
    the end. `device` is the GPU's own allocator, which keeps blocks anyway."""
    if name != "kept":
        yield
        return
    library = _library()
    library.keep_freed_memory()
    try:
        yield
    finally:
        library.stop_keeping_memory()


@cache
def _library() -> ctypes.CDLL:
    # Named by the torch it was compiled for; another one makes another file.
    path = _BUILD_FOLDER / f"libkeep_memory-{torch.__version__}.so"
    if not path.is_file() or path.stat().st_mtime < _SOURCE.stat().st_mtime:
        _compile(path)
    return ctypes.CDLL(str(path))


def _compile(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch_folder = Path(torch.__file__).parent
    command = ["c++", "-std=c++17", "-O2", "-shared", "-fPIC", f"-I{torch_folder / 'include'}"]
    command += [str(_SOURCE), "-o", str(path), f"-L{torch_folder / 'lib'}", "-lc10"]
    subprocess.run(command, check=True)
