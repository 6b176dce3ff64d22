"""What bounds a coupler: its bare matrix products."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor

import torch

from common.timing import Call
from coupler.problem import Problem

SMALLEST_SHARED = 1 << 20  # bytes; handing a share of fewer to a thread costs more than it saves


def linear_rows(problem: Problem, form: str) -> list[int]:
    """Rows of each product with a [D, D] matrix in one forward pass, combiner included.

    Forms: `batched` and `readout` HGNN, `default` (all matrices folded into one), and `gnn`.
    """
    case = problem.case
    all_experts = case.tokens * case.experts
    if form == "batched":
        return [all_experts] * case.layers + [case.tokens]
    if form == "readout":
        return [all_experts] * (case.layers - 1) + [case.tokens] * 2
    if form == "gnn":
        return [all_experts] * (2 * case.layers) + [case.tokens]
    return [case.tokens]


def bare_products(problem: Problem, form: str, backward: bool) -> Call:
    """The products alone, into tensors that exist, with the layouts of a Linear layer: x W^T, and
    backward also dY W and dY^T x."""
    dim, options = problem.case.dim, {"device": problem.device, "dtype": problem.dtype}
    rows_of_products = linear_rows(problem, form)
    weight_DD, d_weight_DD = (torch.randn(dim, dim, **options) for _ in range(2))
    # Different layers have different tensors; two sets (x, y, dx) in turn keep caches as cold.
    sets = {
        rows: [[torch.randn(rows, dim, **options) for _ in range(3)] for _ in range(2)]
        for rows in set(rows_of_products)
    }

    def run() -> None:
        with torch.no_grad():
            for index, rows in enumerate(rows_of_products):
                x, y, _ = sets[rows][index % 2]
                torch.mm(x, weight_DD.t(), out=y)
            if backward:
                for index, rows in enumerate(rows_of_products):
                    x, y, d_x = sets[rows][index % 2]
                    torch.mm(y.t(), x, out=d_weight_DD)
                    torch.mm(y, weight_DD, out=d_x)

    return run


def product_flops(problem: Problem, form: str, backward: bool) -> int:
    rows = sum(linear_rows(problem, form))
    return (3 if backward else 1) * 2 * rows * problem.case.dim**2
