"""What a traced operation asks of the lowering."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn

from wattloop.nn.grid import LINEAR, Activation
from wattloop.nn.ops import Pad, QuantAvgPool
from wattloop.nn.tracing import Traced, attribute

PoolMaker = Callable[[tuple[int, ...], Activation], "QuantAvgPool | str"]


class Kind(enum.Enum):
    """Classes of operations."""

    LAYER = enum.auto()
    NORM = enum.auto()
    ACTIVATION = enum.auto()
    TABLE = enum.auto()
    ADD = enum.auto()
    MULTIPLY = enum.auto()
    CONCAT = enum.auto()
    AVERAGE = enum.auto()
    SAME_GRID = enum.auto()
    PARTS = enum.auto()
    FLOAT = enum.auto()
    CONSTANT = enum.auto()
    NOT_TENSOR = enum.auto()


@dataclass(frozen=True)
class Request:
    """What a traced node asks for.

    Attributes:
        kind: class of operation.
        inputs: its tensor inputs.
        module: the layer, batch norm, or ready level-preserving operation.
        name: of the layer or batch norm; empty for the target of the node. Of a TABLE the function's.
        before: of a LAYER: padding that it cannot do itself.
        activation: of an ACTIVATION; of a TABLE the sign of its values.
        function: of a TABLE.
        pool: of an AVERAGE: makes the pooling for an input shape, or says why it cannot.
        axis: of a CONCAT.
        flat: an AVERAGE drops the axes that it is taken over.
        monotone: a SAME_GRID operation that an activation may be moved across.
        movable: a SAME_GRID operation that a float part may take over as it is, if only that part reads it.
        problem: why this variant cannot be quantised, or empty.
    """

    kind: Kind
    inputs: tuple[Any, ...] = ()
    module: nn.Module | None = None
    name: str = ""
    before: Pad | None = None
    activation: Activation = LINEAR
    function: Callable[[Tensor], Tensor] | None = None
    pool: PoolMaker | None = None
    axis: int = 0
    flat: bool = False
    monotone: bool = False
    movable: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Call:
    """A traced node with its arguments, numbers in place of nodes that stand for such.

    Attributes:
        node: in the graph.
        traced: the graph.
    """

    node: fx.Node
    traced: Traced

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result for a batch of 2 images; () for several tensors."""
        return self.traced.shape(self.node) if self.traced.is_tensor(self.node) else ()

    @property
    def keeps_images(self) -> bool:
        """The result has the images on axis 0, and nowhere else."""
        return self.traced.batched(self.node)

    def image(self, value: object) -> bool:
        """Whether an argument is one tensor that the image decides."""
        return self.traced.from_image(value) and self.traced.is_tensor(value)

    def sizes(self, value: fx.Node) -> tuple[int, ...]:
        """Shape of a tensor for a batch of 2 images."""
        return self.traced.shape(value)

    def constant(self, value: object) -> Tensor | None:
        """The parameter or buffer that an argument is, or None for none."""
        if not isinstance(value, fx.Node):
            return None
        if value.op != "get_attr":
            raise KeyError(value.name)
        found = attribute(self.traced.module, str(value.target))
        assert isinstance(found, Tensor)
        return found
