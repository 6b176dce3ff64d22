"""bench/render_performance.py and the tables: cells, markers, and that the page holds the results."""

import copy
import json
from pathlib import Path
import subprocess
import sys
import tempfile
import unittest

from support import CPU, REPOSITORY, call, coupler_group, operations_group, step_group
from common.result_files import SCHEMA
from common.tools import replace_between_marks
from coupler.verdicts import verdicts
import render_performance
from step.verdicts import verdicts as step_verdicts

SCRIPT = REPOSITORY / "bench" / "render_performance.py"
HEADER = {
    "schema": SCHEMA,
    "quick": False,
    "environment": {},
    "started": "2031-02-03T04:05:06+00:00",
    "commit": "abcdef0",
    "machine": CPU,
    "versions": {"torch": "2.11.0", "torch_geometric": "2.8.1", "python": "3.11.7"},
    "ours": "measured",
}


def coupler_results() -> dict:
    groups = [
        coupler_group("HGNN", {"dense": 123.4, "ours_default": 10.0, "gemm_batched": 9.876}),
        coupler_group("HGNN", {"dense": 45.67, "ours_default": 4.0}, direction="forward"),
        operations_group({"memcpy": 50.0, "expert_mix": 100.0}),
    ]
    for group in groups[:2]:
        group["calls"]["memcpy_x"] = call(0.5)
        group["calls"].setdefault("gemm_batched", call(3.0))["flops"] = 10**9
    header = HEADER | {"benchmark": "coupler", "command": "scripts/bench.sh coupler"}
    return header | verdicts(header, groups) | {"groups": groups}


def step_results(*groups: dict, scale: bool = False) -> dict:
    header = HEADER | {
        "benchmark": "step_scale" if scale else "step",
        "command": "scripts/bench.sh step",
    }
    return header | step_verdicts(header, groups) | {"groups": list(groups)}


class RenderTest(unittest.TestCase):
    def test_cells(self) -> None:
        text = render_performance.render("coupler", [coupler_results()])
        for line in (
            "### Some CPU, threads: 2",
            "|  | E=4, N=2,048 |",
            "| ATen bmm with P | 45.7 / 123 |",
            "| **ours, default path** (collapsed) | 4 / 10 |",
            "| batched: best PyTorch | 15.22 / 12.49 |",
            "| batched: ours | – / – |",
            "|  | E=4, X of 400 MB |",
            "| memcpy of X | 50, 16 GB/s |",
            "| **expert_mix**, K shared | 100, 50 % |",
            "| default path against the best PyTorch form | 12.34 (≥ 3) |",
            "| expert_mix, share of memcpy's bandwidth | **0.50 (≥ 0.7) missed** |",
            "| gnn_message, share of memcpy's bandwidth | *– (≥ 0.7)* |",
        ):
            self.assertIn(line + "\n", text)

    def test_peers_that_were_not_measured_have_no_row(self) -> None:
        text = render_performance.render("coupler", [coupler_results()])
        self.assertNotIn("one HypergraphConv call", text)

    def test_slow_peers_are_named(self) -> None:
        slow = coupler_results()
        (check,) = [c for c in slow["peer_checks"] if c["group"].endswith("forward/system")]
        self.assertIs(check["slow"], True)  # 45.67 ms where the machine allows 27 times 1.2
        text = render_performance.render("coupler", [slow])
        line = "- `dense` of `hgnn/fp32/e4/n2048/forward/system`: 45.67 ms, 1.41 times what it may take"
        self.assertIn(line, text)
        for entry in slow["peer_checks"]:
            entry["slow"] = False
        self.assertIn("All 2 peers", render_performance.render("coupler", [slow]))

    def test_devices_stand_side_by_side(self) -> None:
        gpu = copy.deepcopy(coupler_results())
        gpu["machine"] |= {"kind": "gpu", "device": "Some GPU"}
        text = render_performance.render("coupler", [gpu, coupler_results()])
        self.assertLess(text.index("### Some CPU, threads: 2"), text.index("### Some GPU\n"))

    def test_only_what_is_between_the_markers_changes(self) -> None:
        (begin, end), (other, _) = map(render_performance.markers, ("step", "coupler"))
        page = f"before\n{begin}\nold\n{end}\nafter\n{other}\n"
        new = replace_between_marks(page, (begin, end), "new\n", Path("page.md"))
        self.assertEqual(new, f"before\n{begin}\n\nnew\n\n{end}\nafter\n{other}\n")
        again = replace_between_marks(new, (begin, end), "new\n", Path("page.md"))
        self.assertEqual(again, new)


