"""From a traced float network to the program of a quantised one: which layers, what is fused, which grids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from torch import fx, nn

from wattloop.errors import ModelError
from wattloop.nn.cones import Cones
from wattloop.nn.float_part import FloatPart
from wattloop.nn.grid import LINEAR, RELU, Activation
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import INPUT, Node
from wattloop.nn.norms import BatchNorm
from wattloop.nn.operators import request_of, what
from wattloop.nn.ops import (
    Flatten,
    Pad,
    QuantAdd,
    QuantAvgPool,
    QuantConcat,
    QuantMul,
    QuantNorm,
    QuantRescale,
    QuantTable,
)
from wattloop.nn.requests import Kind, Request
from wattloop.nn.tracing import Traced

_SKIPPED = (Kind.NOT_TENSOR, Kind.CONSTANT, Kind.PARTS)


@dataclass(frozen=True)
class Value:
    """A tensor of levels in the program.

    Attributes:
        name: node that makes it.
        grid: node on whose grid it lies.
        signed: levels are int8.
        raw: pixels whose normalisation is still to be folded in.
    """

    name: str
    grid: str
    signed: bool
    raw: bool


@dataclass
class Lowered:
    """The result of `lower`.

    Attributes:
        program: steps in order.
        modules: module of each step, scales still 1.
        observed: for every node with a grid of its own, the traced node whose float value it stands for.
        folds: layers that read raw pixels: to be given the normalisation.
        pads: paddings of raw pixels: likewise.
        output: (node, grid) of the network's output.
        traced: the float network, sharing the layers' modules.
    """

    traced: fx.GraphModule
    program: list[Node] = field(default_factory=list)
    modules: dict[str, nn.Module] = field(default_factory=dict)
    observed: dict[str, fx.Node] = field(default_factory=dict)
    folds: list[str] = field(default_factory=list)
    pads: list[str] = field(default_factory=list)
    output: tuple[str, str] = (INPUT, INPUT)


def lower(model: nn.Module, input_shape: tuple[int, int, int], *, normalised: bool) -> Lowered:
    """Trace `model` (a copy) and lower it.

    Args:
        model: float network.
        input_shape: (channels, height, width).
        normalised: pixels are normalised, so that zero is no pixel level.

    Raises:
        ModelError: something in it is not supported; the message names it.
    """
    traced = Traced(model, input_shape)
    lowered = _Lowering(traced, normalised).run()
    if any(isinstance(module, FloatPart) for module in lowered.modules.values()):
        traced.refuse_mixing(input_shape)
    return lowered


class _Lowering:
    """Walks the traced graph once."""

    def __init__(self, traced: Traced, normalised: bool) -> None:
        self.result = Lowered(traced.module)
        self.traced = traced
        self.normalised = normalised
        self.values: dict[fx.Node, Value] = {}
        self.requests = {node: request_of(traced, node) for node in traced.graph.nodes}
        self.cones = Cones(traced, self.requests)

    def run(self) -> Lowered:
        for node in self.traced.graph.nodes:
            if node.op == "placeholder" and self.traced.from_image(node):
                self.values[node] = Value(INPUT, INPUT, signed=False, raw=self.normalised)
            elif node.op == "output":
                self._output(node)
            elif node not in self.values and self._stands(node):
                self._lower(node)
        if not any(isinstance(m, QuantLayer) for m in self.result.modules.values()):
            raise ModelError("the network has no convolution and no linear layer")
        return self.result

    def _stands(self, node: fx.Node) -> bool:
        """Whether a node becomes a step: it is a tensor of levels, and no float part's inner business."""
        return self.requests[node].kind not in _SKIPPED and self.cones.root_of(node) in (None, node)

    def _output(self, node: fx.Node) -> None:
        result = node.args[0]
        if not isinstance(result, fx.Node) or result not in self.values:
            raise ModelError("the network must return one tensor")
        self.result.output = (self.values[result].name, self.values[result].grid)

    def _lower(self, node: fx.Node) -> None:
        request = self.requests[node]
        if request.problem:
            raise ModelError(f"{what(node)}: {request.problem}")
        inputs = [self._value_of(node, source) for source in request.inputs]
        handlers: dict[Kind, Callable[[fx.Node, Request, list[Value]], None]] = {
            Kind.LAYER: self._layer,
            Kind.NORM: self._norm,
            Kind.ACTIVATION: self._activation,
            Kind.TABLE: self._table,
            Kind.ADD: self._add,
            Kind.MULTIPLY: self._multiply,
            Kind.CONCAT: self._concat,
            Kind.AVERAGE: self._average,
            Kind.SAME_GRID: self._same_grid,
            Kind.FLOAT: self._float,
        }
        handlers[request.kind](node, request, inputs)

    def _value_of(self, node: fx.Node, source: Any) -> Value:
        if not isinstance(source, fx.Node) or source not in self.values:
            raise ModelError(f"{what(node)}: its input must be a tensor computed from the image, not {source!r}")
        return self.values[source]

    def _layer(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        name = request.name or str(node.target)
        if name in self.result.modules:
            raise ModelError(f"layer {name} is used twice: give each use a layer of its own")
        module = request.module
        assert isinstance(module, nn.Conv2d | nn.Linear)
        if isinstance(module, nn.Linear) and len(self.traced.shape(request.inputs[0])) != 2:
            self._refuse_raw(node, inputs)  # its inputs are not the features of whole images
        if request.before is not None:
            inputs = [self._padded(f"{_op(node)}_pad", request.before, inputs[0])]
        norm, end = self._following_norm(node)
        activation = self._following_activation(end)
        wide = norm is None and activation == LINEAR and self._reaches_only_output(node)
        layer = QuantLayer(module, norm, activation, in_signed=inputs[0].signed, wide=wide)
        self._emit(name, layer, inputs, end, activation)
        self.values[node] = self.values[end]
        if inputs[0].raw:
            self.result.folds.append(name)

    def _following_norm(self, node: fx.Node) -> tuple[BatchNorm | None, fx.Node]:
        users = list(node.users)
        tokens = len(self.traced.shape(node)) == 3  # there its channels are not the layer's
        if len(users) == 1 and self.requests[users[0]].kind is Kind.NORM and not tokens:
            request = self.requests[users[0]]
            assert isinstance(request.module, nn.BatchNorm2d | nn.BatchNorm1d)
            if request.problem:
                raise ModelError(f"{what(users[0])}: {request.problem}")
            return request.module, users[0]
        return None, node

    def _following_activation(self, node: fx.Node) -> Activation:
        """The activation that alone follows; a maximum, a reshape or the identity in between commute with it."""
        while len(node.users) == 1:
            (node,) = node.users
            request = self.requests[node]
            if request.kind is Kind.ACTIVATION:
                return request.activation
            if not (request.kind is Kind.SAME_GRID and request.monotone):
                break
        return LINEAR

    def _reaches_only_output(self, node: fx.Node) -> bool:
        while len(node.users) == 1:
            (node,) = node.users
            if node.op == "output":
                return True
            if self.requests[node].kind is not Kind.SAME_GRID:
                return False
        return False

    def _norm(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        self._refuse_raw(node, inputs)
        assert isinstance(request.module, nn.BatchNorm2d | nn.BatchNorm1d)
        activation = self._following_activation(node)
        self._emit(_op(node), QuantNorm(request.module, activation), inputs, node, activation)

    def _activation(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        (value,) = inputs
        already = not value.signed and self._limited(value, request.activation.limit)
        if already and not value.raw:  # fused into the node that made the levels
            self.values[node] = value
            return
        self._refuse_raw(node, inputs)
        self._emit(_op(node), QuantRescale(request.activation), inputs, node, request.activation)

    def _limited(self, value: Value, limit: float | None) -> bool:
        """Whether what made the levels keeps them at or below a limit."""
        if limit is None:
            return True
        have = getattr(self.result.modules.get(value.grid), "activation", LINEAR).limit
        return have is not None and have <= limit

    def _table(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        self._refuse_raw(node, inputs)
        assert request.function is not None
        table = QuantTable(request.function, request.name, request.activation, in_signed=inputs[0].signed)
        self._emit(_op(node), table, inputs, node, request.activation)

    def _add(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        self._refuse_raw(node, inputs)
        activation = self._following_activation(node)
        self._emit(_op(node), QuantAdd(activation), inputs, node, activation)

    def _multiply(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        self._refuse_raw(node, inputs)
        activation = self._unsigned_if(inputs, self._following_activation(node))
        self._emit(_op(node), QuantMul(activation), inputs, node, activation)

    def _concat(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        self._refuse_raw(node, inputs)
        activation = self._unsigned_if(inputs, self._following_activation(node))
        self._emit(_op(node), QuantConcat(activation, len(inputs), request.axis), inputs, node, activation)

    def _float(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        inputs = [self._value_of(node, source) for source in self.cones.sources(node)]
        self._refuse_raw(node, inputs)
        if not self.traced.batched(node):
            raise ModelError(f"{what(node)}: the images must stay apart, on axis 0 of what it gives")
        part = FloatPart(self.cones.body(node), self.cones.title(node), len(inputs))
        self._emit(_op(node), part, inputs, node, LINEAR)

    @staticmethod
    def _unsigned_if(inputs: list[Value], activation: Activation) -> Activation:
        """The activation, unsigned where no input can be below 0."""
        return activation if activation.relu or any(value.signed for value in inputs) else RELU

    def _average(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        self._refuse_raw(node, inputs)
        activation = self._unsigned_if(inputs, self._following_activation(node))
        make = request.pool
        assert make is not None
        pool = make(self.traced.shape(request.inputs[0]), activation)
        if isinstance(pool, str):
            raise ModelError(f"{what(node)}: {pool}")
        assert isinstance(pool, QuantAvgPool)
        self._emit(_op(node), pool, inputs, node, activation)
        if request.flat:
            self.values[node] = self._keep_grid(f"{_op(node)}_flat", Flatten(), self.values[node])

    def _same_grid(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        module = request.module
        assert module is not None
        if isinstance(module, Pad):
            if len(self.traced.shape(request.inputs[0])) != 4 or any(module.amounts[4:]):
                self._refuse_raw(node, inputs)  # zero is a level of each channel, and goes by height and width
            self.values[node] = self._padded(_op(node), module, inputs[0])
            return
        if not isinstance(module, Flatten):
            self._refuse_raw(node, inputs)
        self.values[node] = self._keep_grid(_op(node), module, inputs[0])

    def _padded(self, name: str, module: Pad, value: Value) -> Value:
        if value.raw:
            self.result.pads.append(name)
        return self._keep_grid(name, module, value)

    def _keep_grid(self, name: str, module: nn.Module, value: Value) -> Value:
        """Append a step that leaves the levels as they are."""
        self.result.program.append(Node(name, (value.name,), (value.grid,)))
        self.result.modules[name] = module
        return replace(value, name=name)

    def _refuse_raw(self, node: fx.Node, inputs: list[Value]) -> None:
        if any(value.raw for value in inputs):
            raise ModelError(
                f"{what(node)}: reads the normalised pixels; their normalisation can only be folded into a "
                "convolution or linear layer"
            )

    def _emit(self, name: str, module: nn.Module, inputs: list[Value], end: fx.Node, activation: Activation) -> None:
        """Append a step that has a grid of its own; it stands for the traced node `end`."""
        self.result.program.append(Node(name, tuple(v.name for v in inputs), tuple(v.grid for v in inputs)))
        self.result.modules[name] = module
        self.result.observed[name] = end
        self.values[end] = Value(name, name, signed=activation.signed, raw=False)


def _op(node: fx.Node) -> str:
    return f"op_{node.name}"
