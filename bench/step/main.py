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
from common.ratios import Group
from common.result_files import save
from common.tools import EXIT_USAGE, UserError, run_script
from step import collection, step_groups
from step import plan as plans
from step.program import Program
from step.verdicts import verdicts

OURS_MISSING = "hgnn_moe_train is missing: build the preset"


def parse_arguments() -> argparse.Namespace:
    parser = results.argument_parser(__doc__.splitlines()[0])
    parser.add_argument("--scale", action="store_true", help="sizes of E, D and T instead of peers")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="with --scale: torch.compile beside eager PyTorch where E is 2, 8 or 16; compiling"
        " takes minutes for each",
    )
    parser.add_argument(
        "--only", metavar="CASE", help="cases whose names begin so; the file keeps its others"
    )
    parser.add_argument("--program", type=Path, metavar="FILE", help="hgnn_moe_train")
    arguments = results.parse(parser)
    if arguments.compile and not arguments.scale:
        parser.error("--compile is about --scale: give both, the other cases have torch.compile")
    return arguments


def make_plan(arguments: argparse.Namespace, device: torch.device) -> plans.Plan:
    threads, rounds = arguments.threads, arguments.rounds
    if arguments.scale:
        if arguments.quick:
            return plans.quick_scale(device, threads, arguments.compile)
        return plans.scale(device, threads, rounds, arguments.compile)
    return plans.quick(device, threads) if arguments.quick else plans.full(device, threads, rounds)


def find_program(arguments: argparse.Namespace) -> Program | None:
    preset, device = ("cuda", "cuda") if arguments.gpu else ("release", "cpu")
    path = arguments.program or results.REPOSITORY / f"build/{preset}/bin/hgnn_moe_train"
    if os.access(path, os.X_OK):
        return Program(path, device, arguments.threads)
    progress(f"WARNING: our side is left out: {path.name} is missing")
    return None


def method(plan: plans.Plan) -> dict[str, Any]:
    """How a plan is carried out, for the results."""
    return {
        "order": "round robin: each round runs every peer and one process of ours",
        "rounds": plan.rounds,
        "steps_a_round": {
            "peers": plan.peer_steps,
            "ours": plan.program_steps,
            "ours_left_out_first": plan.warm_up_steps,
        },
        "dropout": "0.1, in ours_no_dropout 0",
    }


def results_of(header: dict[str, Any], groups: list[Group]) -> dict[str, Any]:
    return {**collection.shared(header), **verdicts(header, groups), "groups": groups}


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if arguments.gpu else "cpu")
    if arguments.gpu:
        torch.set_default_device(device)
    everything, program = make_plan(arguments, device), find_program(arguments)
    plan = everything.only(arguments.only or "")
    if not plan.entries:
        names = ", ".join(entry.case.name for entry in everything.entries)
        raise UserError(
            f"--only is '{arguments.only}' and no case begins so: there are {names}", EXIT_USAGE
        )
    header = results.header("step_scale" if arguments.scale else "step", arguments, device)
    header |= {
        "ours": "measured" if program else OURS_MISSING,
        "method": method(plan),
    }
    out = arguments.out or results.default_out(header)
    groups = collection.groups_of_file(out, header) if arguments.only else []
    for entry in plan.entries:
        measured = collection.with_run(step_groups.measure_entry(entry, plan, program), header)
        groups = collection.merged(groups, measured, everything.group_ids())
        # After every case: who ends a run of an hour keeps what it has measured.
        save(results_of(header, groups), out)
    results.print_verdicts(results_of(header, groups))
    print(out)


if __name__ == "__main__":
    sys.exit(run_script(main))
