"""Whole couplers, forward and forward+backward: all peers of one case in one interleaved group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from common import pyg_forms, torch_forms
from common.coupler_parts import CouplerForm
from common.memcpy import copy_of
from common.progress import progress
from common.timing import Call, interleave, summary
from coupler import agreement, limits, ours
from coupler.plan import Plan
from coupler.problem import Case, Forward, Problem

DIRECTIONS = ("forward", "forward_backward")
TOO_SLOW_TO_REPEAT = ("sequential", "pyg_original", "pair_loop")


def hgnn_forms(p: Problem, with_ours: bool) -> dict[str, CouplerForm]:
    """Peers of the HGNN coupler by name; PyTorch Geometric in fp32 alone."""
    dense, readout = torch_forms.dense_hgnn(p), torch_forms.dense_hgnn(p, readout=True)
    forms: dict[str, CouplerForm] = {}
    if p.case.precision == "fp32":
        forms = {
            "sequential": pyg_forms.sequential(p),
            "pyg_original": pyg_forms.original(p),
            "pyg_correct": pyg_forms.correct(p, p.case.tokens),
        }
    forms |= {
        "dense": dense,
        "dense_matmul": torch_forms.dense_hgnn(p, mix=torch.matmul),
        "compiled": torch_forms.compiled(dense),
        "dense_readout": readout,
        "compiled_readout": torch_forms.compiled(readout),
        "dense_collapsed": torch_forms.collapsed_hgnn(p),
    }
    if with_ours:
        if ours.collapses(p.dtype, p.device):
            forms["ours_default"] = ours.default_hgnn(p)
        forms |= {
            "ours_batched": ours.batched_hgnn(p, readout=False),
            "ours_readout": ours.batched_hgnn(p, readout=True),
        }
    return forms


def gnn_forms(p: Problem, with_ours: bool) -> dict[str, CouplerForm]:
    """Peers of the GNN coupler by name."""
    dense = torch_forms.gnn_with(p, torch_forms.dense_message)
    forms: dict[str, CouplerForm] = {}
    if p.case.precision != "bf16":  # the reference module computes in float32
        forms["pair_loop"] = torch_forms.loop_gnn(p)
    forms |= {"dense": dense, "compiled": torch_forms.compiled(dense)}
    if with_ours:
        forms["ours"] = ours.gnn(p)
    return forms


def forwards_of(p: Problem, with_ours: bool) -> dict[str, Forward]:
    """All peers of the problem by name, each on its X."""
    forms = (hgnn_forms if p.case.coupler == "HGNN" else gnn_forms)(p, with_ours)
    return {name: p.forward_of(form) for name, form in forms.items()}


def reference_results(p: Problem) -> dict[str, torch.Tensor]:
    """Output and gradients of the dense form in float64."""
    twin = p.in_float64()
    if p.case.coupler == "HGNN":
        form = torch_forms.dense_hgnn(twin)
    else:
        form = torch_forms.gnn_with(twin, torch_forms.dense_message)
    forward = twin.forward_of(form)
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
    return calls | {"memcpy_x": copy_of(p.x_NED)}


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
    forwards = forwards_of(p, plan.ours)
    if memory_setting == "kept":
        forwards = {k: f for k, f in forwards.items() if k not in TOO_SLOW_TO_REPEAT}
    wrong = {"pyg_original"} if case.experts >= pyg_forms.FIRST_WRONG_EXPERTS else set()
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
        every = forwards_of(p, plan.ours)
        some = {k: f for k, f in every.items() if k == "dense" or k.startswith("ours")}
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
