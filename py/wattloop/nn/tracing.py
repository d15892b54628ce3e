"""A float network as a graph of calls: constants and sizes known, what does nothing taken out."""

from __future__ import annotations

import copy
import functools
import inspect
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from wattloop.errors import ModelError
from wattloop.nn.in_place import Overwrites

# Two batch sizes tell what depends on the number of images.
_BATCHES = (2, 3)
_NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)
_NOTHING_CALLED: tuple[Any, ...] = ("contiguous", "clone", "detach", functional.dropout, functional.dropout2d)


@dataclass(frozen=True)
class BatchSize:
    """A whole number that grows with the batch: `factor` times the number of images."""

    factor: int


class _Question(BaseException):  # no error, and nothing that a network's own `except` may swallow
    """The network branches on something that is not computed yet."""

    def __init__(self, node: fx.Node) -> None:
        super().__init__()
        self.node = node


class _Proxy(fx.Proxy):
    """Shows in the graph that x += y writes into x, which torch's own proxies trace as x + y."""

    def _written(self, function: Callable[..., Any], name: str, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", function, (self, other), {}, name=name)

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self._written(operator.iadd, "add", other)

    def __isub__(self, other: Any) -> fx.Proxy:
        return self._written(operator.isub, "sub", other)

    def __imul__(self, other: Any) -> fx.Proxy:
        return self._written(operator.imul, "mul", other)

    def __itruediv__(self, other: Any) -> fx.Proxy:
        return self._written(operator.itruediv, "truediv", other)


class _Tracer(fx.Tracer):
    """Traces a network whose branches were answered so far."""

    def __init__(self, answers: list[bool]) -> None:
        super().__init__()
        self._answers = iter(answers)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        # Padding that depends on the image's size does not trace; what such a convolution does is found by trying it.
        return super().is_leaf_module(m, module_qualified_name) or isinstance(m, nn.Conv2d)

    def to_bool(self, obj: fx.Proxy) -> bool:
        answer = next(self._answers, None)
        if answer is None:
            raise _Question(obj.node)
        return answer


class Traced:
    """The graph, with shapes.

    Attributes:
        module: shares parameters and layers with a copy of the network.
        graph: of `module`.
    """

    def __init__(self, model: nn.Module, input_shape: tuple[int, int, int]) -> None:
        """Trace a copy of `model`, in evaluation mode.

        Raises:
            ModelError: it cannot be traced, or does not take such images.
        """
        self.module = _trace(model, input_shape)
        self.graph = self.module.graph
        self._refuse_hooks()
        self._values = [_propagate(self.module, (batch, *input_shape)) for batch in _BATCHES]
        self._clean()
        self._image = self._reached()

    def from_image(self, node: object) -> bool:
        """Whether `node` is a tensor, or several, that the image decides."""
        return node in self._image

    def holds_tensors(self, node: fx.Node) -> bool:
        """Whether `node` is a tensor, or several."""
        return any(isinstance(part, _Shape) for part in _flat(self._values[0].get(node)))

    def is_tensor(self, node: object) -> bool:
        """Whether `node` is one tensor."""
        return isinstance(node, fx.Node) and isinstance(self._values[0].get(node), _Shape)

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Shape of a tensor for a batch of 2 images."""
        found = self._values[0][node]
        assert isinstance(found, _Shape)
        return found.sizes

    def parts(self, node: fx.Node) -> list[tuple[int, ...]]:
        """Shapes of several tensors for a batch of 2 images."""
        return [part.sizes for part in _flat(self._values[0][node]) if isinstance(part, _Shape)]

    def batched(self, node: fx.Node) -> bool:
        """Whether axis 0 of a tensor, and no other, is the images."""
        first, second = (values[node] for values in self._values)
        if not (isinstance(first, _Shape) and isinstance(second, _Shape)):
            return False
        return (first.sizes[:1], second.sizes[:1]) == ((2,), (3,)) and first.sizes[1:] == second.sizes[1:]

    def resolved(self, arguments: Any) -> Any:
        """Arguments with numbers, shapes and the like in place of the nodes that stand for them; tensors stay nodes.

        Raises:
            ModelError: one depends on the number of images otherwise than by a factor.
        """
        return fx.node.map_arg(arguments, lambda node: node if self.holds_tensors(node) else self.value(node))

    def value(self, node: fx.Node) -> Any:
        """What a node that is no tensor stands for."""
        return _common(node, *(values[node] for values in self._values))

    @torch.no_grad()
    def refuse_mixing(self, input_shape: tuple[int, int, int]) -> None:
        """What an image gives must not depend on the others of its batch: float parts are free in what they compute.

        Raises:
            ModelError: it does.
        """
        # The last one alone: some operations, such as running sums, take in only the images before.
        images = torch.randn((2, *input_shape), generator=torch.Generator().manual_seed(0))
        both, alone = (fx.Interpreter(self.module).run(each) for each in (images, images[1:]))
        if float((both[1:] - alone).abs().max()) > 0.01 * float(both.abs().max()):
            raise ModelError("what the network gives for an image depends on the other images of its batch")

    def _clean(self) -> None:
        """Drop assertions, which have held, and what does nothing in evaluation mode."""
        for node in reversed(self.graph.nodes):
            if node.op == "call_function" and getattr(node.target, "__name__", "").startswith("_assert"):
                self.graph.erase_node(node)
        for node in self.graph.nodes:
            if _does_nothing(self.module, node):
                node.replace_all_uses_with(node.all_input_nodes[0])
        self.graph.eliminate_dead_code()
        for node in [one for one in self.graph.nodes if one.op == "placeholder"][1:]:
            if not node.users:
                self.graph.erase_node(node)
        self.module.recompile()

    def _refuse_hooks(self) -> None:
        """What a layer's hooks do, its quantised form would not."""
        for node in self.graph.nodes:
            layer = self.module.get_submodule(str(node.target)) if node.op == "call_module" else None
            if layer is not None and (layer._forward_hooks or layer._forward_pre_hooks):
                raise ModelError(f"layer {node.target} has forward hooks, which would be lost: remove them")

    def _reached(self) -> set[object]:
        found: set[object] = set()
        for node in self.graph.nodes:
            first = node.op == "placeholder" and not found
            if first or (self.holds_tensors(node) and any(source in found for source in node.all_input_nodes)):
                found.add(node)
        return found


@dataclass(frozen=True)
class _Shape:
    """What is kept of a tensor."""

    sizes: tuple[int, ...]


def _trace(model: nn.Module, input_shape: tuple[int, ...]) -> fx.GraphModule:
    """Trace for images of one shape: branches on sizes go the way that these go."""
    try:
        plain = copy.deepcopy(model).eval()
    except RuntimeError as error:  # computed weights, as the old weight_norm leaves behind
        raise ModelError(f"cannot copy {type(model).__name__}: {_first_line(error)}") from error
    parameters = inspect.signature(plain.forward).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not inspect.Parameter.empty}
    answers: list[bool] = []
    while True:
        tracer = _Tracer(answers)
        try:
            graph = tracer.trace(plain, concrete_args=defaults or None)
        except _Question as question:
            answers.append(_answer(plain, tracer.graph, question.node, input_shape))
        except Exception as error:  # whatever the user's forward does with a proxy
            raise ModelError(f"cannot trace {type(model).__name__}: {_first_line(error)}") from error
        else:
            break
    inputs = [node.target for node in graph.nodes if node.op == "placeholder" and not node.args]
    if len(inputs) > 1:
        raise ModelError(f"the network takes a second input, {inputs[1]}: only one image tensor is supported")
    return fx.GraphModule(plain, graph)


