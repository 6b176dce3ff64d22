"""bench/step/proportion.py with a made-up program whose step takes as many ms as it has experts."""

from contextlib import redirect_stderr
import io
import unittest

import support  # noqa: F401  (the path)
from full_environment import torch
from step import step_groups, tables
from step.case import Case
from step.flops import work_of
from step.lengths import batches_of_lengths
from step.plan import Plan, proportion_entry, scale
from step.program import ProgramSteps

CPU = torch.device("cpu")
SMALL = Case("HGNN", experts=8, dim=64, layers=1, batch=4, length=8, vocab=64)


class FakeProgram:
    """Its first step takes longer than all others."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str]] = []

    def steps(self, case, precision, dropout, init, data, count) -> ProgramSteps:
        assert init.is_file() and data.is_dir() and dropout == 0.1
        self.seen.append((case.experts, precision))
        events = [{"tokens": 10, "tokens_per_s": 1.0}]
        events += [{"tokens": 10, "tokens_per_s": 10_000.0 / case.experts}] * (count - 1)
        return ProgramSteps(events, 3.0, 2.0, 1000)


class ProportionTest(unittest.TestCase):
    def setUp(self) -> None:
        self.program, entry = FakeProgram(), proportion_entry(SMALL)
        plan = Plan(CPU, 1, 2, (entry,), peer_steps=1, program_steps=2, warm_up_steps=1)
        with redirect_stderr(io.StringIO()):
            (self.group,) = step_groups.measure_entry(entry, plan, self.program)

    def test_both_run_in_every_round(self) -> None:
        a_round = [(8, "fp32"), (4, "fp32"), (8, "bf16"), (4, "bf16")]
        self.assertEqual(self.program.seen, 2 * a_round)
        samples = {name: call["samples_ms"] for name, call in self.group["calls"].items()}
        self.assertEqual(samples, {
            "ours@fp32": [8.0, 8.0], "ours@bf16": [8.0, 8.0],
            "ours_with_few_experts@fp32": [4.0, 4.0], "ours_with_few_experts@bf16": [4.0, 4.0],
        })  # fmt: skip

    def test_each_has_its_own_flops(self) -> None:
        lengths = batches_of_lengths("full", SMALL.batch, SMALL.length)
        few = Case("HGNN", experts=4, dim=64, layers=1, batch=4, length=8, vocab=64)
        self.assertEqual(self.group["needed_flops"], work_of(SMALL, lengths)["needed_flops"])
        for precision in ("fp32", "bf16"):
            call = self.group["calls"][f"ours_with_few_experts@{precision}"]
            self.assertEqual(call["needed_flops"], work_of(few, lengths)["needed_flops"])

    def test_it_has_no_row_among_the_sizes(self) -> None:
        self.assertEqual(tables.scale_tables([self.group]), [])

    def test_growth_has_it_of_both_couplers(self) -> None:
        plan = scale(CPU, 1, 5, compiled=False)
        names = [f"{coupler}/e16/d384/l4/g2/8x128/proportion" for coupler in ("hgnn", "gnn")]
        self.assertEqual([name for name in plan.group_ids() if "proportion" in name], names)
        self.assertEqual(len(set(plan.group_ids())), len(plan.group_ids()))
        self.assertEqual([e.alone for e in plan.only(names[0]).entries], ["proportion"])


if __name__ == "__main__":
    unittest.main()
