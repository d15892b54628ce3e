"""From a traced float network to the program of a quantised one: which layers, what is fused, which grids."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from wattloop.errors import ModelError
from wattloop.nn.grid import LINEAR, Activation
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import INPUT, Node
from wattloop.nn.operators import FUNCTIONS, METHODS, MODULES, NOT_TENSORS, Kind, Request
from wattloop.nn.ops import Flatten, QuantAdd, QuantAvgPool, QuantRescale


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
        output: (node, grid) of the network's output.
        traced: the float network, sharing the layers' modules.
    """

    traced: fx.GraphModule
    program: list[Node] = field(default_factory=list)
    modules: dict[str, nn.Module] = field(default_factory=dict)
    observed: dict[str, fx.Node] = field(default_factory=dict)
    folds: list[str] = field(default_factory=list)
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
    try:
        traced = fx.symbolic_trace(copy.deepcopy(model).eval())
    except Exception as error:  # whatever the user's forward does with a proxy
        raise ModelError(f"cannot trace {type(model).__name__}: {str(error).splitlines()[0]}") from error
    _propagate_shapes(traced, input_shape)
    return _Lowering(traced, normalised).run()


class _Shapes(fx.Interpreter):
    """Runs a graph and notes the shape of every tensor."""

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            n.meta["shape"] = tuple(result.shape)
        return result


def _propagate_shapes(traced: fx.GraphModule, input_shape: tuple[int, int, int]) -> None:
    try:
        with torch.no_grad():
            _Shapes(traced).run(torch.zeros(1, *input_shape))
    except Exception as error:  # shapes that do not fit come as all sorts of errors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"the network does not take {input_shape} images: {reason}") from error