class RenderStepTest(unittest.TestCase):
    def test_rows_of_a_step(self) -> None:
        medians = {"dense@fp32": 4000.0, "ours@fp32": 2000.0, "ours_no_dropout@fp32": 990.0}
        group = step_group("HGNN", medians, tokens=1024, needed_flops=300e9)
        # Ours as fast as theirs in one round, at half of the products' rate in the two others.
        group["calls"]["dense@fp32"] = call(4000.0, 500.0, 9000.0)
        group["calls"]["ours@fp32"] = call(2000.0, 500.0, 6000.0)
        group["calls"]["gemm@fp32"] |= call(1000.0, 240.0, 3000.0)
        group["calls"]["ours@fp32"] |= {"first_step_s": 3.21, "peak_bytes": 3 << 30}
        text = render_performance.render("step", [step_results(group)])
        title = "HGNN, E = 4, D = 384, L = 4, G = 2, 8 × 128 tokens, full rows; products fp32 at"
        for line in (
            f"{title} 300 GFLOP/s, memcpy at 10 GB/s:\n",
            "first step, s | peak of 50 steps, GiB |\n",
            "| eager PyTorch, dense coupler | fp32 | 4000 | 256 | 1.50 | 3.00 | 33 % | – | – |\n",
            "| **ours** | fp32 | 2000 | 512 | – | 2.00 | 50 % | 3.21 | 3.00 |\n",
            "| limit: bare products of the step | fp32 | 1000 | 1024 | 0.50 | – | – | – | – |\n",
        ):
            self.assertIn(line, text)
        self.assertNotIn("torch.compile of that", text)

    def test_a_share_above_one_is_marked(self) -> None:
        for milliseconds, cell in ((990.0, "101 % (noise)"), (1010.0, "99 %")):
            group = step_group("GNN", {"ours@fp32": milliseconds})
            self.assertIn(f" | {cell} | – ", render_performance.render("step", [step_results(group)]))

    def test_how_full_the_rows_are(self) -> None:
        group = step_group("GNN", {"ours@fp32": 1.0}, rows="lines", fill=0.719)
        text = render_performance.render("step", [step_results(group)])
        self.assertIn("rows as WikiText-2's lines, 72 % full; products", text)

    def test_targets_are_a_list_with_a_verdict_each(self) -> None:
        medians = {"dense@fp32": 4000.0, "compiled@fp32": 3900.0, "ours@fp32": 2000.0}
        group = step_group("HGNN", medians, needed_flops=300e9)
        text = render_performance.render("step", [step_results(group)])
        for line in (
            "- **not reached**: fp32, against torch.compile: 1.95, needed ≥ 2.0\n",
            "- reached: fp32, not slower than the best PyTorch form: 1.95, needed ≥ 1\n",
            "- *open*: fp32, against the loop over tokens in fp32: –, needed ≥ 11.0 (not measured",
        ):
            self.assertIn(line, text)

    def test_peers_of_a_step_that_are_too_slow_are_named(self) -> None:
        text = render_performance.render(
            "step", [step_results(step_group("HGNN", {"dense@fp32": 9999.0}))]
        )
        self.assertIn("- `dense@fp32` of `hgnn/e4/d384/l4/g2/8x128/full`: 9999.0 ms", text)

    def test_growth(self) -> None:
        few, many = (
            step_group(
                "HGNN",
                {"ours@fp32": ms, "dense@fp32": 4 * ms},
                experts=experts,
                needed_flops=flops,
                tokens=1000,
            )
            for experts, ms, flops in ((4, 1000.0, 300e9), (16, 3000.0, 1000e9))
        )
        many["calls"]["dense@fp32"]["peak_bytes"] = 8 << 30
        medians = {"ours@fp32": 3000.0, "ours_with_few_experts@fp32": 1000.0}
        beside = step_group("HGNN", medians, experts=16, needed_flops=1000e9, alone="proportion")
        beside["calls"] = {name: beside["calls"][name] for name in medians}
        beside["calls"]["ours_with_few_experts@fp32"]["needed_flops"] = 300e9
        results = step_results(few, many, beside, scale=True)
        text = render_performance.render("step_scale", [results])
        self.assertIn("HGNN, fp32, L = 4, G = 2:\n", text)
        self.assertNotIn("HGNN, bf16", text)
        line = "| E=16, D=384, 8 × 128 | 1000 | 3000 | 12000 | 4.00 | 333 | 83.3 | 300 | – | 8.00 |\n"
        self.assertIn(line, text)
        self.assertEqual(text.count("| E=16,"), 1)
        self.assertNotIn("torch.compile", text)
        self.assertIn("with E = 16 over that with E = 4: 0.90, needed ≤ 1.2\n", text)
        self.assertNotIn("figures for peers", text)

    def test_growth_has_columns_of_torch_compile_where_one_size_was_timed(self) -> None:
        medians = {"ours@fp32": 1000.0, "dense@fp32": 4000.0}
        with_it = step_group("GNN", medians | {"compiled@fp32": 3000.0}, experts=8, tokens=1000)
        text = render_performance.render(
            "step_scale", [step_results(with_it, step_group("GNN", medians), scale=True)]
        )
        self.assertIn("| eager over ours | torch.compile over ours |", text)
        line = "| E=8, D=384, 8 × 128 | 300 | 1000 | 4000 | 3000 | 4.00 | 3.00 | 300 | 75 | 100 |"
        self.assertIn(line, text)
        self.assertIn("| 4.00 | – | 300 | 75 | – | 300 |", text)

    def test_the_page_names_rounds_and_variables_of_a_run(self) -> None:
        run = {"command": "bench", "started": "2031-02-03", "commit": "abc"}
        run |= {"environment": {"MALLOC_ARENA_MAX": "1"}, "method": {"rounds": 5}}
        group = step_group("GNN", {"ours@fp32": 1000.0}) | {"run": run}
        text = render_performance.render("step", [step_results(group)])
        expected = "`bench` on 2031-02-03 at commit `abc` (5 rounds, MALLOC_ARENA_MAX=1); torch 2.11"
        self.assertIn(expected, text)


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
            self.assertIn("step results: begin", result.stderr)
            markers = "".join(
                "\n".join((*render_performance.markers(name), ""))
                for name in render_performance.SECTIONS
            )
            page.write_text(markers, encoding="utf-8")
            coupler = json.dumps(coupler_results())
            (folder / "coupler-some-cpu.json").write_text(coupler, encoding="utf-8")
            step = json.dumps(step_results(step_group("HGNN", {"ours@fp32": 1.0})))
            (folder / "step-some-cpu.json").write_text(step, encoding="utf-8")
            self.assertEqual(self.run_script("--check", *options).returncode, 3)
            self.assertEqual(page.read_text(encoding="utf-8"), markers)
            self.assertEqual(self.run_script(*options).returncode, 0)
            self.assertEqual(self.run_script("--check", *options).returncode, 0)
            stale = step_results(step_group("HGNN", {"ours@fp32": 1.0}))
            judged = json.dumps(stale["targets"])
            stale["targets"][2]["reached"] = "no"
            path = folder / "step-some-cpu.json"
            path.write_text(json.dumps(stale), encoding="utf-8")
            result = self.run_script("--check", *options)
            self.assertEqual(result.returncode, 3)
            self.assertIn("step-some-cpu.json", result.stderr)
            self.assertEqual(self.run_script(*options).returncode, 0)
            found = json.loads(path.read_text(encoding="utf-8"))["targets"]
            self.assertEqual(json.dumps(found), judged)
            text = page.read_text(encoding="utf-8")
            self.assertEqual(text.count("### Some CPU"), 2)
            self.assertIn("run `scripts/bench.sh step --scale`", text)
            (folder / "coupler-broken.json").write_text("{", encoding="utf-8")
            result = self.run_script(*options)
            self.assertEqual(result.returncode, 3)
            self.assertIn("coupler-broken.json", result.stderr)
            old = json.dumps(coupler_results() | {"schema": 1})
            (folder / "coupler-broken.json").write_text(old, encoding="utf-8")
            result = self.run_script(*options)
            self.assertEqual(result.returncode, 3)
            self.assertIn("has schema 1", result.stderr)


if __name__ == "__main__":
    unittest.main()
