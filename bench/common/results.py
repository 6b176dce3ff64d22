"""What the result files of both benchmarks share: arguments, header, format and verdicts."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime, timezone
import os
from pathlib import Path
import re
from typing import Any

import torch

from common import machine
from common.result_files import SCHEMA, save

REPOSITORY = Path(__file__).resolve().parents[2]
# What changes the speed of a process without standing in its command.
SPEED_VARIABLES = re.compile(r"(GOMP|OMP|KMP|MKL|MALLOC|GLIBC)_\w+|HGNN_MOE_CPU|LD_PRELOAD")


def argument_parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="small sizes: does all of it run")
    parser.add_argument("--gpu", action="store_true", help="on the GPU instead of the CPU")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of the CPU (2)")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="samples a call (7)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the results")
    parser.add_argument("--command", default="", help="what stands in the results")
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    arguments = parser.parse_args()
    if arguments.threads < 1:
        parser.error(f"--threads is {arguments.threads}: give at least 1")
    if arguments.rounds < 5:
        parser.error(f"--rounds is {arguments.rounds}: give at least 5, a median of fewer is noise")
    if arguments.gpu and not torch.cuda.is_available():
        parser.error("--gpu: torch finds no GPU here")
    return arguments


def header(benchmark: str, arguments: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Made before anything is timed, for its time and load average."""
    return {
        "benchmark": benchmark,
        "schema": SCHEMA,
        "quick": arguments.quick,
        "command": arguments.command,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": machine.commit(REPOSITORY),
        "machine": machine.describe(device),
        "versions": machine.versions(),
        "environment": {
            name: value
            for name, value in sorted(os.environ.items())
            if SPEED_VARIABLES.fullmatch(name)
        },
    }


def default_out(results: Mapping[str, Any]) -> Path:
    """Results of --quick mean nothing and stay out of the repository."""
    kind = "" if results["machine"]["kind"] == "gpu" else "cpu-"
    name = f"{results['benchmark']}-{kind}{machine.slug(results['machine']['device'])}.json"
    return REPOSITORY / ("build/bench" if results["quick"] else "bench/results") / name


def write(results: Mapping[str, Any], out: Path | None) -> None:
    """Writes the file, and prints where it is below every verdict."""
    path = out or default_out(results)
    save(results, path)
    print_verdicts(results)
    print(path)


def print_verdicts(results: Mapping[str, Any]) -> None:
    for target in results["targets"]:
        verdict = {True: "reached", False: "NOT reached", None: "open"}[target["reached"]]
        sign = {"at_least": ">=", "at_most": "<="}[target["kind"]]
        measured = "-" if target["measured"] is None else f"{target['measured']:.2f}"
        print(f"{verdict:12}{measured:>9} {sign} {target['needed']:<5} {target['what']}"
              f" ({target['group']})")
    for check in results["peer_checks"]:
        if check["slow"]:
            print(f"DEFECT: {check['peer']} of {check['group']} takes {check['measured_ms']} ms,"
                  f" {check['of_limit']:.2f} times what it may take")
