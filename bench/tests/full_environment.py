"""Imported by tests of what needs torch in Python: in the small environment they are skipped."""

import unittest

try:
    import torch
    import torch_geometric  # noqa: F401
except (ImportError, OSError) as error:
    # OSError: the small environment's torch lacks the CUDA libraries that Python's import loads.
    raise unittest.SkipTest(f"needs the full environment ({error})") from error

__all__ = ["torch"]
