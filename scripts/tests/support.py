"""What the tests of the scripts share: paths, temporary folders and running a script."""

import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "scripts"
T = TypeVar("T", bound=Callable[..., Any])
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))


def needs_shared_data(test: T) -> T:
    return unittest.skipUnless(SHARED_DATA.is_dir(), f"no {SHARED_DATA}")(test)


class ScriptTestCase(unittest.TestCase):
    """Gives each test an empty folder and runs scripts as a user does."""

    def setUp(self) -> None:
        # Markup, as random names are sometimes: a test that forgets it shall always fail.
        holder = tempfile.TemporaryDirectory(prefix="_", suffix="_")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def run_script(self, name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SCRIPTS / name), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def succeed(self, name: str, *arguments: object) -> str:
        """Standard output of a script that must end with 0."""
        result = self.run_script(name, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def fail_with(self, exit_code: int, name: str, *arguments: object) -> str:
        """The one line on standard error of a script that must end with `exit_code`."""
        result = self.run_script(name, *arguments)
        self.assertEqual(result.returncode, exit_code, result.stdout + result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        return result.stderr

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path
