"""bench/coupler/targets.py and peer_checks.py: which ratio, which way round, and for whom."""

import unittest

from support import CPU, GPU, coupler_group, operations_group
from coupler import peer_checks, targets

HGNN = {
    "sequential": 4000.0,
    "pyg_correct": 200.0,
    "dense": 80.0,
    "dense_matmul": 90.0,
    "compiled": 70.0,
    "dense_readout": 50.0,
    "compiled_readout": 55.0,
    "ours_default": 10.0,
    "ours_batched": 60.0,
    "ours_readout": 40.0,
    "gemm_batched": 50.0,
    "gemm_readout": 20.0,
    "memcpy_x": 0.5,
}


def by_name(groups: list, machine: dict = CPU) -> dict[str, dict]:
    return {target["what"]: target for target in targets.evaluate(groups, machine)}


class TargetsTest(unittest.TestCase):
    def test_hgnn_forward_and_backward(self) -> None:
        found = by_name([coupler_group("HGNN", HGNN)])
        self.assertEqual(
            {what: (t["needed"], t["measured"], t["reached"]) for what, t in found.items()},
            {
                "default path against one call a token": (150, 400.0, True),
                "default path against PyG's correct batch": (10, 20.0, True),
                "default path against the best PyTorch form": (3, 7.0, True),
                "batched, against the best PyTorch form": (1.1, 1.166667, True),
                "batched, against its bare products": (1.2, 1.2, True),
                "batched, mean read out, against the best PyTorch form": (1.1, 1.25, True),
                "batched, mean read out, against its bare products": (1.3, 2.0, False),
            },
        )
        best = found["default path against the best PyTorch form"]
        self.assertEqual(best["ratio"], "compiled / ours_default")

    def test_more_is_needed_with_eight_experts(self) -> None:
        found = by_name([coupler_group("HGNN", HGNN, experts=8)])
        self.assertEqual(found["default path against PyG's correct batch"]["needed"], 60)
        self.assertIs(found["default path against PyG's correct batch"]["reached"], False)
        self.assertEqual(found["default path against the best PyTorch form"]["needed"], 6)

    def test_forward_alone_has_no_target_for_the_default_path(self) -> None:
        found = by_name([coupler_group("HGNN", HGNN, direction="forward")])
        self.assertEqual(len(found), 4)
        self.assertFalse([what for what in found if "default" in what])

    def test_gnn(self) -> None:
        medians = {"dense": 11.0, "compiled": 12.0, "ours": 10.0, "gemm_gnn": 8.0}
        group = coupler_group("GNN", medians)
        found = by_name([group])
        self.assertIs(found["GNN, against the best PyTorch form"]["reached"], True)
        self.assertEqual(found["GNN, against the best PyTorch form"]["measured"], 1.1)
        self.assertIs(found["GNN, against its bare products"]["reached"], False)

    def test_without_our_side_nothing_is_reached_or_missed(self) -> None:
        theirs = {name: ms for name, ms in HGNN.items() if not name.startswith("ours")}
        for target in targets.evaluate([coupler_group("HGNN", theirs)], CPU):
            self.assertIsNone(target["reached"])
            self.assertIn("not measured", target["why"])

    def test_the_loop_over_tokens_is_not_missed_where_it_is_left_out(self) -> None:
        some = {name: ms for name, ms in HGNN.items() if name != "sequential"}
        self.assertNotIn(targets.PER_TOKEN, by_name([coupler_group("HGNN", some, memory="kept")]))
        self.assertIn(targets.PER_TOKEN, by_name([coupler_group("HGNN", some)]))

    def test_sizes_of_quick_reach_nothing(self) -> None:
        for target in targets.evaluate([coupler_group("HGNN", HGNN, dim=64)], CPU):
            self.assertIsNone(target["reached"])
            self.assertIn("D = 384", target["why"])

    def test_bandwidth(self) -> None:
        medians = {"memcpy": 7.0, "expert_mix": 10.0, "gnn_message": 10.1, "hypergraph_conv": 7.0}
        group = operations_group(medians)
        found = by_name([group])
        reached = {what.partition(",")[0]: target["reached"] for what, target in found.items()}
        self.assertEqual(
            reached,
            {
                "expert_mix": True,
                "gnn_message": False,
                "hypergraph_conv": True,
                "hypergraph_conv_per_token": None,
            },
        )
        self.assertFalse(by_name([operations_group(medians, direction="forward_backward")]))
        self.assertFalse(by_name([operations_group(medians, x_bytes=12_000_000)]))
        more = by_name([group], GPU)["expert_mix, share of memcpy's bandwidth"]
        self.assertEqual((more["needed"], more["reached"]), (0.75, False))

    def test_bandwidth_counts_the_bytes_of_each(self) -> None:
        group = operations_group({"memcpy": 10.0, "expert_mix": 10.0})
        group["calls"]["expert_mix"]["bytes"] *= 2
        self.assertEqual(targets.bandwidth_share(group, "expert_mix"), 2.0)

    def test_bf16_is_promised_where_there_is_amx(self) -> None:
        medians = {"ours_batched@fp32": 31.0, "ours_batched@bf16": 10.0}
        group = coupler_group("HGNN", medians, precision="bf16_against_fp32", memory="kept")
        group["kind"] = "precision"
        (target,) = targets.evaluate([group], CPU)
        self.assertEqual((target["measured"], target["reached"]), (3.1, True))
        (target,) = targets.evaluate([group], CPU | {"instruction_sets": ["avx512_bf16"]})
        self.assertEqual((target["measured"], target["reached"]), (3.1, None))

    def test_a_gpu_is_held_against_torch_compile_alone(self) -> None:
        found = by_name([coupler_group("HGNN", HGNN, memory="device")], GPU)
        self.assertEqual(
            {t["ratio"]: (t["needed"], t["reached"]) for t in found.values()},
            {
                "compiled / ours_default": (3, True),
                "compiled / ours_batched": (1.1, True),
            },
        )


