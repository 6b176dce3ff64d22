"""The program with many experts beside itself with few, round by round: does a FLOP cost the same?

Groups share no rounds: a ratio of their medians would compare minutes, in some of which everything
runs at half the rate.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import tempfile
from typing import Any

from common.progress import progress
from common.timing import Call, ToldClock, interleave, summary
from step.case import DROPOUT, FEW_EXPERTS, WITH_FEW_EXPERTS, Case
from step.data import write_folder
from step.flops import work_of
from step.lengths import batches_of_lengths
from step.models import write_initial_weights
from step.plan import Entry, Plan
from step.program import Program


def measure_proportion(entry: Entry, plan: Plan, program: Program) -> dict[str, Any]:
    """A group as Bench.measure has them, of ours alone: the entry's case and, with FLOPs of its
    own, the same case with FEW_EXPERTS."""
    cases = {"ours": entry.case, WITH_FEW_EXPERTS: replace(entry.case, experts=FEW_EXPERTS)}
    lengths = batches_of_lengths("full", entry.case.batch, entry.case.length)
    with tempfile.TemporaryDirectory(prefix="hgnn_moe_step-") as name:
        folder = Path(name)
        write_folder(folder / "data", entry.case, lengths)
        for who, case in cases.items():
            write_initial_weights(folder / who, case)
        # Those of a ratio one after the other: a round takes a minute.
        calls: dict[str, Call] = {
            f"{who}@{precision}": _steps_of(case, precision, plan, program, folder, who)
            for precision in entry.precisions
            for who, case in cases.items()
        }
        progress(f"{entry.case} beside {FEW_EXPERTS} experts: timing")
        samples = interleave(calls, plan.rounds, ToldClock(), dict.fromkeys(calls, plan.rounds))
    found = {call: summary(taken) for call, taken in samples.items()}
    of_few = work_of(cases[WITH_FEW_EXPERTS], lengths)
    for precision in entry.precisions:
        found[f"{WITH_FEW_EXPERTS}@{precision}"]["needed_flops"] = of_few["needed_flops"]
    return {
        "id": entry.group_id("full"),
        "kind": "step",
        **entry.case.as_dict(),
        "rows": "full",
        "alone": entry.alone,
        **work_of(entry.case, lengths),
        "calls": found,
    }


def _steps_of(
    case: Case, precision: str, plan: Plan, program: Program, folder: Path, who: str
) -> Call:
    """Milliseconds of a step in a process of its own, whose first steps are left out."""
    warm_up, count = plan.warm_up_steps, plan.program_steps

    def milliseconds() -> float:
        init, data = folder / who, folder / "data"
        steps = program.steps(case, precision, DROPOUT, init, data, warm_up + count)
        return steps.mean_ms(warm_up)

    return milliseconds
