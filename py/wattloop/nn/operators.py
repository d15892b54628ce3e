"""What each torch module, function and method means to the lowering."""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from wattloop.nn.grid import LINEAR, RELU, RELU6, Activation
from wattloop.nn.ops import Flatten, MaxPool, Pad, Pair, QuantAvgPool, Slice

PoolMaker = Callable[[tuple[int, ...], Activation], "QuantAvgPool | str"]


class Kind(enum.Enum):
    """Classes of operations."""

    LAYER = enum.auto()
    NORM = enum.auto()
    ACTIVATION = enum.auto()
    ADD = enum.auto()
    AVERAGE = enum.auto()
    SAME_GRID = enum.auto()
    IDENTITY = enum.auto()
    NOT_TENSOR = enum.auto()


@dataclass(frozen=True)
class Request:
    """What a traced node asks for.

    Attributes:
        kind: class of operation.
        inputs: its tensor inputs.
        module: the layer, batch norm, or ready level-preserving operation.
        activation: of an ACTIVATION.
        pool: of an AVERAGE: makes the pooling for an input shape, or says why it cannot.
        monotone: a SAME_GRID operation that an activation may be moved across.
        problem: why this variant cannot be quantised, or empty.
    """

    kind: Kind
    inputs: tuple[Any, ...] = ()
    module: nn.Module | None = None
    activation: Activation = LINEAR
    pool: PoolMaker | None = None
    monotone: bool = False
    problem: str = ""


def _pair(value: Any) -> Pair:
    if isinstance(value, Sequence):
        first, second = (value[0], value[0]) if len(value) == 1 else value
        return int(first), int(second)
    return int(value), int(value)


