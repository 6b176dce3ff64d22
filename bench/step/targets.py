"""What was promised of the whole step, and which of it a run reached; plain data, no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from common.ratios import Group, Target, fastest, median_of, ratio_of, target, target_of_ratio
from step.case import (
    DISTINCT_BATCHES,
    EFFICIENCY,
    FEW_EXPERTS,
    GPU_CASE,
    MAIN,
    PRECISIONS,
    WITH_FEW_EXPERTS,
    Case,
)
from step.rates import (
    is_largest,
    is_proportion,
    milliseconds_at,
    needed_rate,
    share_of_gemm_rate,
    start_of,
)

# GFLOP/s of the products on the machine that the figures were measured on.
GEMM_RATE = {"fp32": 285.0, "bf16": 1525.0}
# GFLOP/s of dense bf16 products, by the maker.
GPU_PEAK = {"NVIDIA H100 80GB HBM3": 989_400.0, "NVIDIA H200": 989_400.0}

COMPILE = {"full": {"fp32": 2.0, "bf16": 4.0}, "lines": {"fp32": 2.7, "bf16": 5.5}}
GNN_BEST = {"fp32": 1.5, "bf16": 4.0}
LOOP = {"fp32": 11.0, "bf16": 35.0}
SHARE = {"fp32": 0.65, "bf16": 0.45}
WITH_DROPOUT = 0.9
STARTUP_S = 2.0
EFFICIENCY_S = {"fp32": 6.0, "bf16": 2.0}
IN_PROPORTION = 1.2  # "in proportion" of E = 16: a needed FLOP's cost over that with E = 4
GPU_SHARE, GPU_SHARE_OF_LARGEST, GPU_MS, GPU_BUSY = 0.3, 0.4, 11.0, 0.9
TORCH_FORMS = ("pair_loop", "dense", "compiled")

NO_AMX = "factors in bf16 are promised of CPUs with AMX"
ABOVE_ONE = "above 1 is noise: see how it is measured"
TOO_FEW_LENGTHS = (
    f"that of lines counts after {DISTINCT_BATCHES} batches of different lengths: measure again"
)
NOT_MEASURED = "not measured: a call is missing, or the GPU's peak is not known here"
TOO_SMALL = "the sizes of --quick mean nothing"


def case_of(group: Group) -> Case:
    return Case(**{field.name: group[field.name] for field in fields(Case)})


@dataclass(frozen=True)
class Row:
    """One group in one precision, with the targets that may be about it."""

    group: Group
    precision: str
    has_amx: bool

    @property
    def ours(self) -> str:
        return f"ours@{self.precision}"

    @property
    def best_torch(self) -> str | None:
        forms = [f"{form}@{self.precision}" for form in TORCH_FORMS]
        return fastest(self.group, forms, self.ours)

    def factor(self, what: str, needed: float, above: str | None) -> Target:
        """How many times faster ours is than `above`."""
        what = f"{self.precision}, {what}"
        return target_of_ratio(self.group, what, "at_least", needed, above, self.ours)

    def value(self, what: str, kind: str, needed: float, how: str, value: float | None) -> Target:
        return target(self.group, f"{self.precision}, {what}", kind, needed, how, value)

    def with_amx(self, found: Target) -> Target:
        """What is promised in bf16 where there is AMX alone."""
        if self.precision == "bf16" and not self.has_amx:
            found |= {"reached": None, "why": NO_AMX}
        return found

    def against_peers(self) -> list[Target]:
        """Of the two cases with all peers."""
        rows, precision = self.group["rows"], self.precision
        found = []
        if self.group["coupler"] == "HGNN":
            compiled = f"compiled@{precision}"
            found.append(self.factor("against torch.compile", COMPILE[rows][precision], compiled))
            if rows == "full":
                loop = "against the loop over tokens in fp32"
                found.append(self.factor(loop, LOOP[precision], "sequential@fp32"))
        elif rows == "full":
            best = "against the best PyTorch form"
            found.append(self.factor(best, GNN_BEST[precision], self.best_torch))
        return [self.with_amx(one) for one in found]

    def of_full_rows(self) -> list[Target]:
        """Of the same cases: how near to the limits, dropout and start-up."""
        without = f"ours_no_dropout@{self.precision}"
        share = self.value(
            "needed FLOPs a second over the GEMM rate",
            "at_least",
            SHARE[self.precision],
            "needed FLOPs / time of ours / GEMM rate",
            share_of_gemm_rate(self.group, self.ours),
        )
        if (share["measured"] or 0) > 1:
            share["why"] = ABOVE_ONE
        return [
            share,
            self.factor("throughput with dropout over that without", WITH_DROPOUT, without),
            self.value(
                "seconds from the start of the process to its first step",
                "at_most",
                STARTUP_S,
                "startup_s",
                start_of(self.group, self.ours, "startup_s"),
            ),
        ]

    def efficiency(self) -> Target:
        """Seconds that a machine with the GEMM rate of the figures would take."""
        theirs = GEMM_RATE[self.precision]
        milliseconds = milliseconds_at(self.group, self.ours, theirs)
        seconds = milliseconds and milliseconds / 1e3
        what = f"seconds a step at {theirs:,.0f} GFLOP/s of products"
        how = "seconds of ours * GEMM rate / that of the figures"
        return self.with_amx(
            self.value(what, "at_most", EFFICIENCY_S[self.precision], how, seconds)
        )

    def everywhere(self) -> list[Target]:
        """Where torch.compile was not timed, the first one is about eager PyTorch alone."""
        compiled = f"compiled@{self.precision}" in self.group["calls"]
        peer = "the best PyTorch form" if compiled else "eager PyTorch"
        return [self.factor(f"not slower than {peer}", 1, self.best_torch), self.peak_memory()]

    def peak_memory(self) -> Target:
        own = start_of(self.group, self.ours, "peak_bytes")
        theirs = start_of(self.group, f"dense@{self.precision}", "peak_bytes")
        found = self.value(
            "peak memory over that of eager PyTorch",
            "at_most",
            1,
            "peak_bytes of ours / those of dense",
            own / theirs if own and theirs else None,
        )
        if self.group["rows"] == "lines" and self.group["peak_steps"] < DISTINCT_BATCHES:
            found |= {"reached": None, "why": TOO_FEW_LENGTHS}
        return found

    def in_proportion(self) -> Target:
        """What a needed FLOP costs with many experts over what it costs with few, by round."""
        few = f"{WITH_FEW_EXPERTS}@{self.precision}"
        ratio = ratio_of(self.group, self.ours, few)
        if ratio is not None:
            ratio *= self.group["calls"][few]["needed_flops"] / self.group["needed_flops"]
        many = self.group["experts"]
        return self.value(
            f"cost of a needed FLOP with E = {many} over that with E = {FEW_EXPERTS}",
            "at_most",
            IN_PROPORTION,
            f"({self.ours} / its needed FLOPs) / ({few} / its needed FLOPs)",
            ratio,
        )

    def on_gpu(self, device: str) -> list[Target]:
        rate, peak = needed_rate(self.group, self.ours), GPU_PEAK.get(device)
        share = rate / peak if rate and peak else None
        busy = start_of(self.group, self.ours, "gpu_utilisation")
        how = "needed FLOPs / time / peak"
        found = [
            self.value("share of the time in which the GPU is busy", "at_least", GPU_BUSY,
                       "gpu_utilisation", busy)
        ]  # fmt: skip
        if is_largest(self.group):
            what = "MFU at the largest batch that fits"
            return [self.value(what, "at_least", GPU_SHARE_OF_LARGEST, how, share), *found]
        milliseconds = median_of(self.group, self.ours)
        return [
            self.value("MFU", "at_least", GPU_SHARE, how, share),
            self.value("milliseconds a step", "at_most", GPU_MS, "ours", milliseconds),
            *found,
        ]


def _of_row(row: Row, machine: Mapping[str, Any], scale: bool) -> list[Target]:
    case, targets = case_of(row.group), []
    if is_largest(row.group):
        return row.on_gpu(machine["device"])
    if is_proportion(row.group):
        return [row.in_proportion()]
    if machine["kind"] == "gpu":
        if case == GPU_CASE and row.precision == "bf16":
            targets += row.on_gpu(machine["device"])
    elif not scale:
        if case in MAIN.values():
            targets += row.against_peers()
            targets += row.of_full_rows() if row.group["rows"] == "full" else []
        if case == EFFICIENCY:
            targets.append(row.efficiency())
    return targets + row.everywhere()


def evaluate(
    groups: Sequence[Group], machine: Mapping[str, Any], *, scale: bool, quick: bool
) -> list[Target]:
    """Every target that these groups are about. `reached` is None, with `why`, where a call is
    missing, or the machine, the sizes or the steps are not those that the target is about."""
    has_amx = "amx_bf16" in machine["instruction_sets"]
    targets = []
    for group in groups:
        for precision in PRECISIONS:
            calls = {f"gemm@{precision}", f"ours@{precision}"}
            if calls & group["calls"].keys():
                targets += _of_row(Row(group, precision, has_amx), machine, scale)
    for found in targets:
        if found["measured"] is None:
            found["why"] = NOT_MEASURED
        elif quick:
            found |= {"reached": None, "why": TOO_SMALL}
    return targets
