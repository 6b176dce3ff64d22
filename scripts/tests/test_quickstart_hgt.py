"""scripts/quickstart_hgt.sh: arguments that it refuses before it builds anything."""

import subprocess
import unittest

from support import SCRIPTS, ScriptTestCase


class QuickstartHgtTest(ScriptTestCase):
    def run_quickstart(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(SCRIPTS / "quickstart_hgt.sh"), *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self.folder, timeout=20
        )

    def expect_refusal(self, exit_code: int, words: str, *arguments: object) -> None:
        result = self.run_quickstart(*arguments)
        self.assertEqual(result.returncode, exit_code, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn(words, result.stderr)

    def test_help(self) -> None:
        result = self.run_quickstart("--help")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Usage: scripts/quickstart_hgt.sh", result.stdout)

    def test_unknown_arguments(self) -> None:
        self.expect_refusal(2, "unknown argument '--shorter'", "--shorter")
        self.expect_refusal(2, "--out has no value", "--out")
        self.expect_refusal(2, "are two graphs", "a.csv", "b.csv")
        self.expect_refusal(2, "an empty name", "")

    def test_missing_files_are_told_with_their_paths(self) -> None:
        # Paths are relative to where the script was called from.
        self.expect_refusal(3, f"there is no '{self.folder.resolve()}/kg.csv'", "kg.csv")
        self.expect_refusal(2, f"there is no '{self.folder.resolve()}/c.json'", "--config", "c.json")


if __name__ == "__main__":
    unittest.main()
