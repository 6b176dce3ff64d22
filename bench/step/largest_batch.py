"""The program on the largest batch that a GPU's memory holds: what the GPU does at its best.

No peer is beside it: each would fit another batch, and what this process held on the GPU for their
sake would be missing there. Its CUDA context, a few hundred megabytes, is missing all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import gc
from pathlib import Path
from statistics import median
import tempfile
from typing import Any

import torch

from common.progress import progress
from common.timing import summary
from step.case import DROPOUT, Case
from step.data import write_folder
from step.flops import work_of
from step.lengths import batches_of_lengths
from step.models import write_initial_weights
from step.plan import Entry, Plan
from step.program import Program, ProgramFailed, ProgramSteps

OUT_OF_MEMORY = 6  # the program's exit code


def largest_that_fits(fits: Callable[[int], bool], first: int) -> int:
    """The largest of first, first * 3/2, first * 2, first * 3, ... that fits, found by doubling.
    `first`, an even number, is known to fit."""
    size = first
    while fits(2 * size):
        size *= 2
    return size * 3 // 2 if fits(size * 3 // 2) else size


class LargestBatch:
    """Of one entry, whose case has the first batch, in a folder of its own."""

    def __init__(self, entry: Entry, plan: Plan, program: Program, folder: Path) -> None:
        self.entry, self.plan, self.program, self.folder = entry, plan, program, folder
        (self.precision,) = entry.precisions
        self.init = folder / "init.safetensors"
        write_initial_weights(self.init, entry.case)
        gc.collect()
        if plan.device.type == "cuda":
            torch.cuda.empty_cache()  # what this process keeps, the program lacks

    def case_of(self, batch: int) -> Case:
        return replace(self.entry.case, batch=batch)

    def steps(self, case: Case, count: int) -> ProgramSteps:
        data = self.folder / str(case.batch)
        if not data.exists():
            write_folder(data, case, batches_of_lengths("full", case.batch, case.length))
        return self.program.steps(case, self.precision, DROPOUT, self.init, data, count)

    def fits(self, batch: int) -> bool:
        """Whether the program comes to its end, checkpoint and evaluation included, with captured
        steps: where the memory lacks for capturing alone, it goes on without."""
        case = self.case_of(batch)
        progress(f"{case}: does the batch fit?")
        try:
            return self.steps(case, self.plan.warm_up_steps).captured
        except ProgramFailed as error:
            if error.exit_code != OUT_OF_MEMORY:
                raise
            return False

    def measure(self) -> dict[str, Any]:
        """A group as Bench.measure has them, of ours alone."""
        case = self.case_of(largest_that_fits(self.fits, self.entry.case.batch))
        warm_up, count = self.plan.warm_up_steps, self.plan.program_steps
        progress(f"{case}, the largest batch: timing")
        runs = [self.steps(case, warm_up + count) for _ in range(self.plan.rounds)]
        call = summary([run.mean_ms(warm_up) for run in runs])
        call |= {
            "first_step_s": round(median(run.first_step_s for run in runs), 2),
            "startup_s": round(median(run.startup_s for run in runs), 2),
            "peak_bytes": max(run.peak_bytes for run in runs),
        }
        busy = [run.gpu_utilisation for run in runs if run.gpu_utilisation is not None]
        if busy:
            call["gpu_utilisation"] = round(median(busy), 4)
        lengths = batches_of_lengths("full", case.batch, case.length)
        return {
            "id": self.entry.group_id("full"),
            "kind": "step",
            **case.as_dict(),
            "rows": "full",
            "alone": self.entry.alone,
            **work_of(case, lengths),
            "peak_steps": warm_up + count,
            "calls": {f"ours@{self.precision}": call},
        }


def measure_largest(entry: Entry, plan: Plan, program: Program) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="hgnn_moe_step-") as name:
        return LargestBatch(entry, plan, program, Path(name)).measure()
