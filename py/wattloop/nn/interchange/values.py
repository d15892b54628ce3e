"""What the tensors of an ONNX graph stand for while it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from wattloop.errors import ModelError
from wattloop.nn.interchange.reading import Array, OnnxNode

Shape = tuple[int, ...]
Scales = npt.NDArray[np.float32]
_LONGEST_TITLE = 80


@dataclass(frozen=True)
class Levels:
    """A tensor of integers: the levels of a step of the program.

    Attributes:
        node: the step.
        grid: the step on whose grid they lie.
        shape: for one image, (1, ...).
        signed: levels are -128..127, not 0..255.
        offset: what the tensor holds for level 0.
        scale: real value of a level, where the tensor was quantised; None for pixels that came as integers.
        zero: of pixels that were quantised: the level that stands for 0. None elsewhere.
        raw: pixels.
        codes: allowed code that each code becomes, index code - least code, where a table holds them to some.
    """

    node: str
    grid: str
    shape: Shape
    signed: bool
    offset: int = 0
    scale: float | None = None
    zero: int | None = None
    raw: bool = False
    codes: Array | None = None


@dataclass(frozen=True)
class Real:
    """Real values of levels.

    Attributes:
        levels: whose they are.
        scale: of a level.
        zero: of pixels: the level that stands for 0, by channel (or feature) or for all; None where it is 0.
    """

    levels: Levels
    scale: float
    zero: Array | None = None


@dataclass(frozen=True)
class Constant:
    """Real values of integers that the file holds: weights, a bias.

    Attributes:
        levels: int64.
        scales: float32, of all or along `axis`.
        axis: which.
    """

    levels: npt.NDArray[np.int64]
    scales: Scales
    axis: int

    def along(self, axis: int, node: OnnxNode) -> Scales:
        """The scales along an axis, one of all or one each.

        Raises:
            ModelError: they run along another axis.
        """
        if self.scales.size > 1 and self.axis % self.levels.ndim != axis:
            raise ModelError(f"{node.title}: scales of weights must run along their outputs, axis {axis}")
        return self.scales.reshape(-1)


@dataclass(frozen=True)
class Index:
    """Levels cast to the type that a table is read with."""

    levels: Levels


@dataclass(frozen=True)
class Looked:
    """What a table holds for levels, where it is not known yet which level is 0.

    Attributes:
        levels: that chose.
        stored: the table by level, from the least on, shape (256,), int8 or uint8.
        node: that reads the table.
    """

    levels: Levels
    stored: Array
    node: OnnxNode


@dataclass(frozen=True)
class Curve:
    """Real values that are a function of one tensor of levels.

    Attributes:
        levels: of the tensor.
        scale: real value of one of them.
        values: float32 by level, from the least on, shape (256,).
        title: the operators so far.
        node: the last one, or None.
    """

    levels: Levels
    scale: float
    values: Scales
    title: str = ""
    node: OnnxNode | None = None

    def through(self, node: OnnxNode, values: Scales) -> Curve:
        """The same behind another operator."""
        title = f"{self.title} {node.operator}".strip()[:_LONGEST_TITLE]
        return replace(self, values=np.asarray(values, np.float32), title=title, node=node)


@dataclass(frozen=True)
class Sum:
    """Real values that are not rounded to levels yet.

    Attributes:
        name: of the step that they will be.
        inputs: what it reads.
        make: makes its module from (factors, output scale, activation).
        units: float32 real value of one unit of each operand: of the accumulator by channel (or of all), of each input
            of an addition, of the sum of a window.
        shape: for one image, before `moved`.
        axis: of its channels: the last one of a linear layer.
        bias: of a layer, in units of its accumulator.
        window: number of values in each window of an average, else 0.
        relu, limit: the activation that follows.
        moved: what follows that keeps levels: name, module, shape.
    """

    name: str
    inputs: tuple[Levels, ...]
    make: Callable[[Sum, Scales, float, Any], nn.Module]
    units: Scales
    shape: Shape
    bias: npt.NDArray[np.int64] | None = None
    axis: int = 1
    window: int = 0
    relu: bool = False
    limit: float | None = None
    moved: tuple[tuple[str, nn.Module, Shape], ...] = ()

    def held(self, low: float | None, high: float | None, node: OnnxNode) -> Sum:
        """The same with an activation.

        Raises:
            ModelError: one that is no ReLU.
        """
        if low not in (None, 0.0):
            raise ModelError(f"{node.title}: only a clamp that starts at 0 (ReLU, ReLU6) is supported, not at {low}")
        limits = [limit for limit in (self.limit, high) if limit is not None]
        if any(limit <= 0 for limit in limits):
            raise ModelError(f"{node.title}: clamps everything to {min(limits)}")
        return replace(self, relu=self.relu or low == 0.0, limit=min(limits, default=None))

    def by_channel(self, shape: Shape) -> bool:
        """Whether a constant of a shape has one number for each channel, and not along another axis of that length."""
        wanted = tuple(size if axis == self.axis else 1 for axis, size in enumerate(self.shape))
        return (1,) * (len(self.shape) - len(shape)) + shape == wanted

    @property
    def end(self) -> Shape:
        """Shape after all that follows."""
        return self.moved[-1][2] if self.moved else self.shape


Value = Levels | Real | Constant | Index | Looked | Curve | Sum | Array
Values = tuple[Value | None, ...]


def settled(node: OnnxNode, value: Value | None) -> Real:
    """`value`, if it is real values of levels whose zero is level 0.

    Raises:
        ModelError: it is not.
    """
    if not isinstance(value, Real):
        raise ModelError(f"{node.title}: its input must come from DequantizeLinear")
    if value.zero is not None:
        raise ModelError(f"{node.title}: reads pixels with a zero point; only convolutions and linear layers can")
    if value.levels.codes is not None:
        raise ModelError(
            f"{node.title}: reads levels through a table (Gather); only convolutions and linear layers can"
        )
    return value
