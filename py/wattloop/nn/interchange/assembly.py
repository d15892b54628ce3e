"""The program of a quantised network as it grows out of an ONNX graph."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from wattloop.arith.quant import level_range
from wattloop.errors import ModelError
from wattloop.nn.codes import AllowedCodes
from wattloop.nn.fixed_table import FixedTable
from wattloop.nn.grid import Activation
from wattloop.nn.interchange.reading import OnnxNode
from wattloop.nn.interchange.values import Curve, Levels, Scales, Shape, Sum
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import INPUT, Node
from wattloop.nn.ops import QuantMul, Requantizing

_LARGEST_TENSOR = 1 << 28
_GREATEST_FACTOR = 1e20


class Assembly:
    """Steps in order, their modules with scales, the shapes of their values.

    Attributes:
        tables: what became of tables that are read once more, by the name of their value.
    """

    def __init__(self, image: Shape, told: dict[str, Any]) -> None:
        self.program: list[Node] = []
        self.modules: dict[str, nn.Module] = {}
        self.shapes: dict[str, Shape] = {}
        self._names = {INPUT}
        self.tables: dict[str, Levels] = {}
        # Damaged notes are none.
        factors, tables = (told.get(key) for key in ("factors", "tables"))
        self._factors: dict[str, Any] = factors if isinstance(factors, dict) else {}
        self._tables: dict[str, Any] = tables if isinstance(tables, dict) else {}
        self.pixels = Levels(INPUT, INPUT, image, signed=False, raw=True)

    def named(self, node: OnnxNode, *, layer: bool) -> str:
        """A free name for what comes of a node: a layer's dotted path, or one without dots that says what it is."""
        path = node.name.removesuffix(f"/{node.operator}")
        for ours in ("/sum", "/product", "/real", "/limited"):
            path = path.removesuffix(ours)
        path = path.strip("/").replace("/", ".")
        parts = [re.sub(r"\W", "_", part) for part in path.split(".") if part]
        parts = [f"{part}_" if hasattr(nn.Module(), part) else part for part in parts]
        first = ".".join(parts) if layer else "_".join(parts)
        first = first or node.operator.lower()
        if not layer and not first.startswith("op_"):
            first = f"op_{first}"
        name, number = first, 1
        while self._hides(name):
            number += 1
            name = f"{first}_{number}"
        self._names.add(name)
        return name

    def _hides(self, name: str) -> bool:
        """Whether a step of this name would hide another one, or lie inside it."""
        return any(
            name == other or name.startswith(f"{other}.") or other.startswith(f"{name}.") for other in self._names
        )

    def noted(self, name: str, factor: np.float32) -> np.float32:
        """A factor as our own export noted it, where scales give it but for a rounding error."""
        told = self._factors.get(name)
        close = isinstance(told, float) and abs(told - factor) <= 1e-6 * abs(factor)
        return np.float32(told) if close else factor

    def table_told(self, node: OnnxNode) -> tuple[str, float, int] | None:
        """Of a table that our own export noted as a function: what it is called, scale and zero of its grid."""
        told = self._tables.get(node.outputs[0])
        if not isinstance(told, dict):
            return None
        title, scale, zero = (told.get(key) for key in ("title", "scale", "zero"))
        if not isinstance(title, str) or not isinstance(scale, float) or not isinstance(zero, int):
            return None
        return (title, scale, zero) if 1 / _GREATEST_FACTOR < scale < _GREATEST_FACTOR else None

    def append(self, name: str, module: nn.Module, inputs: tuple[Levels, ...], shape: Shape) -> None:
        """Add a step.

        Raises:
            ModelError: it is there already.
        """
        if name in self.modules:
            raise ModelError(f"{name}: its sums are quantised twice; each needs an operation of its own")
        self.program.append(Node(name, tuple(i.node for i in inputs), tuple(i.grid for i in inputs)))
        self.modules[name], self.shapes[name] = module, shape

    def moved(self, name: str, module: nn.Module, given: Levels, shape: Shape) -> Levels:
        """Add a step that keeps its levels."""
        self.append(name, module, (given,), shape)
        return replace(given, node=name, shape=shape)

    def rounded(self, total: Sum, scale: float, zero: int, dtype: np.dtype[np.generic], node: OnnxNode) -> Levels:
        """Add the step that a sum is, rounded to levels of a grid, with what follows it.

        Raises:
            ModelError: the grid's zero is none that levels have here.
        """
        low, high, offset = _grid(zero, dtype, node)
        if total.relu:
            low = max(low, 0)
        top = None if total.limit is None else round(float(np.float32(total.limit) / np.float32(scale)))
        high = high if top is None else max(1, min(high, top))
        signed = low < 0
        full = high == level_range(signed)[1]
        activation = Activation(relu=not signed, limit=None if full else high * scale)
        factors = self._finite(total.units / np.float32(scale), node)
        self.append(total.name, total.make(total, factors, scale, activation), total.inputs, total.shape)
        levels = Levels(total.name, total.name, total.shape, signed, offset, scale)
        for name, module, shape in total.moved:
            levels = self.moved(name, module, levels, shape)
        return levels

    def quantised(self, curve: Curve, grid: tuple[float, int, np.dtype[Any]], node: OnnxNode) -> Levels:
        """Add the table that a function is, rounded to levels of a grid as a runtime does it in float32.

        Raises:
            ModelError: the function has no value somewhere; the grid's zero is none that levels have here.
        """
        low, high, _ = _grid(grid[1], grid[2], node)
        levels = np.rint(curve.values / np.float32(grid[0]))
        if np.isnan(levels).any() or curve.node is None:
            raise ModelError(f"{node.title}: the function before it ({curve.title}) is no number at some levels")
        entries = np.clip(levels, low, high).astype(np.int64)
        return self.tabled(self.named(curve.node, layer=False), curve, entries, grid)

    def tabled(
        self, name: str, curve: Curve, entries: npt.NDArray[np.int64], grid: tuple[float, int, np.dtype[Any]]
    ) -> Levels:
        """Add a table.

        Args:
            name: of the step.
            curve: the function: what it reads, what it is called.
            entries: level by level of the input, from the least on, shape (256,).
            grid: scale, zero point and type of what it gives.

        Raises:
            ModelError: the grid's zero is none that levels have here.
        """
        scale, zero, dtype = grid
        signed = _grid(zero, dtype, curve.node or OnnxNode("Gather", name, (), (), {}))[0] < 0
        module = FixedTable(curve.title, Activation(relu=not signed), curve.levels.signed)
        module.entries.copy_(torch.from_numpy(entries))
        module.in_scales.fill_(curve.scale)
        module.out_scale.fill_(scale)
        self.append(name, module, (curve.levels,), curve.levels.shape)
        return Levels(name, name, curve.levels.shape, signed, zero, scale)

    def wide(self, total: Sum, node: OnnxNode) -> Levels:
        """Add the step that a sum is, where it goes to the output as it is.

        Raises:
            ModelError: it is no layer, or its units differ by channel.
        """
        scale = float(total.units[0])
        module = total.make(total, self._finite(total.units / total.units[0], node), scale, None)
        if not isinstance(module, QuantLayer) or (total.units != total.units[0]).any() or scale <= 0:
            raise ModelError(
                f"{node.title} goes to the output without QuantizeLinear: only a convolution or linear layer with one "
                "scale for all weights can"
            )
        if total.relu or total.limit is not None:
            raise ModelError(f"{node.title}: an activation before the output needs QuantizeLinear behind it")
        self.append(total.name, module, total.inputs, total.shape)
        levels = Levels(total.name, total.name, total.shape, signed=True, scale=scale)
        for name, moved, shape in total.moved:
            levels = self.moved(name, moved, levels, shape)
        return levels

    def _finite(self, factors: Scales, node: OnnxNode) -> Scales:
        if not (np.abs(factors) <= _GREATEST_FACTOR).all() or (factors == 0).any():
            raise ModelError(f"{node.title}: scales whose ratio is 0 or beyond {_GREATEST_FACTOR:g}")
        return factors