class _Lowering:
    """Walks the traced graph once."""

    def __init__(self, traced: fx.GraphModule, normalised: bool) -> None:
        self.result = Lowered(traced)
        self.traced = traced
        self.normalised = normalised
        self.values: dict[fx.Node, Value] = {}
        self.requests = {node: self._request(node) for node in traced.graph.nodes}

    def run(self) -> Lowered:
        for node in self.traced.graph.nodes:
            if node.op == "placeholder":
                self._placeholder(node)
            elif node.op == "output":
                self._output(node)
            elif node not in self.values and self.requests[node].kind is not Kind.NOT_TENSOR:
                self._lower(node)
        if not any(isinstance(m, QuantLayer) for m in self.result.modules.values()):
            raise ModelError("the network has no convolution and no linear layer")
        return self.result

    def _placeholder(self, node: fx.Node) -> None:
        if INPUT in {value.name for value in self.values.values()}:
            raise ModelError(f"the network takes a second input, {node.name}: only one image tensor is supported")
        self.values[node] = Value(INPUT, INPUT, signed=False, raw=self.normalised)

    def _output(self, node: fx.Node) -> None:
        result = node.args[0]
        if not isinstance(result, fx.Node) or result not in self.values:
            raise ModelError("the network must return one tensor")
        self.result.output = (self.values[result].name, self.values[result].grid)

    def _request(self, node: fx.Node) -> Request:
        """What `node` asks for, or a ModelError that names it."""
        if node.op in ("placeholder", "output"):
            return Request(Kind.NOT_TENSOR)
        if node.op == "call_module":
            module = self.traced.get_submodule(str(node.target))
            make = MODULES.get(type(module))
            if make is not None:
                return make(module, *node.args, **node.kwargs)
            raise ModelError(f"layer {node.target} ({type(module).__name__}) cannot be quantised")
        table: dict[Any, Callable[..., Request]] = FUNCTIONS if node.op == "call_function" else METHODS
        if node.op in ("call_function", "call_method") and node.target in table:
            try:
                return table[node.target](*node.args, **node.kwargs)
            except TypeError as error:
                raise ModelError(f"operation {node.name} is called in an unsupported way: {error}") from error
        if node.op in NOT_TENSORS or node.target in NOT_TENSORS:
            return Request(Kind.NOT_TENSOR)
        raise ModelError(f"operation {node.name} ({_title(node)}) cannot be quantised")

    def _lower(self, node: fx.Node) -> None:
        request = self.requests[node]
        if request.problem:
            raise ModelError(f"{_what(node)}: {request.problem}")
        inputs = [self._value_of(node, source) for source in request.inputs]
        handlers: dict[Kind, Callable[[fx.Node, Request, list[Value]], None]] = {
            Kind.LAYER: self._layer,
            Kind.NORM: self._stray_norm,
            Kind.ACTIVATION: self._activation,
            Kind.ADD: self._add,
            Kind.AVERAGE: self._average,
            Kind.SAME_GRID: self._same_grid,
            Kind.IDENTITY: self._identity,
        }
        handlers[request.kind](node, request, inputs)

    def _value_of(self, node: fx.Node, source: Any) -> Value:
        if not isinstance(source, fx.Node) or source not in self.values:
            raise ModelError(f"{_what(node)}: its input must be a tensor computed from the image, not {source!r}")
        return self.values[source]

    def _layer(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        name = str(node.target)
        if name in self.result.modules:
            raise ModelError(f"layer {name} is used twice: give each use a layer of its own")
        module = request.module
        assert isinstance(module, nn.Conv2d | nn.Linear)
        norm, end = self._following_norm(node)
        activation = self._following_activation(end)
        wide = norm is None and activation == LINEAR and self._reaches_only_output(node)
        layer = QuantLayer(module, norm, activation, in_signed=inputs[0].signed, wide=wide)
        self._emit(name, layer, inputs, end, activation)
        self.values[node] = self.values[end]
        if inputs[0].raw:
            self.result.folds.append(name)

    def _following_norm(self, node: fx.Node) -> tuple[nn.BatchNorm2d | nn.BatchNorm1d | None, fx.Node]:
        users = list(node.users)
        if len(users) == 1 and self.requests[users[0]].kind is Kind.NORM:
            request = self.requests[users[0]]
            assert isinstance(request.module, nn.BatchNorm2d | nn.BatchNorm1d)
            if request.problem:
                raise ModelError(f"{_what(users[0])}: {request.problem}")
            return request.module, users[0]
        return None, node

    def _following_activation(self, node: fx.Node) -> Activation:
        """The activation that alone follows; a maximum, a reshape or the identity in between commute with it."""
        while len(node.users) == 1:
            (node,) = node.users
            request = self.requests[node]
            if request.kind is Kind.ACTIVATION:
                return request.activation
            if not (request.kind is Kind.IDENTITY or (request.kind is Kind.SAME_GRID and request.monotone)):
                break
        return LINEAR

    def _reaches_only_output(self, node: fx.Node) -> bool:
        while len(node.users) == 1:
            (node,) = node.users
            if node.op == "output":
                return True
            if self.requests[node].kind not in (Kind.IDENTITY, Kind.SAME_GRID):
                return False
        return False

    def _stray_norm(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        raise ModelError(f"{_what(node)}: a batch norm must directly follow a convolution or linear layer of its own")

    def _activation(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        (value,) = inputs
        already = not value.signed and (request.activation.limit is None or self._limited(value))
        if already and not value.raw:  # fused into the node that made the levels
            self.values[node] = value
            return
        self._refuse_raw(node, inputs)
        self._emit(_op(node), QuantRescale(request.activation), inputs, node, request.activation)

    def _limited(self, value: Value) -> bool:
        maker = self.result.modules.get(value.grid)
        return maker is not None and getattr(maker, "activation", LINEAR).limit is not None

    def _add(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        self._refuse_raw(node, inputs)
        shapes = {source.meta["shape"] for source in request.inputs}
        if len(shapes) > 1:
            raise ModelError(f"{_what(node)}: adds tensors of shapes {sorted(shapes)}; only equal shapes are supported")
        activation = self._following_activation(node)
        self._emit(_op(node), QuantAdd(activation), inputs, node, activation)

    def _average(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        self._refuse_raw(node, inputs)
        activation = self._following_activation(node)
        if not inputs[0].signed and not activation.relu:
            activation = Activation(relu=True)  # the mean of values >= 0
        make = request.pool
        assert make is not None
        pool = make(request.inputs[0].meta["shape"], activation)
        if isinstance(pool, str):
            raise ModelError(f"{_what(node)}: {pool}")
        assert isinstance(pool, QuantAvgPool)
        self._emit(_op(node), pool, inputs, node, activation)

    def _same_grid(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        module = request.module
        assert module is not None
        if not isinstance(module, Flatten):
            self._refuse_raw(node, inputs)
        name = _op(node)
        self.result.program.append(Node(name, (inputs[0].name,), (inputs[0].grid,)))
        self.result.modules[name] = module
        self.values[node] = replace(inputs[0], name=name)

    def _identity(self, node: fx.Node, request: Request, inputs: list[Value]) -> None:
        self.values[node] = inputs[0]

    def _refuse_raw(self, node: fx.Node, inputs: list[Value]) -> None:
        if any(value.raw for value in inputs):
            raise ModelError(
                f"{_what(node)}: reads the normalised pixels; their normalisation can only be folded into a "
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


def _title(node: fx.Node) -> str:
    return str(getattr(node.target, "__name__", node.target))


def _what(node: fx.Node) -> str:
    return f"layer {node.target}" if node.op == "call_module" else f"operation {node.name} ({_title(node)})"
