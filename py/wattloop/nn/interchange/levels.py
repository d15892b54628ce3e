"""Tensors of levels in an ONNX graph that is being written, and the scales they get there."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from wattloop.arith.quant import level_range
from wattloop.nn.interchange.writer import GraphWriter
from wattloop.nn.network import Node, QuantizedNetwork

Kernels = Literal["integer", "float"]
_MIDDLE = 128


@dataclass(frozen=True)
class Levels:
    """A tensor in the graph.

    Attributes:
        name: of the ONNX value.
        scale: real value of a level, a power of two.
        signed: levels reach from -128.
        zero: what the tensor holds for level 0: 128 where signed levels are kept as uint8, else 0.
        rank: number of axes.
        raw: pixels as they came, whose zero the layers know.
        wide: real values already (the logits), no levels.
    """

    name: str
    scale: float
    signed: bool
    zero: int
    rank: int
    raw: bool = False
    wide: bool = False

    @property
    def dtype(self) -> type[np.int8] | type[np.uint8]:
        """Of the tensor."""
        return np.int8 if self.signed and not self.zero else np.uint8


@dataclass
class Work:
    """The graph so far, and where each node's value is in it.

    Attributes:
        graph: what is written.
        network: what is exported.
        kernels: what the runtime computes between DequantizeLinear and QuantizeLinear with.
        values: of the nodes of the program that are written.
        factors: of the nodes whose factor cannot be read off the scales to the bit.
        tables: of the nodes that are functions: what each is called, and the grid that its levels lie on.
        inexact: layers whose sums may leave the integers that float32 holds.
    """

    graph: GraphWriter
    network: QuantizedNetwork
    kernels: Kernels
    values: dict[str, Levels] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)
    tables: dict[str, dict[str, object]] = field(default_factory=dict)
    inexact: list[str] = field(default_factory=list)

    def given(self, node: Node) -> list[Levels]:
        """What a node reads."""
        return [self.values[name] for name in node.inputs]

    def real(self, levels: Levels, scale: float | None = None) -> str:
        """The real values of a tensor, in units of `scale` if that is given."""
        if levels.wide:
            return levels.name
        return self.graph.dequantize(levels.name, levels.scale if scale is None else scale, levels.zero, levels.dtype)

    def rounded(self, node: Node, real: str, bounds: tuple[int, int], scale: float, rank: int) -> Levels:
        """Levels of real values: limited where the type of the levels alone does not do it, rounded, clamped."""
        signed = bounds[0] < 0
        if bounds != level_range(signed):
            ends = zip(("least", "greatest"), bounds, strict=True)
            limits = [self.graph.constant(f"{node.name}/{end}", level * scale, np.float32) for end, level in ends]
            real = self.graph.node("Clip", [real, *limits], f"{node.name}/limited")
        return self.quantized(self.on_grid(node, bounds, scale, rank), real)

    def on_grid(self, node: Node, bounds: tuple[int, int], scale: float, rank: int) -> Levels:
        """Levels between bounds, as a node's tensor keeps them."""
        signed = bounds[0] < 0
        # Integer kernels want one type for what goes in and what comes out.
        return Levels(node.name, scale, signed, _MIDDLE if signed and self.kernels == "integer" else 0, rank)

    def looked_up(self, given: Levels, table: npt.NDArray[np.int16], like: Levels) -> Levels:
        """What a table holds for each level of `given`, from the least on, kept as `like` is and under its name."""
        stored = table + like.zero
        # Negative codes of int8 count from the end of a table.
        held = np.roll(stored, 128) if given.dtype is np.int8 else stored
        codes = self.graph.constant(f"{like.name}/table", held, like.dtype)
        index = self.graph.node("Cast", [given.name], f"{like.name}/index", to=self.graph.int32)
        return replace(like, name=self.graph.node("Gather", [codes, index], like.name))

    def quantized(self, like: Levels, real: str) -> Levels:
        """Levels of real values on the grid of `like`, under its name."""
        return replace(like, name=self.graph.quantize(real, like.scale, like.zero, like.dtype, like.name))


def power_of_two(scale: float) -> float:
    """The power of two nearest to a scale, by ratio.

    >>> power_of_two(0.3)
    0.25
    """
    return float(2.0 ** round(math.log2(scale)))