def _answer(model: nn.Module, graph: fx.Graph, asked: fx.Node, input_shape: tuple[int, ...]) -> bool:
    """What a branch sees, from the graph up to there."""
    graph.output(asked)
    try:
        with torch.no_grad():
            value = fx.Interpreter(fx.GraphModule(model, graph)).run(torch.zeros(_BATCHES[0], *input_shape))
    except Exception as error:
        raise ModelError(f"the network does not take {input_shape} images: {_first_line(error)}") from error
    if isinstance(value, Tensor):
        raise ModelError(f"cannot trace {type(model).__name__}: it branches on values, not on sizes alone")
    return bool(value)


class _Recorder(fx.Interpreter):
    """Runs a graph and notes the shape of every tensor, and everything else as it is."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.values: dict[fx.Node, Any] = {}
        self.overwrites = Overwrites()

    def run_node(self, n: fx.Node) -> Any:
        inputs = self.overwrites.before(n, self.env)
        result = super().run_node(n)
        self.values[n] = _kept(result)
        if any(isinstance(part, _Shape) for part in _flat(self.values[n])):
            self.overwrites.after(n, inputs, result, same=_does_nothing(self.module, n))
        return result


def _propagate(module: fx.GraphModule, shape: tuple[int, ...]) -> dict[fx.Node, Any]:
    recorder = _Recorder(module)
    try:
        with torch.no_grad():
            recorder.run(torch.zeros(shape))
    except Exception as error:  # shapes that do not fit come as all sorts of errors
        raise ModelError(f"the network does not take {shape[1:]} images: {_first_line(error)}") from error
    recorder.overwrites.refuse(module.graph)
    return recorder.values


def _does_nothing(module: nn.Module, node: fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(module.get_submodule(str(node.target)), _NOTHING)
    return node.op in ("call_function", "call_method") and node.target in _NOTHING_CALLED


def _kept(value: Any) -> Any:
    if isinstance(value, Tensor):
        return _Shape(tuple(value.shape))
    if isinstance(value, tuple | list):
        return tuple(_kept(part) for part in value)
    return value


def _flat(value: Any) -> list[Any]:
    return [leaf for part in value for leaf in _flat(part)] if isinstance(value, tuple) else [value]


def _common(node: fx.Node, first: Any, second: Any) -> Any:
    """One value for both batch sizes."""
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
        return tuple(_common(node, *parts) for parts in zip(first, second, strict=True))
    if type(first) is type(second) and first == second:
        return first
    few, many = _BATCHES
    if isinstance(first, int) and isinstance(second, int) and first % few == 0 and first // few * many == second:
        return BatchSize(first // few)
    raise ModelError(f"operation {node.name} depends on how many images there are")


def attribute(module: nn.Module, path: str) -> Any:
    """What a dotted name stands for."""
    return functools.reduce(getattr, path.split("."), module)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
