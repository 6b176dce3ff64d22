"""Whole couplers, forward and forward+backward: all peers of one case in one interleaved group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
import sys
from typing import Any

import torch

import agreement
import limits
import ours
from plan import Plan
from problem import Case, Forward, Problem
import pyg_peers
from timing import Call, interleave, summary
import torch_peers

DIRECTIONS = ("forward", "forward_backward")
# all_pairs from this many experts on has M > E, where the original's batching mixes tokens.
FIRST_WRONG_EXPERTS = 4
TOO_SLOW_TO_REPEAT = ("sequential", "pyg_original", "pair_loop")


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def hgnn_forwards(p: Problem, with_ours: bool) -> dict[str, Forward]:
    """Peers of the HGNN coupler by name; PyTorch Geometric in fp32 alone."""
    dense, readout = torch_peers.dense_hgnn(p), torch_peers.dense_hgnn(p, readout=True)
    forwards: dict[str, Forward] = {}
    if p.case.precision == "fp32":
        forwards = {
            "sequential": pyg_peers.sequential(p),
            "pyg_original": pyg_peers.original(p),
            "pyg_correct": pyg_peers.correct(p),
        }
    forwards |= {
        "dense": dense,
        "dense_matmul": torch_peers.dense_hgnn(p, mix=torch.matmul),
        "compiled": torch_peers.compiled(dense),
        "dense_readout": readout,
        "compiled_readout": torch_peers.compiled(readout),
        "dense_collapsed": torch_peers.collapsed_hgnn(p),
    }
    if with_ours:
        if ours.collapses(p.dtype, p.device):
            forwards["ours_default"] = ours.default_hgnn(p)
        forwards |= {
            "ours_batched": ours.batched_hgnn(p, readout=False),
            "ours_readout": ours.batched_hgnn(p, readout=True),
        }
    return forwards


def gnn_forwards(p: Problem, with_ours: bool) -> dict[str, Forward]:
    """Peers of the GNN coupler by name."""
    dense = torch_peers.gnn_with(p, torch_peers.dense_message)
    forwards: dict[str, Forward] = {}
    if p.case.precision != "bf16":  # the reference module computes in float32
        forwards["pair_loop"] = torch_peers.loop_gnn(p)
    forwards |= {"dense": dense, "compiled": torch_peers.compiled(dense)}
    if with_ours:
        forwards["ours"] = ours.gnn(p)
    return forwards


def reference_results(p: Problem) -> dict[str, torch.Tensor]:
    """Output and gradients of the dense form in float64."""
    twin = p.in_float64()
    if p.case.coupler == "HGNN":
        forward = torch_peers.dense_hgnn(twin)
    else:
        forward = torch_peers.gnn_with(twin, torch_peers.dense_message)
    return agreement.output_and_gradients(forward, twin.inputs, twin.cotangent_ND)


def timed(p: Problem, forward: Forward, direction: str) -> Call:
    """`forward` computes no gradients, as an evaluation; `forward_backward` those of X, of the
    hyperedge weights and of all parameters."""
    if direction == "forward":

        def evaluate() -> None:
            with torch.no_grad():
                forward()

        return evaluate
    inputs = list(p.inputs.values())

    def train() -> None:
        torch.autograd.grad(forward(), inputs, p.cotangent_ND)

    return train


def limit_calls(p: Problem, direction: str) -> dict[str, Call]:
    """Bare products of each form, and memcpy of X."""
    backward = direction == "forward_backward"
    forms = ("default", "batched", "readout") if p.case.coupler == "HGNN" else ("gnn",)
    calls = {f"gemm_{form}": limits.bare_products(p, form, backward) for form in forms}
    return calls | {"memcpy_x": limits.copy_of(p.x_NED)}


def record(
    kind: str, case: Case, direction: str, calls: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """A group as it stands in the results; `more` holds `memory` at least."""
    name = f"{case.coupler}/{case.precision}/E{case.experts}/N{case.tokens}/{direction}"
    return {
        "id": f"{name}/{more['memory']}".lower(),
        "kind": kind,
        **vars(case),
        "direction": direction,
        **more,
        "calls": calls,
    }


def set_tf32(precision: str) -> None:
    """Matters on a GPU alone, and to all peers alike."""
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"


def measure_case(case: Case, plan: Plan, memory_setting: str) -> list[dict[str, Any]]:
    """Checks that all peers of a case agree, then times them; a group a direction. With `kept`
    memory without those that take longest."""
    progress(f"{case}, {memory_setting} memory: checking that all peers agree")
    torch._dynamo.reset()
    set_tf32(case.precision)
    p = Problem(case, plan.device)
    forwards = (hgnn_forwards if case.coupler == "HGNN" else gnn_forwards)(p, plan.ours)
    if memory_setting == "kept":
        forwards = {k: f for k, f in forwards.items() if k not in TOO_SLOW_TO_REPEAT}
    wrong = {"pyg_original"} if case.experts >= FIRST_WRONG_EXPERTS else set()
    errors, milliseconds = agreement.check_all(
        forwards,
        p.inputs,
        p.cotangent_ND,
        reference_results(p),
        case.precision,
        frozenset(wrong),
    )
    rounds_of_slow = plan.rounds_of_slow(
        {name: ms for name, ms in milliseconds.items() if "compiled" not in name}
    )
    groups = []
    for direction in DIRECTIONS:
        progress(f"{case}, {memory_setting} memory: timing {direction}")
        calls = {name: timed(p, forward, direction) for name, forward in forwards.items()}
        calls |= limit_calls(p, direction)
        samples = interleave(calls, plan.rounds, plan.clock, rounds_of_slow)
        entries = {name: summary(taken) for name, taken in samples.items()}
        for name in calls:
            if name.startswith("gemm_"):
                backward = direction == "forward_backward"
                entries[name]["flops"] = limits.product_flops(p, name[len("gemm_") :], backward)
        entries["memcpy_x"]["bytes"] = 2 * p.x_NED.nbytes
        largest_errors = {name: float(f"{error:.2g}") for name, error in errors.items()}
        groups.append(
            record(
                "coupler",
                case,
                direction,
                entries,
                memory=memory_setting,
                largest_relative_errors=largest_errors,
            )
        )
    return groups


def measure_precisions(case: Case, plan: Plan, memory_setting: str) -> list[dict[str, Any]]:
    """Our own paths in bf16 beside fp32, interleaved, with the bare products of both. bf16: X and
    what multiplies it are bfloat16, parameters and hyperedge weights float32."""
    progress(f"{case}: timing bf16 against fp32")
    set_tf32("fp32")
    problems = {
        name: Problem(replace(case, precision=name), plan.device) for name in ("fp32", "bf16")
    }
    forwards = {}
    for precision, p in problems.items():
        own = hgnn_forwards if case.coupler == "HGNN" else gnn_forwards
        some = {k: f for k, f in own(p, plan.ours).items() if k == "dense" or k.startswith("ours")}
        agreement.check_all(some, p.inputs, p.cotangent_ND, reference_results(p), precision)
        forwards[precision] = some
    groups = []
    for direction in DIRECTIONS:
        calls: dict[str, Call] = {}
        for precision, p in problems.items():
            own_calls = {k: timed(p, f, direction) for k, f in forwards[precision].items()}
            own_calls |= limit_calls(p, direction)
            calls |= {f"{name}@{precision}": call for name, call in own_calls.items()}
        samples = interleave(calls, plan.rounds, plan.clock)
        entries = {name: summary(taken) for name, taken in samples.items()}
        mixed = replace(case, precision="bf16_against_fp32")
        groups.append(record("precision", mixed, direction, entries, memory=memory_setting))
    return groups
