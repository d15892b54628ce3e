"""What each torch module, function and method means to the lowering: one table for all three.

Makers take a `Call` and the arguments of the function; a module is called with its input and its own settings.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.utils.parametrize import is_parametrized

from wattloop.errors import ModelError
from wattloop.nn.elementwise import TABLES, table_of_module
from wattloop.nn.float_operators import FLOAT_FUNCTIONS, FLOAT_METHODS, FLOAT_MODULES
from wattloop.nn.grid import RELU, RELU6, Activation
from wattloop.nn.layer_requests import batch_norm, conv2d, conv_module, linear, linear_module, norm_module
from wattloop.nn.movements import MOVE_FUNCTIONS, MOVE_METHODS, flatten
from wattloop.nn.ops import MaxPool, Pad, Pair, QuantAvgPool
from wattloop.nn.requests import Call, Kind, Request
from wattloop.nn.tracing import Traced

Maker = Callable[..., Request]

_ALIASES = {"input": "x"}


def _pair(value: Any) -> Pair:
    if isinstance(value, Sequence):
        first, second = (value[0], value[0]) if len(value) == 1 else value
        return int(first), int(second)
    return int(value), int(value)


def _activation(activation: Activation) -> Maker:
    def request(call: Call, x: Any, inplace: bool = False) -> Request:
        return Request(Kind.ACTIVATION, (x,), activation=activation)

    return request


def _clamp(call: Call, x: Any, low: Any = None, high: Any = None, inplace: bool = False, **named: Any) -> Request:
    low, high = named.get("min", named.get("min_val", low)), named.get("max", named.get("max_val", high))
    limit = None if high is None else float(high)
    if low == 0 and (limit is None or limit > 0):
        return Request(Kind.ACTIVATION, (x,), activation=Activation(relu=True, limit=limit))
    positive = low is not None and low >= 0
    return Request(
        Kind.TABLE,
        (x,),
        activation=Activation(relu=positive),
        function=lambda real: real.clamp(low, high),
        name="clamp",
    )


def _not_maps(call: Call, x: fx.Node) -> str:
    """Why a tensor cannot be pooled over height and width, or empty."""
    rank = len(call.sizes(x))
    return "" if rank == 4 else f"pooling takes (images, channels, height, width), not {rank} axes"


def _max_pool(
    call: Call,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    **rest: Any,
) -> Request:
    kernel = _pair(kernel_size)
    module = MaxPool(kernel, _pair(stride or kernel), _pair(padding), _pair(dilation))
    problem = _not_maps(call, x)
    if ceil_mode or any(rest.values()):
        problem = "ceil_mode and return_indices are not supported"
    return Request(Kind.SAME_GRID, (x,), module, monotone=True, problem=problem)


def _avg_pool(
    call: Call,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Request:
    kernel, pad = _pair(kernel_size), _pair(padding)
    problem = _not_maps(call, x)
    if ceil_mode or (any(pad) and not count_include_pad):
        problem = "average pooling with ceil_mode or count_include_pad=False is not supported"

    def make(shape: tuple[int, ...], activation: Activation) -> QuantAvgPool | str:
        divisor = divisor_override or kernel[0] * kernel[1]
        return QuantAvgPool(activation, kernel, _pair(stride or kernel), pad, divisor)

    return Request(Kind.AVERAGE, (x,), pool=make, problem=problem)


def _adaptive_avg_pool(call: Call, x: Any, output_size: Any) -> Request:
    def make(shape: tuple[int, ...], activation: Activation) -> QuantAvgPool | str:
        wanted = output_size if isinstance(output_size, Sequence) else (output_size, output_size)
        out = tuple(have if want is None else want for want, have in zip(wanted, shape[2:], strict=True))
        if any(have % want for have, want in zip(shape[2:], out, strict=True)):
            return f"adaptive pooling of {shape[2:]} to {out} has uneven windows"
        kernel = shape[2] // out[0], shape[3] // out[1]
        return QuantAvgPool(activation, kernel, kernel, (0, 0), kernel[0] * kernel[1])

    return Request(Kind.AVERAGE, (x,), pool=make, problem=_not_maps(call, x))


def _mean(call: Call, x: Any, dim: Any = None, keepdim: bool = False, **rest: Any) -> Request:
    """Over height and width it is pooling; over anything else it is left to floating point."""
    rank = len(call.sizes(x))
    axes = sorted(d % rank for d in dim) if isinstance(dim, Sequence) else []
    if rank != 4 or axes != [2, 3] or rest:
        return Request(Kind.FLOAT)
    pooled = _adaptive_avg_pool(call, x, 1)
    return Request(Kind.AVERAGE, (x,), pool=pooled.pool, flat=not keepdim)


def _add(call: Call, x: Any, other: Any, *, alpha: Any = 1) -> Request:
    if call.image(x) and call.image(other) and alpha == 1 and call.sizes(x) == call.sizes(other):
        return Request(Kind.ADD, (x, other))
    return Request(Kind.FLOAT)


def _mul(call: Call, x: Any, other: Any) -> Request:
    both = call.image(x) and call.image(other)
    return Request(Kind.MULTIPLY, (x, other)) if both else Request(Kind.FLOAT)


def _cat(call: Call, tensors: Any, dim: int = 0) -> Request:
    if not all(call.image(part) for part in tensors):
        return Request(Kind.FLOAT)
    axis = dim % len(call.sizes(tensors[0]))
    problem = "" if axis else "images cannot be joined: only the other axes"
    return Request(Kind.CONCAT, tuple(tensors), axis=axis, problem=problem)


def _pad(call: Call, x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Request:
    amounts = tuple(int(p) for p in pad)
    zeros = mode == "constant" and not value and min(amounts) >= 0 and call.keeps_images
    problem = "" if zeros else "only padding with zeros is supported, and not of the images' axis"
    return Request(Kind.SAME_GRID, (x,), Pad(amounts), problem=problem)


def _float(call: Call, *args: Any, **kwargs: Any) -> Request:
    return Request(Kind.FLOAT)


MODULES: dict[type[nn.Module], Callable[[Call, Any, fx.Node], Request]] = {
    nn.Linear: linear_module,
    nn.BatchNorm2d: norm_module,
    nn.BatchNorm1d: norm_module,
    nn.ReLU: lambda call, m, x: _activation(RELU)(call, x),
    nn.ReLU6: lambda call, m, x: _activation(RELU6)(call, x),
    nn.Hardtanh: lambda call, m, x: _clamp(call, x, m.min_val, m.max_val),
    nn.MaxPool2d: lambda call, m, x: _max_pool(
        call, x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, return_indices=m.return_indices
    ),
    nn.AvgPool2d: lambda call, m, x: _avg_pool(
        call, x, m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override
    ),
    nn.AdaptiveAvgPool2d: lambda call, m, x: _adaptive_avg_pool(call, x, m.output_size),
    nn.Flatten: lambda call, m, x: flatten(call, x, m.start_dim, m.end_dim),
    nn.ZeroPad2d: lambda call, m, x: _pad(call, x, m.padding),
    **dict.fromkeys(FLOAT_MODULES, _float),
}

FUNCTIONS: dict[Any, Maker] = {
    **dict.fromkeys(FLOAT_FUNCTIONS, _float),
    **TABLES,
    **MOVE_FUNCTIONS,
    functional.conv2d: conv2d,
    torch.conv2d: conv2d,
    functional.linear: linear,
    functional.batch_norm: batch_norm,
    torch.relu: _activation(RELU),
    functional.relu: _activation(RELU),
    functional.relu6: _activation(RELU6),
    functional.hardtanh: _clamp,
    torch.clamp: _clamp,
    torch.max_pool2d: _max_pool,
    functional.max_pool2d: _max_pool,
    functional.avg_pool2d: _avg_pool,
    functional.adaptive_avg_pool2d: _adaptive_avg_pool,
    torch.mean: _mean,
    functional.pad: _pad,
    torch.add: _add,
    operator.add: _add,
    operator.iadd: _add,
    torch.mul: _mul,
    operator.mul: _mul,
    operator.imul: _mul,
    torch.cat: _cat,
    torch.concat: _cat,
}

METHODS: dict[Any, Maker] = {
    **dict.fromkeys(FLOAT_METHODS, _float),
    **{name: maker for name, maker in TABLES.items() if isinstance(name, str)},
    **MOVE_METHODS,
    "relu": _activation(RELU),
    "relu_": _activation(RELU),
    "clamp": _clamp,
    "clamp_": _clamp,
    "mean": _mean,
    "add": _add,
    "add_": _add,
    "mul": _mul,
    "mul_": _mul,
}


def request_of(traced: Traced, node: fx.Node) -> Request:
    """What a node of the graph asks for.

    Raises:
        ModelError: nothing that is supported; the message names it.
    """
    if node.op in ("placeholder", "output") or not traced.holds_tensors(node):
        return Request(Kind.NOT_TENSOR)
    if not traced.from_image(node):
        return Request(Kind.CONSTANT)
    call, args, kwargs = Call(node, traced), traced.resolved(node.args), traced.resolved(node.kwargs)
    if node.op == "call_module":
        module = traced.module.get_submodule(str(node.target))
        if is_parametrized(module):
            raise ModelError(f"{what(node)} has a parametrised weight: call remove_parametrizations on it first")
        return _made(node, partial(_maker_of(node, module), call, module), args, kwargs)
    table: dict[Any, Maker] = FUNCTIONS if node.op == "call_function" else METHODS
    if node.target not in table:
        raise ModelError(f"{what(node)} cannot be quantised")
    named = {_ALIASES.get(name, name): value for name, value in kwargs.items()}
    return _made(node, partial(table[node.target], call), args, named)


def _maker_of(node: fx.Node, module: nn.Module) -> Maker:
    if isinstance(module, nn.Conv2d):
        return conv_module
    make = MODULES.get(type(module)) or table_of_module(module)
    if make is None:
        raise ModelError(f"layer {node.target} ({type(module).__name__}) cannot be quantised")
    return make


def _made(node: fx.Node, make: Callable[..., Request], args: Any, kwargs: dict[str, Any]) -> Request:
    try:
        return make(*args, **kwargs)
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise ModelError(f"{what(node)} is called in an unsupported way: {error}") from error


def what(node: fx.Node) -> str:
    """A node as messages name it."""
    title = getattr(node.target, "__name__", node.target)
    return f"layer {node.target}" if node.op == "call_module" else f"operation {node.name} ({title})"
