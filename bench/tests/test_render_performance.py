"""bench/render_performance.py: cells, markers, and that the page holds the results."""

import copy
import json
from pathlib import Path
import subprocess
import sys
import tempfile
import unittest

from support import CPU, REPOSITORY, coupler_group, operations_group
import peer_checks
import render_performance
import targets

SCRIPT = REPOSITORY / "bench" / "render_performance.py"


def results() -> dict:
    groups = [
        coupler_group("HGNN", {"dense": 123.4, "ours_default": 10.0, "gemm_batched": 9.876}),
        coupler_group("HGNN", {"dense": 45.67, "ours_default": 4.0}, direction="forward"),
        operations_group({"memcpy": 50.0, "expert_mix": 100.0}),
    ]
    for group in groups[:2]:
        group["calls"]["memcpy_x"] = {"median_ms": 0.5}
        group["calls"].setdefault("gemm_batched", {"median_ms": 3.0})["flops"] = 10**9
    return {
        "command": "scripts/bench.sh coupler",
        "started": "2031-02-03T04:05:06+00:00",
        "commit": "abcdef0",
        "machine": CPU,
        "versions": {"torch": "2.11.0", "torch_geometric": "2.8.1", "python": "3.11.7"},
        "ours": "measured",
        "groups": groups,
        "targets": targets.evaluate(groups, CPU),
        "peer_checks": peer_checks.check(groups, CPU),
    }


class RenderTest(unittest.TestCase):
    def test_cells(self) -> None:
        text = render_performance.render([results()])
        for line in (
            "### Some CPU, threads: 2",
            "|  | E=4, N=2,048 |",
            "| ATen bmm with P | 45.7 / 123 |",
            "| **ours, default path** (collapsed) | 4 / 10 |",
            "|  | E=4, X of 400 MB |",
            "| memcpy of X | 50, 16 GB/s |",
            "| **expert_mix**, K shared | 100, 50 % |",
            "| default path against the best PyTorch form | 12.34 (≥ 3) |",
            "| expert_mix, share of memcpy's bandwidth | **0.50 (≥ 0.7) missed** |",
            "| gnn_message, share of memcpy's bandwidth | *– (≥ 0.7)* |",
        ):
            self.assertIn(line + "\n", text)

    def test_peers_that_were_not_measured_have_no_row(self) -> None:
        self.assertNotIn("one HypergraphConv call", render_performance.render([results()]))

    def test_slow_peers_are_named(self) -> None:
        slow = results()
        (check,) = [c for c in slow["peer_checks"] if c["group"].endswith("forward/system")]
        self.assertIs(check["slow"], True)  # 45.67 ms where the machine allows 27 times 1.2
        text = render_performance.render([slow])
        self.assertIn("- `dense` of `hgnn/fp32/e4/n2048/forward/system`: 45.67 ms", text)
        for entry in slow["peer_checks"]:
            entry["slow"] = False
        self.assertIn("All 2 peers", render_performance.render([slow]))

    def test_devices_stand_side_by_side(self) -> None:
        gpu = copy.deepcopy(results())
        gpu["machine"] |= {"kind": "gpu", "device": "Some GPU"}
        text = render_performance.render([gpu, results()])
        self.assertLess(text.index("### Some CPU, threads: 2"), text.index("### Some GPU\n"))

    def test_only_what_is_between_the_markers_changes(self) -> None:
        page = f"before\n{render_performance.BEGIN}\nold\n{render_performance.END}\nafter\n"
        new = render_performance.replace_between_markers(page, "new\n")
        self.assertEqual(
            new, f"before\n{render_performance.BEGIN}\n\nnew\n\n{render_performance.END}\nafter\n"
        )
        self.assertEqual(render_performance.replace_between_markers(new, "new\n"), new)


class ScriptTest(unittest.TestCase):
    def run_script(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SCRIPT), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_the_page_of_the_repository_holds_its_results(self) -> None:
        result = self.run_script("--check")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_writes_and_checks(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            page = folder / "page.md"
            options = ("--results", folder, "--page", page)
            page.write_text("no markers\n", encoding="utf-8")
            result = self.run_script(*options)
            self.assertEqual(result.returncode, 3)
            self.assertIn("coupler results: begin", result.stderr)
            markers = f"{render_performance.BEGIN}\n{render_performance.END}\n"
            page.write_text(markers, encoding="utf-8")
            (folder / "coupler-some-cpu.json").write_text(json.dumps(results()), encoding="utf-8")
            self.assertEqual(self.run_script("--check", *options).returncode, 3)
            self.assertEqual(page.read_text(encoding="utf-8"), markers)
            self.assertEqual(self.run_script(*options).returncode, 0)
            self.assertEqual(self.run_script("--check", *options).returncode, 0)
            self.assertIn("### Some CPU", page.read_text(encoding="utf-8"))
            (folder / "coupler-broken.json").write_text("{", encoding="utf-8")
            result = self.run_script(*options)
            self.assertEqual(result.returncode, 3)
            self.assertIn("coupler-broken.json", result.stderr)


if __name__ == "__main__":
    unittest.main()
