"""Whether the peers are as fast as they should be: a slow one would flatter us. Plain data.

The figures are those of the issue that asked for this benchmark, measured on two cores with AMX
whose bare products ran at 285 (fp32) and 1,525 GFLOP/s (bf16), on full rows with dropout, scaled by
the GEMM rate of the same round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from common.peer_check import peer_check
from common.ratios import Group, side_by_side
from step.case import EFFICIENCY, MAIN
from step.rates import gemm_call
from step.targets import GEMM_RATE, case_of

# tokens a second
FIGURES = {
    MAIN["HGNN"]: {
        "sequential@fp32": 56,
        "pyg_original@fp32": 137,
        "pyg_correct@fp32": 190,
        "dense@fp32": 243,
        "dense@bf16": 358,
        "compiled@fp32": 308,
        "compiled@bf16": 449,
    },
    MAIN["GNN"]: {"pair_loop@fp32": 139, "dense@fp32": 200, "compiled@fp32": 337},
    EFFICIENCY: {"dense@fp32": 32 * 128 / 13},  # "13 s dense"
}


def check(groups: Iterable[Group], machine: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry for each figure that a group can be held against."""
    if machine["kind"] != "cpu" or machine["threads"] != 2:
        return []
    checks = []
    for group in groups:
        figures = FIGURES.get(case_of(group), {}) if group["rows"] == "full" else {}
        for call, tokens_per_s in figures.items():
            figure_ms = 1e3 * group["tokens"] / tokens_per_s
            checks += peer_check(group, call, figure_ms, _times_and_scales(group, call))
    return checks


def _times_and_scales(group: Group, call: str) -> list[tuple[float, float]]:
    """Milliseconds of the call in each round, and how much slower bare products were then than on
    the machine of the figures."""
    gemm, rate = gemm_call(call), GEMM_RATE[call.partition("@")[2]]
    return [
        (own, rate / (group["calls"][gemm]["flops"] / products / 1e6))
        for own, products in side_by_side(group, call, gemm)
    ]
