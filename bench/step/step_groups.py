"""All peers and the program on one case: they agree, they start, and they take turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
import os
from pathlib import Path
from statistics import median
import tempfile
from typing import Any

import torch

from common.progress import progress
from common.pyg_forms import FIRST_WRONG_EXPERTS
from common.timing import Call, ToldClock, interleave, summary
from step import agreement, peer_process
from step.case import DROPOUT, LEARNING_RATE
from step.data import read_batches, write_folder
from step.flops import forward_products, work_of
from step.gemm_rate import GemmRate, Memcpy
from step.largest_batch import measure_largest
from step.lengths import batches_of_lengths, distinct_batches_of_lines
from step.models import write_initial_weights
from step.plan import Entry, Plan
from step.program import Program, ProgramSteps
from step.proportion import measure_proportion
from step.training import StepRecord, Training

OURS = "ours"
OURS_WITHOUT_DROPOUT = "ours_no_dropout"
DISTINCT = "distinct"  # the folder of batches that all differ in length
OURS_ALONE = {"largest": measure_largest, "proportion": measure_proportion}


class Bench:
    """Measures one entry of a plan in a folder of its own; `program` is None without ours."""

    def __init__(self, entry: Entry, plan: Plan, program: Program | None, folder: Path) -> None:
        self.entry, self.plan, self.program = entry, plan, program
        self.case, self.folder = entry.case, folder
        self.busy: dict[str, list[float]] = {}  # by call of ours on a GPU: its share of the time
        self.init = folder / "init.safetensors"
        write_initial_weights(self.init, self.case)
        self.lengths = {}
        for rows in {*entry.rows, "lines"}:  # lines for the agreement: it covers padding
            self.lengths[rows] = batches_of_lengths(rows, self.case.batch, self.case.length)
            write_folder(folder / rows, self.case, self.lengths[rows])
        if "lines" in entry.rows:
            sizes = self.case.batch, self.case.length, plan.distinct_batches
            write_folder(folder / DISTINCT, self.case, distinct_batches_of_lines(*sizes))

    def measure(self) -> list[dict[str, Any]]:
        """A group for each kind of rows."""
        # Processes of their own first, while this one is small; compiled code that they leave
        # behind serves this one.
        starts_of_rows = self.starts_of_rows()
        training = Training(self.case, self.init, self.plan.device)
        differences = self.check_agreement(training)
        return [
            self.time(training, rows, starts_of_rows[rows], differences)
            for rows in self.entry.rows
        ]

    def starts_of_rows(self) -> dict[str, dict[str, dict[str, float]]]:
        """By rows and call: first step, of ours start-up, and peak memory."""
        starts = self.peer_starts()
        found = {rows: starts | self.program_starts(rows) for rows in self.entry.rows}
        if "lines" in found:
            peaks = self.peaks_of_lines()
            found["lines"] = {
                call: start | {"peak_bytes": peaks[call]} for call, start in found["lines"].items()
            }
        return found

    def peer_starts(self) -> dict[str, dict[str, float]]:
        """First step and peak memory of each peer. Peers pad: their tensors have the same shapes
        whatever the rows hold."""
        found = {}
        for peer, precision in self.entry.peer_calls():
            progress(f"{self.case}: first steps of {peer} in {precision}")
            data, steps = self.entry.rows[0], peer_process.STEPS
            found[f"{peer}@{precision}"] = self.peer_process(peer, precision, data, steps)
        return found

    def peer_process(self, peer: str, precision: str, data: str, steps: int) -> dict[str, float]:
        request = peer_process.PeerRequest(
            case=self.case.as_dict(),
            peer=peer,
            precision=precision,
            weights=str(self.init),
            data=str(self.folder / data),
            device=self.plan.device.type,
            threads=self.plan.threads,
            steps=steps,
        )
        return peer_process.measure(request)

    def program_starts(self, rows: str) -> dict[str, dict[str, float]]:
        found = {}
        for precision in self.entry.precisions if self.program else ():
            progress(f"{self.case}, {rows} rows: first steps of the program in {precision}")
            steps = self.program_steps(rows, precision, DROPOUT, peer_process.STEPS)
            found[f"{OURS}@{precision}"] = {
                "first_step_s": round(steps.first_step_s, 2),
                "startup_s": round(steps.startup_s, 2),
                "peak_bytes": steps.peak_bytes,
            }
        return found

    def peaks_of_lines(self) -> dict[str, float]:
        """Peak memory of each call in a process that takes a step on each of many batches of
        different lengths: what it keeps for a length, it has then kept for all of them."""
        steps, peaks = self.plan.distinct_batches, {}
        for peer, precision in self.entry.peer_calls():
            progress(f"{self.case}: {steps} different batches of lines, {peer} in {precision}")
            found = self.peer_process(peer, precision, DISTINCT, steps)
            peaks[f"{peer}@{precision}"] = found["peak_bytes"]
        for precision in self.entry.precisions if self.program else ():
            progress(f"{self.case}: {steps} different batches of lines, ours in {precision}")
            ours = self.program_steps(DISTINCT, precision, DROPOUT, steps)
            peaks[f"{OURS}@{precision}"] = ours.peak_bytes
        return peaks

    def program_steps(
        self, rows: str, precision: str, dropout: float, count: int, rate: float = LEARNING_RATE
    ) -> ProgramSteps:
        assert self.program is not None
        data = self.folder / rows
        return self.program.steps(self.case, precision, dropout, self.init, data, count, rate)

    def check_agreement(self, training: Training) -> dict[str, dict[str, float]]:
        """Without dropout, whose masks differ, and on rows with padding."""
        batches = read_batches(self.folder / "lines", self.case, self.plan.device)

        def first_steps(peer: str, precision: str) -> list[StepRecord]:
            progress(f"{self.case}: three steps of {peer} in {precision}, without dropout")
            loss_of = training.loss_function(peer, dropout=0.0)
            steps, rate = agreement.STEPS, agreement.LEARNING_RATE
            return training.first_steps(loss_of, batches, precision, steps, rate)

        expected = first_steps("dense", "fp32")
        records = {f"{peer}@{p}": first_steps(peer, p) for peer, p in self.entry.peer_calls()}
        for precision in self.entry.precisions if self.program else ():
            count, rate = agreement.STEPS, agreement.LEARNING_RATE
            steps = self.program_steps("lines", precision, 0.0, count, rate)
            records[f"{OURS}@{precision}"] = [
                StepRecord(event["loss"], event["grad_norm"]) for event in steps.events
            ]
        mixes = self.case.experts >= FIRST_WRONG_EXPERTS
        wrong = frozenset(call for call in records if mixes and "pyg_original" in call)
        return agreement.check(records, expected, wrong)

    def time(
        self,
        training: Training,
        rows: str,
        starts: dict[str, dict[str, float]],
        differences: dict[str, dict[str, float]],
    ) -> dict[str, Any]:
        """Round by round, one call after the other."""
        progress(f"{self.case}, {rows} rows: preparing all calls")
        limits = self.limits(rows)
        calls = {
            **self.peer_calls(training, rows),
            **self.program_calls(rows),
            **{name: limit.milliseconds for name, limit in limits.items()},
        }
        progress(f"{self.case}, {rows} rows: timing")
        # Every call has run before: each counts from its first round on.
        rounds = {name: self.plan.rounds_of(name) for name in calls}
        samples = interleave(calls, self.plan.rounds, ToldClock(), rounds)
        entries = {name: summary(taken) | starts.get(name, {}) for name, taken in samples.items()}
        for name, shares in self.busy.items():
            entries[name]["gpu_utilisation"] = round(median(shares), 4)
        for name, limit in limits.items():
            if isinstance(limit, GemmRate):
                entries[name] |= {"flops": limit.flops, "tilings": limit.tilings}
            else:
                entries[name]["bytes"] = limit.bytes
        return {
            "id": self.entry.group_id(rows),
            "kind": "step",
            **self.case.as_dict(),
            "rows": rows,
            **work_of(self.case, self.lengths[rows]),
            "peak_steps": self.plan.distinct_batches if rows == "lines" else peer_process.STEPS,
            "largest_relative_differences": differences,
            "calls": entries,
        }

    def peer_calls(self, training: Training, rows: str) -> dict[str, Call]:
        """Each has been compiled and run once when this returns."""
        batches = cycle(read_batches(self.folder / rows, self.case, self.plan.device))
        calls: dict[str, Call] = {}
        for peer, precision in self.entry.peer_calls():
            loss_of = training.loss_function(peer, DROPOUT)

            def milliseconds(loss_of=loss_of, precision=precision) -> float:
                some = list(islice(batches, self.plan.peer_steps))
                return training.milliseconds(loss_of, some, precision)

            milliseconds()
            calls[f"{peer}@{precision}"] = milliseconds
        return calls

    def program_calls(self, rows: str) -> dict[str, Call]:
        """A process a call, its first steps left out."""
        if self.program is None:
            return {}
        calls: dict[str, Call] = {}
        self.busy = {}
        dropouts = {OURS: DROPOUT}
        if self.entry.without_dropout and rows == "full":
            dropouts[OURS_WITHOUT_DROPOUT] = 0.0
        warm_up, count = self.plan.warm_up_steps, self.plan.program_steps
        for precision in self.entry.precisions:
            for name, dropout in dropouts.items():

                call = f"{name}@{precision}"

                def milliseconds(call=call, precision=precision, dropout=dropout) -> float:
                    steps = self.program_steps(rows, precision, dropout, warm_up + count)
                    if steps.gpu_utilisation is not None:
                        self.busy.setdefault(call, []).append(steps.gpu_utilisation)
                    return steps.mean_ms(warm_up)

                calls[call] = milliseconds
        return calls

    def limits(self, rows: str) -> dict[str, GemmRate | Memcpy]:
        """The products of the first batch: all batches hold about as many tokens."""
        products = forward_products(self.case, self.lengths[rows][0])
        clock, device = self.plan.clock, self.plan.device
        rates: dict[str, GemmRate | Memcpy] = {
            f"gemm@{precision}": GemmRate(products, precision, clock, device)
            for precision in self.entry.precisions
        }
        return rates | {"memcpy": Memcpy(clock, device)}


def measure_entry(entry: Entry, plan: Plan, program: Program | None) -> list[dict[str, Any]]:
    torch._dynamo.reset()
    if entry.alone:
        measure = OURS_ALONE[entry.alone]
        return [measure(entry, plan, program)] if program else []
    with tempfile.TemporaryDirectory(prefix="hgnn_moe_step-") as name:
        folder = Path(name)
        with compiled_code_in(folder / "compiled"):
            return Bench(entry, plan, program, folder).measure()


@contextmanager
def compiled_code_in(folder: Path) -> Iterator[None]:
    """An empty cache for torch.compile, of this process and of those it starts: the first step of a
    peer would otherwise find what an earlier run has compiled."""
    before = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TORCHINDUCTOR_CACHE_DIR"]
        else:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = before
