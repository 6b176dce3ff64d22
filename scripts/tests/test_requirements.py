"""The lock files pin exact versions, and the full environment holds all of the small one."""

import re
import unittest
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
PIN = re.compile(r"([A-Za-z0-9_.-]+)==([0-9][0-9.]*)")


def read_pins(name: str) -> list[tuple[str, str]]:
    lines = (REQUIREMENTS / name).read_text(encoding="utf-8").splitlines()
    pins = [PIN.fullmatch(line) for line in lines if line and not line.startswith("#")]
    if not all(pins):
        raise AssertionError(f"{name} has a line that is neither a comment nor NAME==VERSION")
    return [(pin[1].lower(), pin[2]) for pin in pins if pin]


class RequirementsTest(unittest.TestCase):
    def test_each_package_is_pinned_once(self) -> None:
        for name in ("small.lock", "full.lock"):
            packages = [package for package, _ in read_pins(name)]
            self.assertEqual(len(packages), len(set(packages)), name)

    def test_full_holds_small(self) -> None:
        self.assertLessEqual(set(read_pins("small.lock")), set(read_pins("full.lock")))

    def test_libtorch_is_the_version_that_cmake_asks_for(self) -> None:
        cmake = (REQUIREMENTS.parent / "cmake" / "LibTorch.cmake").read_text(encoding="utf-8")
        asked = re.search(r"set\(HGNN_MOE_TORCH_VERSION ([0-9.]+)\)", cmake)
        self.assertIsNotNone(asked)
        self.assertIn(("torch", asked[1]), read_pins("small.lock"))


if __name__ == "__main__":
    unittest.main()
