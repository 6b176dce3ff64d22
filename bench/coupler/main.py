"""Times whole couplers and bare operations against their peers and writes one JSON file.

Called by scripts/bench.sh coupler, which finds the environment and renders the tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path
import sys
from typing import Any

import torch

from common import results
from common.progress import progress
from coupler import coupler_groups, kernel_groups, memory, ours
from coupler import plan as plans
from coupler.problem import Case
from coupler.verdicts import verdicts


def parse_arguments() -> argparse.Namespace:
    parser = results.argument_parser(__doc__.splitlines()[0])
    parser.add_argument("--library", type=Path, metavar="FILE", help="libhgnn_moe_ops.so")
    return results.parse(parser)


def cases(plan: plans.Plan) -> list[Case]:
    """Whole couplers. A GPU has all precisions, a CPU its bf16 in the groups of precisions."""
    precisions = ("fp32", "tf32", "bf16") if plan.device.type == "cuda" else ("fp32",)
    return [
        Case(coupler, experts, tokens, plan.dim, plan.layers, precision)
        for precision in precisions
        for experts in plan.experts
        for tokens in plan.tokens
        for coupler in ("HGNN", "GNN")
    ]


def measure(plan: plans.Plan) -> list[dict[str, Any]]:
    """Couplers as in any process first, and with kept memory; the bare operations with it alone."""
    on_gpu = plan.device.type == "cuda"
    groups = []
    for setting in ("device",) if on_gpu else ("system", "kept"):
        for case in cases(plan):
            with memory.setting(setting):
                groups += coupler_groups.measure_case(case, plan, setting)
    setting = "device" if on_gpu else "kept"
    with memory.setting(setting):
        for coupler in () if on_gpu else ("HGNN", "GNN"):
            case = Case(coupler, plan.experts[-1], plan.tokens[0], plan.dim, plan.layers)
            groups += coupler_groups.measure_precisions(case, plan, setting)
        groups += kernel_groups.measure_all(plan, setting)
    return groups


def main() -> int:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if arguments.gpu else "cpu")
    preset = "cuda" if arguments.gpu else "release"
    library = arguments.library or results.REPOSITORY / f"build/{preset}/lib/libhgnn_moe_ops.so"
    missing = ours.load_library(library)
    if missing:
        progress(f"WARNING: our side is left out: {missing}")
    if arguments.quick:
        plan = plans.quick(device, ours=not missing)
    else:
        plan = plans.full(device, arguments.rounds, ours=not missing)
    header = results.header("coupler", arguments, device)
    groups = measure(plan)
    results.write(
        {
            **header,
            "ours": missing or "measured",
            "method": {
                "order": "round robin: each round runs every call of a group once",
                "rounds": plan.rounds,
                "rounds_of_slow_calls": "samples_ms holds them all; a loop over tokens runs as"
                " often as fits into 20 s, at least once, other calls of more than 2 s five times",
                "memory": {
                    "system": "malloc, as in any Python process",
                    "kept": "blocks that tensors free are kept for later ones, of all peers",
                    "device": "PyTorch's on the GPU, which keeps blocks too",
                },
            },
            **verdicts(header, groups),
            "groups": groups,
        },
        arguments.out,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
