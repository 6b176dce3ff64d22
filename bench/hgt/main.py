"""Times a layer of a heterogeneous graph transformer, forward and backward, against its peers.

Called by scripts/bench.sh hgt, which renders the tables. Writes one JSON file and prints what it
holds of each graph.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
import sys
from typing import Any

import torch

from common import results
from common.progress import progress
from common.ratios import ratio_of
from common.timing import WallClock, interleave, summary
from common.tools import run_script
from hgt import layers, memory, targets
from hgt.layers import Features
from hgt.problem import FEATURES, FOUR_METAEDGES, Problem, generated, hetionet

# Of the gradients' and the output's largest element: float32 sums in other orders.
LARGEST_DIFFERENCE = 1e-3
SLOW_MS, ROUNDS_OF_SLOW = 2000.0, 3

FORMS = {
    "torch_geometric": layers.torch_geometric_layer,
    "plain": layers.plain_layer,
    "ours": layers.our_layer,
}


def parse_arguments() -> argparse.Namespace:
    parser = results.argument_parser(__doc__.splitlines()[0])
    parser.add_argument("--library", type=Path, metavar="FILE", help="libhgnn_moe_ops.so")
    parser.add_argument(
        "--hetionet",
        type=Path,
        metavar="FOLDER",
        default=results.REPOSITORY / "../shared/data/kg/hetionet-5k",
        help="with a .sif.gz; left out where there is none",
    )
    return results.parse(parser)


def problems(arguments: argparse.Namespace) -> list[tuple[Problem, list[str]]]:
    """Graphs with the peers that are timed on each."""
    if arguments.quick:
        return [(generated(200, 2000, 6, "quick"), list(FORMS))]
    chosen = []
    if arguments.hetionet.is_dir():
        chosen.append((hetionet(arguments.hetionet, FOUR_METAEDGES), list(FORMS)))
        chosen.append((hetionet(arguments.hetionet, None), ["plain", "ours"]))
    else:
        progress(f"SKIPPED: Hetionet, because there is no folder {arguments.hetionet}")
    return [*chosen, (generated(16384, 1_000_000, 20), ["plain", "ours"])]


def make_call(
    form: str, conv: torch.nn.Module, problem: Problem, x: Features
) -> Callable[[], list[torch.Tensor]]:
    """Forward and backward; gives outputs and all gradients."""
    layer = FORMS[form](conv, problem)
    inputs = [*x.values(), *conv.parameters()]

    def call() -> list[torch.Tensor]:
        out = layer(x)
        # Not the sum: that of a softmax's gradients would be zero.
        objective = sum((value * value).sum() for value in out.values())
        gradients = torch.autograd.grad(objective, inputs)
        return [*(value.detach() for value in out.values()), *gradients]

    return call


def check_agreement(calls: dict[str, Callable[[], list[torch.Tensor]]]) -> dict[str, float]:
    """The largest difference of each call's results from the first's, relative to their size."""
    names = iter(calls)
    expected = calls[next(names)]()
    differences = {}
    for name in names:
        worst = 0.0
        for actual, wanted in zip(calls[name](), expected, strict=True):
            size = wanted.abs().max().item()
            worst = max(worst, (actual - wanted).abs().max().item() / max(size, 1e-6))
        if not worst <= LARGEST_DIFFERENCE:
            raise RuntimeError(f"{name} differs from the first peer by {worst:.2g}")
        differences[name] = float(f"{worst:.2g}")
    return differences


def measure(problem: Problem, forms: list[str], rounds: int) -> dict[str, Any]:
    progress(f"{problem.name}: {problem.num_edges} edges, checking that all peers agree")
    conv = layers.make_conv(problem)
    generator = torch.Generator().manual_seed(2)
    x = {
        node_type: torch.randn(count, FEATURES, generator=generator).requires_grad_()
        for node_type, count in problem.node_types.items()
    }
    calls = {form: make_call(form, conv, problem, x) for form in forms}
    differences = check_agreement(calls)
    peaks = {name: memory.peak_bytes(call) for name, call in calls.items()}
    clock = WallClock()
    slow = {name: ROUNDS_OF_SLOW for name, call in calls.items()
            if clock.measure(call, 1) > SLOW_MS}
    progress(f"{problem.name}: timing")
    samples = interleave(calls, rounds, clock, slow)
    return {
        **problem.describe(),
        "largest_relative_differences": differences,
        "calls": {
            name: summary(taken, peak_bytes=peaks[name]) for name, taken in samples.items()
        },
    }


def show(group: dict[str, Any]) -> None:
    print(f"{group['name']}: {group['nodes']} nodes, {group['edges']} edges, "
          f"{group['relations']} relations")
    for name, entry in group["calls"].items():
        ratio = ratio_of(group, name, "ours")
        print(f"  {name:16}{entry['median_ms']:>10.1f} ms {entry['peak_bytes'] / 2**20:>9.0f} MiB"
              f"   {ratio:.2f} of ours")


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    library = arguments.library or results.REPOSITORY / "build/release/lib/libhgnn_moe_ops.so"
    torch.ops.load_library(library)
    header = results.header("hgt", arguments, torch.device("cpu"))
    rounds = 2 if arguments.quick else arguments.rounds
    groups = [measure(problem, forms, rounds) for problem, forms in problems(arguments)]
    for group in groups:
        show(group)
    header["method"] = {"rounds": rounds, "rounds_of_slow": ROUNDS_OF_SLOW}
    results.write(
        {**header, "ours": "measured", **targets.verdicts(header, groups), "groups": groups},
        arguments.out,
    )


if __name__ == "__main__":
    sys.exit(run_script(main))
