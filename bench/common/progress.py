"""Lines that tell whoever waits what is being measured."""

from __future__ import annotations

import sys
import time

_START = time.monotonic()


def progress(text: str) -> None:
    print(f"{time.monotonic() - _START:6.0f} s  {text}", file=sys.stderr, flush=True)
