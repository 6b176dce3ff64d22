"""What a run measures: sizes, rounds and clock; --quick has small ones of everything."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from common.timing import Clock, CudaClock, WallClock

SLOW_MS = 2000.0
ROUNDS_OF_SLOW = 5
SEQUENTIAL_BUDGET_MS = 20_000.0


@dataclass(frozen=True)
class Plan:
    device: torch.device
    rounds: int
    dim: int
    layers: int
    experts: tuple[int, ...]  # of whole couplers
    tokens: tuple[int, ...]
    large_bytes: int  # of X, and of Y, of the bare operations
    small_tokens: tuple[int, ...]  # of the bare operations that fit a cache
    kernel_experts: tuple[int, ...]
    ours: bool  # whether the library is there

    @property
    def clock(self) -> Clock:
        return CudaClock() if self.device.type == "cuda" else WallClock()

    def rounds_of_slow(self, milliseconds: dict[str, float]) -> dict[str, int]:
        """Rounds of the calls that take seconds, from one earlier run of each: five, except for
        the loop over tokens, which gets what fits into its budget, at least one."""
        slow = {}
        for name, single in milliseconds.items():
            if name == "sequential":
                slow[name] = max(1, min(self.rounds, int(SEQUENTIAL_BUDGET_MS / single)))
            elif single > SLOW_MS:
                slow[name] = min(self.rounds, ROUNDS_OF_SLOW)
        return slow


def full(device: torch.device, rounds: int, ours: bool) -> Plan:
    return Plan(
        device=device,
        rounds=rounds,
        dim=384,
        layers=2,
        experts=(4, 8),
        tokens=(2048, 8192),
        large_bytes=400_000_000,
        small_tokens=(2048, 256),
        kernel_experts=(4, 8, 16),
        ours=ours,
    )


def quick(device: torch.device, ours: bool) -> Plan:
    return Plan(
        device=device,
        rounds=2,
        dim=64,
        layers=2,
        experts=(4, 8),
        tokens=(32,),
        large_bytes=2_000_000,
        small_tokens=(64,),
        kernel_experts=(4, 16),
        ours=ours,
    )
