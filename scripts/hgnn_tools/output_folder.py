"""The folder beside the final files in which they are written, and what a killed process left."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hgnn_tools.errors import EXIT_USAGE, UserError


UNFINISHED = ".unfinished-"


@contextmanager
def unfinished_folder(out: Path, option: str = "--out") -> Iterator[Path]:
    """A temporary folder in `out`, which is made where it is missing and, if the work fails, goes
    again with every parent made for it. `option` is what the user gave it with."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{option} {out} is a file; give a folder", EXIT_USAGE)
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        remove_stale(out)
        with tempfile.TemporaryDirectory(dir=out, prefix=f"{host_prefix()}{os.getpid()}-") as name:
            yield Path(name)
    except BaseException:
        remove_empty(made)
        raise


def host_prefix() -> str:
    """A process id means something on its own host alone, and folders may be shared by hosts."""
    return f"{UNFINISHED}{socket.gethostname()}-"


def is_vacant(out: Path) -> bool:
    """Whether nothing would be lost in it: it is missing, or empty but for unfinished work."""
    return not out.exists() or (
        out.is_dir() and all(path.name.startswith(UNFINISHED) for path in out.iterdir())
    )


def remove_stale(out: Path) -> None:
    """Removes what processes of this host, killed before they could tidy up, left in `out`."""
    for path in out.iterdir():
        if not path.name.startswith(host_prefix()):
            continue
        process, _, _ = path.name.removeprefix(host_prefix()).partition("-")
        if process.isascii() and process.isdigit() and not is_alive(int(process)):
            shutil.rmtree(path)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        return True
    return True


def remove_empty(folders: list[Path]) -> None:
    """Innermost first; stops at one that someone else has written to."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return
