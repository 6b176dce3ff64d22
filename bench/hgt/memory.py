"""The memory that a call needs beside what the process held before, from the kernel's counters."""

from __future__ import annotations

from collections.abc import Callable
import ctypes
import gc
from pathlib import Path


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}")


def peak_bytes(call: Callable[[], object]) -> int:
    """The highest resident set while `call` runs, less the one before."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what earlier calls have freed, or it would serve this one
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far
    before = _status("VmRSS")
    call()
    return _status("VmHWM") - before
