"""Whether the peers are as fast as they should be: a slow one would flatter us. Plain data.

The figures are those of the issue that asked for this benchmark, measured on two cores with AMX
whose bare products ran at 285 (fp32) and 1,525 GFLOP/s (bf16), on full rows with dropout. A peer
may take 1.2 times its figure, scaled by the GEMM rate of the same minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from common.ratios import Group, median_of
from step.case import EFFICIENCY, MAIN
from step.rates import gemm_rate
from step.targets import GEMM_RATE, case_of

ALLOWED = 1.2
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
    """One entry for each figure that a group can be held against; `slow` says whether a peer is
    slower than it may be, which is a defect of the benchmark."""
    if machine["kind"] != "cpu" or machine["threads"] != 2:
        return []
    checks = []
    for group in groups:
        figures = FIGURES.get(case_of(group), {}) if group["rows"] == "full" else {}
        for call, tokens_per_s in figures.items():
            precision = call.partition("@")[2]
            measured, rate = median_of(group, call), gemm_rate(group, precision)
            if measured is None or rate is None:
                continue
            scale = GEMM_RATE[precision] / rate
            figure_ms = 1e3 * group["tokens"] / tokens_per_s
            limit_ms = ALLOWED * scale * figure_ms
            checks.append(
                {
                    "group": group["id"],
                    "peer": call,
                    "figure_ms": round(figure_ms, 1),
                    "scale": round(scale, 3),
                    "limit_ms": round(limit_ms, 1),
                    "measured_ms": measured,
                    "slow": measured > limit_ms,
                }
            )
    return checks
