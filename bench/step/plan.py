"""What a run measures: cases with their peers, rounds and clock; --quick has small ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from common.timing import Clock, CudaClock, WallClock
from step.case import DISTINCT_BATCHES, EFFICIENCY, GPU_CASE, MAIN, PRECISIONS, Case

PEERS = {
    "HGNN": ("sequential", "pyg_original", "pyg_correct", "dense", "compiled"),
    "GNN": ("pair_loop", "dense", "compiled"),
}
# In bf16 the error of the original's batching could not be told from rounding, and a loop over
# tokens spends its time between the products.
FP32_ALONE = ("sequential", "pyg_original")
# A step of the loop over tokens takes as long as all other peers together; a median of fewer is
# noise.
ROUNDS_OF_SEQUENTIAL = 5
# Beside those of the main cases, which have all peers.
COMPILED_EXPERTS = (2, 8, 16)
SMALL = {"dim": 64, "layers": 1, "batch": 2, "length": 16, "vocab": 512}


@dataclass(frozen=True)
class Entry:
    """A case and who takes part; `rows` holds full, lines or both."""

    case: Case
    peers: tuple[str, ...]
    rows: tuple[str, ...] = ("full", "lines")
    precisions: tuple[str, ...] = PRECISIONS
    without_dropout: bool = False  # whether ours is timed without dropout too, on full rows
    # Ours alone, nothing else of the entry but precisions counts then: "largest" is the largest
    # batch that fits, the case's or larger ones, in one precision; "proportion" the case beside
    # itself with fewer experts.
    alone: str = ""

    def group_id(self, rows: str) -> str:
        return f"{self.case.name}/{self.alone or rows}"

    def peer_calls(self) -> list[tuple[str, str]]:
        """(peer, precision)"""
        return [
            (peer, precision)
            for precision in self.precisions
            for peer in self.peers
            if precision == "fp32" or peer not in FP32_ALONE
        ]


@dataclass(frozen=True)
class Plan:
    device: torch.device
    threads: int
    rounds: int
    entries: tuple[Entry, ...]
    peer_steps: int  # of a peer, in a round
    program_steps: int  # of the program, in a round, after those that warm it up: all batches
    warm_up_steps: int
    distinct_batches: int = DISTINCT_BATCHES  # of lines, a step each before their peak is read

    @property
    def clock(self) -> Clock:
        return CudaClock() if self.device.type == "cuda" else WallClock()

    def group_ids(self) -> list[str]:
        return [entry.group_id(rows) for entry in self.entries for rows in entry.rows]

    def only(self, prefix: str) -> Plan:
        """With the cases whose names begin so; CASE/largest and CASE/proportion are ours alone."""

        def is_meant(entry: Entry) -> bool:
            own = entry.alone and entry.group_id("full").startswith(prefix)
            return bool(own) or entry.case.name.startswith(prefix)

        chosen = tuple(filter(is_meant, self.entries))
        return replace(self, entries=chosen)

    def rounds_of(self, call: str) -> int:
        return min(self.rounds, ROUNDS_OF_SEQUENTIAL) if "sequential" in call else self.rounds


def steps_of_round(device: torch.device, warm_up: int = 2) -> dict[str, int]:
    """On a GPU three steps of the program are not captured and the fourth captures all sizes; one
    takes milliseconds there, so many are needed for a mean. Peers take as many: of a single one
    the launches would be timed too, which the steps before it hide."""
    if device.type == "cuda":
        return {"peer_steps": 20, "program_steps": 20, "warm_up_steps": 5}
    return {"peer_steps": 1, "program_steps": 2, "warm_up_steps": warm_up}


def full(device: torch.device, threads: int, rounds: int) -> Plan:
    """On a GPU the sizes that were promised there stand beside those of the CPU."""
    entries = [Entry(case, PEERS[case.coupler], without_dropout=True) for case in MAIN.values()]
    entries.append(Entry(EFFICIENCY, ("dense",), rows=("full",)))
    if device.type == "cuda":
        entries.append(Entry(GPU_CASE, ("dense", "compiled"), rows=("full",)))
        bf16 = ("bf16",)
        entries.append(Entry(GPU_CASE, (), rows=("full",), precisions=bf16, alone="largest"))
    return Plan(device, threads, rounds, tuple(entries), **steps_of_round(device))


def scale_cases() -> list[Case]:
    """Each size by itself around the main case; T at the same number of tokens."""
    cases = []
    for main in MAIN.values():
        cases += [replace(main, experts=experts) for experts in (2, 4, 8, 16, 32)]
        cases += [replace(main, dim=dim) for dim in (256, 512, 768)]
        cases += [replace(main, length=t, batch=1024 // t) for t in (64, 256, 512)]
    return cases


def scale_entry(case: Case, compiled: bool) -> Entry:
    """`compiled` asks for torch.compile too, where the experts are COMPILED_EXPERTS."""
    also = compiled and case.experts in COMPILED_EXPERTS
    return Entry(case, ("dense", "compiled") if also else ("dense",), rows=("full",))


def proportion_entry(case: Case) -> Entry:
    return Entry(case, (), rows=("full",), alone="proportion")


def scale(device: torch.device, threads: int, rounds: int, compiled: bool) -> Plan:
    entries = [scale_entry(case, compiled) for case in scale_cases()]
    entries += [proportion_entry(replace(main, experts=16)) for main in MAIN.values()]
    return Plan(device, threads, rounds, tuple(entries), **steps_of_round(device, warm_up=1))


def quick_steps(device: torch.device) -> dict[str, int]:
    """Of peers as many as of the program, so that both take all batches."""
    steps = steps_of_round(device)
    return steps | {"peer_steps": steps["program_steps"]}


def quick(device: torch.device, threads: int) -> Plan:
    """All peers once; torch.compile, which takes longest, of the smallest model."""
    without_compile = tuple(peer for peer in PEERS["HGNN"] if peer != "compiled")
    entries = (
        Entry(Case("HGNN", **SMALL), without_compile, rows=("lines",)),
        Entry(
            Case("GNN", experts=2, **SMALL),
            PEERS["GNN"],
            rows=("full",),
            precisions=("fp32",),
            without_dropout=True,
        ),
    )
    return Plan(device, threads, 2, entries, distinct_batches=6, **quick_steps(device))


def quick_scale(device: torch.device, threads: int, compiled: bool) -> Plan:
    cases = (Case("HGNN", experts=experts, **SMALL) for experts in (2, 4))
    entries = [scale_entry(case, compiled) for case in cases]
    entries.append(proportion_entry(Case("HGNN", experts=8, **SMALL)))
    return Plan(device, threads, 2, tuple(entries), **quick_steps(device))