def _grid(zero: int, dtype: np.dtype[np.generic], node: OnnxNode) -> tuple[int, int, int]:
    """Least and greatest level of a grid, and what a tensor holds for level 0."""
    grids = {("uint8", 0): (0, 255), ("int8", -128): (0, 255), ("int8", 0): (-128, 127), ("uint8", 128): (-128, 127)}
    found = grids.get((dtype.name, zero))
    if found is None:
        raise ModelError(
            f"{node.title}: zero point {zero} of {dtype}; activations have the zero points 0 or 128 (uint8), -128 or 0"
            " (int8) here: quantise symmetrically (onnxruntime: extra_options={'ActivationSymmetric': True})"
        )
    return (*found, zero)


def checked_shape(shape: Shape, node: OnnxNode) -> Shape:
    """`shape`, if a tensor of it can be dealt with.

    Raises:
        ModelError: it is empty or too large.
    """
    if not 0 < int(np.prod([float(n) for n in shape])) <= _LARGEST_TENSOR:
        raise ModelError(f"{node.title}: makes a tensor of shape {list(shape[1:])} for each image")
    return shape


def restate(module: nn.Module, scale: float) -> None:
    """Give a step's levels another real value; the levels stay."""
    assert isinstance(module, QuantLayer | Requantizing)
    ratio = scale / float(module.out_scale)
    with torch.no_grad():
        if not isinstance(module, QuantLayer):
            factors = module.in_scales[:1] if isinstance(module, QuantMul) else module.in_scales
            factors.mul_(ratio)
        elif module.norm is not None:
            module.norm.weight.mul_(ratio)
            module.norm.bias.mul_(ratio)
        module.out_scale.fill_(scale)
    limit = module.activation.limit
    module.activation = replace(module.activation, limit=None if limit is None else limit * ratio)


def set_codes(module: QuantLayer, levels: Levels, node: OnnxNode) -> None:
    """Hold the inputs of a layer to the codes of a table.

    Raises:
        ModelError: the table does not take codes to the nearest one allowed.
    """
    if levels.codes is None:
        return
    allowed = AllowedCodes([int(code) for code in np.unique(levels.codes)], signed=levels.signed)
    if not np.array_equal(allowed.integers(), levels.codes):
        raise ModelError(f"{node.title}: the table before it does not map each code to the nearest allowed one")
    module.input_codes = allowed
