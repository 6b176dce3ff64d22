"""How fast this machine multiplies matrices of a step's shapes, in the minute of the step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from common.memcpy import copy_of
from common.timing import Call, Clock, repeats_for
from step.flops import Product

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
ROW_TILES = (64, 128, 256, 512)
COLUMN_TILES = (384, 1024, 4096)
MEMCPY_BYTES = 1 << 28
SHORT_MS = 50.0  # a call that short is tried more often before a tiling is chosen


@dataclass(frozen=True)
class Tiling:
    """How a product [rows, columns] is cut: into stripes of `width` along one axis, or not."""

    axis: str  # whole, rows or columns
    width: int


class Operands:
    """x [rows, inner] and W [columns, inner] of y = x W^T, their gradients, and y as far as a tile
    needs it: like a loss in chunks it lives in one buffer that is used again and again."""

    def __init__(self, product: Product, tiling: Tiling, dtype: torch.dtype, device: torch.device):
        options = {"dtype": dtype, "device": device}
        rows, inner, columns = product.rows, product.inner, product.columns
        self.x = torch.randn(rows, inner, **options)
        self.weight = torch.randn(columns, inner, **options)
        self.d_x, self.d_weight = torch.zeros_like(self.x), torch.zeros_like(self.weight)
        self.extent = {"rows": rows, "columns": columns, "whole": rows}[tiling.axis]
        self.width = min(tiling.width, self.extent)
        self.axis = tiling.axis
        entries = self.width * (columns if tiling.axis != "columns" else rows)
        self._buffer = torch.randn(entries, **options)

    def tiles(self) -> Iterator[tuple[Tensor, slice]]:
        """y's tile, contiguous, and where it lies along the axis."""
        across = self._buffer.numel() // self.width
        for start in range(0, self.extent, self.width):
            part = slice(start, min(start + self.width, self.extent))
            width = part.stop - start
            shape = (across, width) if self.axis == "columns" else (width, across)
            yield self._buffer[: width * across].view(shape), part

    def forward(self) -> None:
        for y, part in self.tiles():
            if self.axis == "columns":
                torch.mm(self.x, self.weight[part].t(), out=y)
            else:
                torch.mm(self.x[part], self.weight.t(), out=y)

    def input_gradient(self) -> None:
        for y, part in self.tiles():
            if self.axis == "columns":
                beta = 0 if part.start == 0 else 1
                torch.addmm(self.d_x, y, self.weight[part], beta=beta, out=self.d_x)
            else:
                torch.mm(y, self.weight, out=self.d_x[part])

    def weight_gradient(self) -> None:
        for y, part in self.tiles():
            if self.axis == "columns":
                torch.mm(y.t(), self.x, out=self.d_weight[part])
            else:
                beta = 0 if part.start == 0 else 1
                torch.addmm(self.d_weight, y.t(), self.x[part], beta=beta, out=self.d_weight)

    def calls(self) -> dict[str, Call]:
        return {
            "forward": self.forward,
            "input gradient": self.input_gradient,
            "weight gradient": self.weight_gradient,
        }


class GemmRate:
    """All products of a step, forward and backward, each at its best tiling."""

    def __init__(
        self, products: Sequence[Product], precision: str, clock: Clock, device: torch.device
    ) -> None:
        self._clock = clock
        self.flops = 3 * sum(product.flops for product in products)
        self.tilings: dict[str, str] = {}  # what was best, for the results
        self._best: list[tuple[int, Call, int]] = []  # count, call, repeats
        for product in products:
            self._choose(product, TYPES[precision], device)

    def _choose(self, product: Product, dtype: torch.dtype, device: torch.device) -> None:
        fastest: dict[str, tuple[float, Tiling, Call]] = {}
        for tiling in tilings_of(product):
            operands = Operands(product, tiling, dtype, device)
            for direction, call in operands.calls().items():
                samples = [self._clock.measure(call, 1)]
                while len(samples) < (4 if samples[0] < SHORT_MS else 2):
                    samples.append(self._clock.measure(call, 1))
                milliseconds = min(samples)
                if direction not in fastest or milliseconds < fastest[direction][0]:
                    fastest[direction] = (milliseconds, tiling, call)
        for direction, (milliseconds, tiling, call) in fastest.items():
            name = f"{product.name}, {direction}"
            self.tilings[name] = (
                tiling.axis if tiling.axis == "whole" else f"{tiling.width} {tiling.axis}"
            )
            self._best.append((product.count, call, repeats_for(milliseconds)))

    def milliseconds(self) -> float:
        """Of all products of a step; each is timed once and counts as often as the step has it."""
        return sum(
            count * self._clock.measure(call, repeats) for count, call, repeats in self._best
        )


def tilings_of(product: Product) -> list[Tiling]:
    """Those that cut at all."""
    rows = [Tiling("rows", width) for width in ROW_TILES if width < product.rows]
    columns = [Tiling("columns", width) for width in COLUMN_TILES if width < product.columns]
    return [Tiling("whole", product.rows), *rows, *columns]


class Memcpy:
    """One read and one write of 256 MiB, into memory that exists."""

    bytes = 2 * MEMCPY_BYTES

    def __init__(self, clock: Clock, device: torch.device) -> None:
        self._clock = clock
        self._call = copy_of(torch.zeros(MEMCPY_BYTES, dtype=torch.uint8, device=device))

    def milliseconds(self) -> float:
        return self._clock.measure(self._call, 1)
