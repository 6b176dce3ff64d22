"""Without torch in Python, as in the small environment, every test file loads or is skipped."""

import os
from pathlib import Path
import subprocess
import sys
import tempfile
import unittest

LOAD = """
import sys, unittest
loader = unittest.TestLoader()
loader.discover(sys.argv[1])
sys.exit("".join(loader.errors) or 0)
"""


class SmallEnvironmentTest(unittest.TestCase):
    def test_no_test_file_needs_torch_unasked(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            broken = Path(name) / "torch.py"
            broken.write_text("raise OSError('libcudart.so is missing')\n", encoding="utf-8")
            result = subprocess.run(
                [sys.executable, "-c", LOAD, str(Path(__file__).parent)],
                env={**os.environ, "PYTHONPATH": name},
                capture_output=True,
                text=True,
                check=False,
            )
        self.assertEqual((result.returncode, result.stderr), (0, ""))
