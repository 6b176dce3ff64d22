"""Times whole couplers and bare operations against their peers and writes one JSON file.

Called by scripts/bench.sh coupler, which finds the environment and renders the tables.
"""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
import json
import os
from pathlib import Path
import re
import sys
from typing import Any

import torch

import coupler_groups
import kernel_groups
import machine
import memory
import ours
import peer_checks
import plan as plans
from problem import Case
import targets

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes: does all of it run")
    parser.add_argument("--gpu", action="store_true", help="on the GPU instead of the CPU")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of the CPU (2)")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="samples a call (7)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the results")
    parser.add_argument("--library", type=Path, metavar="FILE", help="libhgnn_moe_ops.so")
    parser.add_argument("--command", default="", help="what stands in the results")
    arguments = parser.parse_args()
    if arguments.threads < 1:
        parser.error(f"--threads is {arguments.threads}: give at least 1")
    if arguments.rounds < 5:
        parser.error(f"--rounds is {arguments.rounds}: give at least 5, a median of fewer is noise")
    if arguments.gpu and not torch.cuda.is_available():
        parser.error("--gpu: torch finds no GPU here")
    return arguments


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


def default_out(arguments: argparse.Namespace, description: dict[str, Any]) -> Path:
    """Results of --quick mean nothing and stay out of the repository."""
    kind = "" if arguments.gpu else "cpu-"
    name = f"coupler-{kind}{machine.slug(description['device'])}.json"
    folder = REPOSITORY / ("build/bench" if arguments.quick else "bench/results")
    return folder / name


def compact_json(results: dict[str, Any]) -> str:
    """Indented, but a list of numbers, such as all samples of a call, on one line."""
    text = json.dumps(results, indent=1)
    numbers = re.compile(r"\[[\s\d.,eE+-]+\]")
    return numbers.sub(lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"


def print_verdicts(results: dict[str, Any]) -> None:
    for target in results["targets"]:
        verdict = {True: "reached", False: "NOT reached", None: "open"}[target["reached"]]
        sign = {"at_least": ">=", "at_most": "<="}[target["kind"]]
        measured = "-" if target["measured"] is None else f"{target['measured']:.2f}"
        print(f"{verdict:12}{measured:>9} {sign} {target['needed']:<5} {target['what']}"
              f" ({target['group']})")
    for check in results["peer_checks"]:
        if check["slow"]:
            print(f"DEFECT: {check['peer']} of {check['group']} takes {check['measured_ms']} ms,"
                  f" it may take {check['limit_ms']}")


def main() -> int:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if arguments.gpu else "cpu")
    preset = "cuda" if arguments.gpu else "release"
    library = arguments.library or REPOSITORY / f"build/{preset}/lib/libhgnn_moe_ops.so"
    missing = ours.load_library(library)
    if missing:
        coupler_groups.progress(f"WARNING: our side is left out: {missing}")
    if arguments.quick:
        plan = plans.quick(device, ours=not missing)
    else:
        plan = plans.full(device, arguments.rounds, ours=not missing)
    description = machine.describe(device)
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    groups = measure(plan)
    results = {
        "benchmark": "coupler",
        "schema": SCHEMA,
        "quick": arguments.quick,
        "command": arguments.command or " ".join(["bench/coupler/main.py", *sys.argv[1:]]),
        "started": started,
        "commit": machine.commit(REPOSITORY),
        "machine": description,
        "versions": machine.versions(),
        "environment": {
            name: os.environ[name]
            for name in ("GOMP_SPINCOUNT", "OMP_NUM_THREADS", "HGNN_MOE_CPU")
            if name in os.environ
        },
        "ours": missing or "measured",
        "method": {
            "order": "round robin: each round runs every call of a group once",
            "rounds": plan.rounds,
            "rounds_of_slow_calls": "samples_ms holds them all; a loop over tokens runs as often as"
            " fits into 20 s, at least once, other calls of more than 2 s five times",
            "memory": {
                "system": "malloc, as in any Python process",
                "kept": "blocks that tensors free are kept for later ones, of all peers",
                "device": "PyTorch's on the GPU, which keeps blocks too",
            },
        },
        "targets": targets.evaluate(groups, description),
        "peer_checks": peer_checks.check(groups, description),
        "groups": groups,
    }
    out = arguments.out or default_out(arguments, description)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(compact_json(results), encoding="utf-8")
    print_verdicts(results)
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