def _conv(module: nn.Conv2d, x: Any) -> Request:
    problem = ""
    if module.padding_mode != "zeros":
        problem = f"padding_mode {module.padding_mode!r} is not supported; use 'zeros'"
    elif isinstance(module.padding, str):
        spans = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        if module.padding == "same" and any(span % 2 for span in spans):
            problem = "padding 'same' of an even kernel is not symmetric; pad explicitly"
        module.padding = (0, 0) if module.padding == "valid" else (spans[0] // 2, spans[1] // 2)
    return Request(Kind.LAYER, (x,), module, problem=problem)


def _linear(module: nn.Linear, x: Any) -> Request:
    return Request(Kind.LAYER, (x,), module)


def _norm(module: nn.BatchNorm2d | nn.BatchNorm1d, x: Any) -> Request:
    problem = "" if module.track_running_stats else "batch norm without running statistics cannot be folded"
    return Request(Kind.NORM, (x,), module, problem=problem)


def _activation(activation: Activation) -> Callable[..., Request]:
    def request(x: Any, inplace: bool = False) -> Request:
        return Request(Kind.ACTIVATION, (x,), activation=activation)

    return request


def _hardtanh(x: Any, low: float, high: float) -> Request:
    problem = "" if low == 0 else "a clamp that does not start at 0 is not supported"
    return Request(Kind.ACTIVATION, (x,), activation=Activation(relu=True, limit=float(high)), problem=problem)


def _max_pool(
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
    problem = "ceil_mode and return_indices are not supported" if ceil_mode or any(rest.values()) else ""
    return Request(Kind.SAME_GRID, (x,), module, monotone=True, problem=problem)


def _avg_pool(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Request:
    kernel, pad = _pair(kernel_size), _pair(padding)
    problem = ""
    if ceil_mode or (any(pad) and not count_include_pad):
        problem = "average pooling with ceil_mode or count_include_pad=False is not supported"

    def make(shape: tuple[int, ...], activation: Activation) -> QuantAvgPool | str:
        divisor = divisor_override or kernel[0] * kernel[1]
        return QuantAvgPool(activation, kernel, _pair(stride or kernel), pad, divisor)

    return Request(Kind.AVERAGE, (x,), pool=make, problem=problem)


def _adaptive_avg_pool(x: Any, output_size: Any) -> Request:
    def make(shape: tuple[int, ...], activation: Activation) -> QuantAvgPool | str:
        wanted = output_size if isinstance(output_size, Sequence) else (output_size, output_size)
        out = tuple(have if want is None else want for want, have in zip(wanted, shape[2:], strict=True))
        if any(have % want for have, want in zip(shape[2:], out, strict=True)):
            return f"adaptive pooling of {shape[2:]} to {out} has uneven windows"
        kernel = shape[2] // out[0], shape[3] // out[1]
        return QuantAvgPool(activation, kernel, kernel, (0, 0), kernel[0] * kernel[1])

    return Request(Kind.AVERAGE, (x,), pool=make)


def _mean(x: Any, dim: Any = None, keepdim: bool = False) -> Request:
    if not keepdim or not isinstance(dim, Sequence) or sorted(d % 4 for d in dim) != [2, 3]:
        return Request(Kind.AVERAGE, (x,), problem="only the mean over height and width with keepdim=True is supported")
    return _adaptive_avg_pool(x, 1)


def _flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Request:
    problem = "" if (start_dim, end_dim) == (1, -1) else "only flatten(1) is supported: the images stay apart"
    return Request(Kind.SAME_GRID, (x,), Flatten(), monotone=True, problem=problem)


def _view(x: Any, *shape: Any) -> Request:
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    flat = len(sizes) == 2 and sizes[1] == -1 and isinstance(sizes[0], fx.Node)
    problem = "" if flat else "only x.view(x.size(0), -1) is supported: the images stay apart"
    return Request(Kind.SAME_GRID, (x,), Flatten(), monotone=True, problem=problem)


def _identity(x: Any, *args: Any, **kwargs: Any) -> Request:
    return Request(Kind.IDENTITY, (x,))


def _add(x: Any, other: Any, *, alpha: Any = 1) -> Request:
    problem = "" if alpha == 1 else "a weighted addition is not supported"
    return Request(Kind.ADD, (x, other), problem=problem)


def _getitem(x: Any, index: Any) -> Request:
    if isinstance(x, fx.Node) and (x.target in NOT_TENSORS or x.op == "get_attr"):
        return Request(Kind.NOT_TENSOR)
    whole = index if isinstance(index, tuple) else (index,)
    plain = all(isinstance(i, slice) and not isinstance(i.start, fx.Node) for i in whole) and whole[0] == slice(None)
    problem = "" if plain else "only slices, and not of the images' axis, are supported"
    return Request(Kind.SAME_GRID, (x,), Slice(whole) if plain else None, problem=problem)


def _pad(x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Request:
    amounts = tuple(int(p) for p in pad)
    problem = "" if mode == "constant" and not value and min(amounts) >= 0 else "only padding with zeros is supported"
    return Request(Kind.SAME_GRID, (x,), Pad(amounts), problem=problem)


def _size(*args: Any) -> Request:
    return Request(Kind.NOT_TENSOR)


def _getattr(x: Any, name: str) -> Request:
    if name in ("shape", "ndim", "dtype", "device"):
        return Request(Kind.NOT_TENSOR)
    return Request(Kind.IDENTITY, (x,), problem=f"the attribute {name} is not supported")


# Targets whose results are not tensors of levels.
NOT_TENSORS: set[Any] = {"size", "dim", getattr}

MODULES: dict[type[nn.Module], Callable[..., Request]] = {
    nn.Conv2d: _conv,
    nn.Linear: _linear,
    nn.BatchNorm2d: _norm,
    nn.BatchNorm1d: _norm,
    nn.ReLU: lambda m, x: _activation(RELU)(x),
    nn.ReLU6: lambda m, x: _activation(RELU6)(x),
    nn.Hardtanh: lambda m, x: _hardtanh(x, m.min_val, m.max_val),
    nn.MaxPool2d: lambda m, x: _max_pool(
        x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, return_indices=m.return_indices
    ),
    nn.AvgPool2d: lambda m, x: _avg_pool(
        x, m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override
    ),
    nn.AdaptiveAvgPool2d: lambda m, x: _adaptive_avg_pool(x, m.output_size),
    nn.Flatten: lambda m, x: _flatten(x, m.start_dim, m.end_dim),
    nn.ZeroPad2d: lambda m, x: _pad(x, m.padding),
    nn.Identity: lambda m, x: _identity(x),
    nn.Dropout: lambda m, x: _identity(x),
    nn.Dropout2d: lambda m, x: _identity(x),
}

FUNCTIONS: dict[Any, Callable[..., Request]] = {
    torch.relu: _activation(RELU),
    functional.relu: _activation(RELU),
    functional.relu6: _activation(RELU6),
    torch.max_pool2d: _max_pool,
    functional.max_pool2d: _max_pool,
    functional.avg_pool2d: _avg_pool,
    functional.adaptive_avg_pool2d: _adaptive_avg_pool,
    torch.mean: _mean,
    torch.flatten: _flatten,
    torch.reshape: _view,
    functional.dropout: _identity,
    functional.pad: _pad,
    torch.add: _add,
    operator.add: _add,
    operator.iadd: _add,
    operator.getitem: _getitem,
    getattr: _getattr,
}

METHODS: dict[Any, Callable[..., Request]] = {
    "relu": _activation(RELU),
    "relu_": _activation(RELU),
    "flatten": _flatten,
    "view": _view,
    "reshape": _view,
    "mean": _mean,
    "contiguous": _identity,
    "add": _add,
    "add_": _add,
    "size": _size,
    "dim": _size,
}
