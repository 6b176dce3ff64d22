"""scripts/bootstrap.sh with environments and failures made up here: no network, no installation."""

import hashlib
import os
import subprocess
import unittest
from pathlib import Path

from support import REPOSITORY, SCRIPTS, ScriptTestCase

# A stand-in for the environment's Python whose pip fails with the words in FAILURE.
FAILING_PYTHON = """#!/bin/sh
[ "$1" = --version ] && { echo Python 3.11.2; exit; }
while [ "$1" != --log ]; do shift; done
echo "$FAILURE" >"$2"
exit 1
"""


class BootstrapTest(ScriptTestCase):
    def run_shell(self, *command: object, **variables: str) -> subprocess.CompletedProcess[str]:
        unset = {"HGNN_MOE_TORCH", "XDG_CACHE_HOME"}
        environment = {key: value for key, value in os.environ.items() if key not in unset}
        environment |= {"HGNN_MOE_CACHE": str(self.folder), **variables}
        return subprocess.run(
            [*map(str, command)], capture_output=True, text=True, check=False, env=environment
        )

    def call_function(self, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a line of shell that uses the functions of scripts/lib."""
        libraries = [f'source "{SCRIPTS}/lib/{name}.sh"' for name in ("common", "environment")]
        script = "\n".join(["set -euo pipefail", *libraries, line])
        return self.run_shell("bash", "-c", script, **variables)

    def make_executable(self, name: str, content: str) -> Path:
        path = self.write(name, content)
        path.chmod(0o755)
        return path

    def make_environment(self, kind: str, lock: str) -> Path:
        """A folder that looks like a finished environment; returns its Python."""
        digest = hashlib.sha256((REPOSITORY / "requirements" / lock).read_bytes()).hexdigest()
        folder = f"venv-{kind}-{digest[:12]}"
        self.write(f"{folder}/.complete", "")
        return self.make_executable(f"{folder}/bin/python", "#!/bin/sh\n")

    def bootstrap(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run_shell(SCRIPTS / "bootstrap.sh", *arguments, **variables)

    def test_finished_environment_is_used_as_it_is(self) -> None:
        pythons = {kind: self.make_environment(kind, f"{kind}.lock") for kind in ("small", "full")}
        for argument, kind in (("--small", "small"), ("--cuda", "full"), ("--oracle", "full")):
            with self.subTest(argument):
                result = self.bootstrap(argument, "--print-python")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(result.stdout, f"{pythons[kind]}\n")

    def test_own_libtorch_needs_only_the_packages_of_the_scripts(self) -> None:
        python = self.make_environment("scripts", "small.lock")
        self.write("torch/lib/libtorch_cpu.so", "")
        result = self.bootstrap("--print-python", HGNN_MOE_TORCH=str(self.folder / "torch"))
        self.assertEqual(result.stdout, f"{python}\n", result.stderr)

    def test_usage_errors(self) -> None:
        cases = [
            (("--smal",), {}, "unknown argument '--smal'"),
            (("--small", "--cuda"), {}, "--small and --cuda were given"),
            ((), {"HGNN_MOE_TORCH": "/absent"}, "HGNN_MOE_TORCH is '/absent'"),
            ((), {"HGNN_MOE_CACHE": "cache"}, "HGNN_MOE_CACHE is 'cache'"),
        ]
        for arguments, variables, fragment in cases:
            with self.subTest(fragment):
                result = self.bootstrap(*arguments, **variables)
                self.assertEqual(result.returncode, 2)
                self.assertIn(fragment, result.stderr)

    def test_environment_whose_python_was_removed_is_not_complete(self) -> None:
        python = self.make_environment("small", "small.lock")
        line = f'environment_complete "{python.parent.parent}"'
        self.assertEqual(self.call_function(line).returncode, 0)
        python.unlink()
        python.symlink_to("/absent/python3")
        self.assertNotEqual(self.call_function(line).returncode, 0)

    def test_failures_of_pip_are_told_apart(self) -> None:
        no_match = "ERROR: No matching distribution found for torch==2.11.0"
        cases = [
            ("OSError: [Errno 28] No space left on device", 7, "the disk of"),
            (f"NewConnectionError('unreachable')\n{no_match}", 1, "check the network"),
            (no_match, 2, "Python 3.11.2"),
            ("something else", 1, "mend what its last lines name"),
        ]
        for failure, code, fragment in cases:
            with self.subTest(failure):
                self.make_executable("venv/bin/python", FAILING_PYTHON)
                result = self.call_function(
                    f'pip_install small "{self.folder}/venv"', FAILURE=failure
                )
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn(fragment, result.stderr)
                self.assertFalse((self.folder / "venv").exists(), "half an environment is left")

    def test_disk_space_is_checked_before_the_download(self) -> None:
        self.make_executable("bin/df", "#!/bin/sh\necho Avail\necho 1999\n")
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        result = self.call_function("require_disk_space small /", PATH=path)
        self.assertEqual(result.returncode, 7)
        self.assertIn("1999 MB free", result.stderr)
        result = self.call_function("require_disk_space scripts /", PATH=path)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_missing_packages_are_named(self) -> None:
        self.make_executable("bin/dpkg-query", "#!/bin/sh\necho g++ installed\nexit 1\n")
        result = self.run_shell(
            "bash",
            "-c",
            f'source "{SCRIPTS}/lib/packages.sh"; missing_packages',
            PATH=f"{self.folder}/bin:{os.environ['PATH']}",
        )
        self.assertIn("ninja-build", result.stdout.split())
        self.assertNotIn("g++", result.stdout.split())


if __name__ == "__main__":
    unittest.main()
