"""Promises that hold for every Python script and module of scripts/."""

import ast
import subprocess
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

from support import SCRIPTS


def imported_packages(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


class EveryScriptTest(unittest.TestCase):
    def test_none_imports_torch(self) -> None:
        # The small environment has LibTorch, in which `import torch` fails.
        paths = sorted(SCRIPTS.rglob("*.py"))
        self.assertTrue(paths)
        for path in paths:
            self.assertNotIn("torch", set(imported_packages(path)), path.name)

    def test_help_needs_no_package(self) -> None:
        for path in sorted(SCRIPTS.glob("*.py")):
            with self.subTest(path.name):
                # -S: without site-packages.
                command = [sys.executable, "-S", str(path), "--help"]
                result = subprocess.run(command, capture_output=True, text=True, check=False)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("usage:", result.stdout)

    def test_options_are_not_abbreviated(self) -> None:
        command = [sys.executable, str(SCRIPTS / "report.py"), "--hel"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2, result.stdout)

    def test_a_missing_package_is_said(self) -> None:
        command = [sys.executable, "-S", str(SCRIPTS / "ngram_baselines.py"), "data"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("package numpy is not installed", result.stderr)
        self.assertIn("scripts/bootstrap.sh", result.stderr)


if __name__ == "__main__":
    unittest.main()