class PeerChecksTest(unittest.TestCase):
    def group(self, **medians: float) -> dict:
        """On the machine of the figures: scale 1."""
        flops = 3 * 2 * (2 * 4 + 1) * 2048 * 384**2
        group = coupler_group("HGNN", {"memcpy_x": 0.5, "gemm_batched": 3 * 21.8} | medians)
        group["calls"]["gemm_batched"]["flops"] = flops
        return group

    def test_twenty_percent_are_allowed(self) -> None:
        (fine,) = peer_checks.check([self.group(dense=95.9)], CPU)
        self.assertEqual((fine["slow"], fine["of_limit"]), (False, 0.999))
        (slow,) = peer_checks.check([self.group(dense=96.1)], CPU)
        self.assertIs(slow["slow"], True)

    def test_the_slower_of_products_and_memcpy_scales(self) -> None:
        for changes, scale in (({"gemm_batched": 3 * 21.8 * 2}, 2.0), ({"memcpy_x": 1.5}, 3.0)):
            group = self.group(dense=96.0, **changes)
            ((milliseconds, found),) = peer_checks.times_and_scales(group, "dense")
            self.assertEqual(milliseconds, 96.0)
            self.assertAlmostEqual(found, scale)
            (check,) = peer_checks.check([group], CPU)
            self.assertAlmostEqual(check["of_limit"], 1 / scale, 3)

    def test_only_where_the_figures_belong(self) -> None:
        for machine in (GPU, CPU | {"threads": 1}):
            self.assertEqual(peer_checks.check([self.group(dense=999.0)], machine), [])
        for changes in ({"tokens": 8192}, {"memory": "kept"}, {"dim": 64}, {"experts": 5}):
            group = self.group(dense=999.0) | changes
            self.assertEqual(peer_checks.check([group], CPU), [], changes)

    def test_products_with_p_scale_with_memcpy(self) -> None:
        medians = {"memcpy": 1.0, "aten_bmm": 3.3, "aten_matmul": 2.7}
        checks = peer_checks.check([operations_group(medians, tokens=2048)], CPU)
        slow = {check["peer"]: check["slow"] for check in checks}
        self.assertEqual(slow, {"aten_bmm": False, "aten_matmul": True})


if __name__ == "__main__":
    unittest.main()
