"""Times the whole training step of the program and of its peers and writes one JSON file.

Called by scripts/bench.sh step, which finds the environment and renders the tables.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
import sys
from typing import Any

import torch

from common import results
from common.progress import progress
from step import peer_checks, step_groups, targets
from step import plan as plans
from step.program import Program


def parse_arguments() -> argparse.Namespace:
    parser = results.argument_parser(__doc__.splitlines()[0])
    parser.add_argument("--scale", action="store_true", help="sizes of E, D and T instead of peers")
    parser.add_argument("--program", type=Path, metavar="FILE", help="hgnn_moe_train")
    return results.parse(parser)


def make_plan(arguments: argparse.Namespace, device: torch.device) -> plans.Plan:
    if arguments.quick:
        quick = plans.quick_scale if arguments.scale else plans.quick
        return quick(device, arguments.threads)
    full = plans.scale if arguments.scale else plans.full
    return full(device, arguments.threads, arguments.rounds)


def find_program(arguments: argparse.Namespace) -> Program | None:
    preset, device = ("cuda", "cuda") if arguments.gpu else ("release", "cpu")
    path = arguments.program or results.REPOSITORY / f"build/{preset}/bin/hgnn_moe_train"
    if os.access(path, os.X_OK):
        return Program(path, device, arguments.threads)
    progress(f"WARNING: our side is left out: {path.name} is missing")
    return None


def main() -> int:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if arguments.gpu else "cpu")
    if arguments.gpu:
        torch.set_default_device(device)
    plan, program = make_plan(arguments, device), find_program(arguments)
    header = results.header("step_scale" if arguments.scale else "step", arguments, device)
    groups: list[dict[str, Any]] = []
    for entry in plan.entries:
        groups += step_groups.measure_entry(entry, plan, program)
    machine = header["machine"]
    results.write(
        {
            **header,
            "ours": "measured" if program else "hgnn_moe_train is missing: build the preset",
            "method": {
                "order": "round robin: each round runs every peer and one process of ours",
                "rounds": plan.rounds,
                "steps_a_round": {
                    "peers": plan.peer_steps,
                    "ours": plan.program_steps,
                    "ours_left_out_first": plan.warm_up_steps,
                },
                "dropout": "0.1, in ours_no_dropout 0",
            },
            "targets": targets.evaluate(
                groups, machine, scale=arguments.scale, quick=arguments.quick
            ),
            "peer_checks": peer_checks.check(groups, machine),
            "groups": groups,
        },
        arguments.out,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
