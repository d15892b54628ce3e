"""Convolutions, linear layers and batch norms, as modules and as calls with parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from wattloop.nn.ops import Pad
from wattloop.nn.requests import Call, Kind, Request

Amounts = tuple[int, int, int, int]


def conv_module(call: Call, module: nn.Conv2d, x: fx.Node) -> Request:
    """A convolution; one of a class of its own counts as what it computes: the plain one, or with "same" padding."""
    shape = call.sizes(x)
    if module.padding_mode != "zeros":
        problem = f"padding_mode {module.padding_mode!r} is not supported; use 'zeros'"
        return Request(Kind.LAYER, (x,), module, problem=problem)
    candidates = [_declared(module), same_padding(module, shape[2:])]
    if type(module).forward is nn.Conv2d.forward:
        return _conv_request(x, module, candidates[0])
    for amounts in candidates:
        if _computes(module, amounts, shape):
            return _conv_request(x, _without_padding(module), amounts)
    problem = f"{type(module).__name__} computes something else than a convolution with zeros around"
    return Request(Kind.LAYER, (x,), module, problem=problem)


def _declared(module: nn.Conv2d) -> Amounts:
    """Zeros that a plain convolution adds: left, right, top, bottom."""
    if module.padding == "valid":
        return 0, 0, 0, 0
    if module.padding == "same":
        spans = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        return spans[1] // 2, spans[1] - spans[1] // 2, spans[0] // 2, spans[0] - spans[0] // 2
    rows, columns = (int(p) for p in module.padding)
    return columns, columns, rows, rows


def same_padding(module: nn.Conv2d, size: Sequence[int]) -> Amounts:
    """Zeros that keep ceil(size / stride) pixels, as TensorFlow adds them: left, right, top, bottom."""
    amounts: list[int] = []
    for axis in (1, 0):
        stride, reach = module.stride[axis], module.dilation[axis] * (module.kernel_size[axis] - 1) + 1
        total = max((math.ceil(size[axis] / stride) - 1) * stride + reach - size[axis], 0)
        amounts += [total // 2, total - total // 2]
    left, right, top, bottom = amounts
    return left, right, top, bottom


@torch.no_grad()
def _computes(module: nn.Conv2d, amounts: Amounts, shape: tuple[int, ...]) -> bool:
    """Whether a convolution of a class of its own is the plain one with these zeros around."""
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    given = module(images)
    expected = functional.conv2d(
        functional.pad(images, amounts),
        module.weight,
        module.bias,
        module.stride,
        0,
        module.dilation,
        module.groups,
    )
    return given.shape == expected.shape and torch.allclose(given, expected, rtol=1e-4, atol=1e-5)


def _without_padding(module: nn.Conv2d) -> nn.Conv2d:
    sizes = (module.in_channels, module.out_channels, module.kernel_size, module.stride, 0, module.dilation)
    plain = nn.Conv2d(*sizes, module.groups, module.bias is not None, device="meta")  # type: ignore[arg-type]
    _share(plain, module.weight, module.bias)
    return plain


def _conv_request(x: fx.Node, module: nn.Conv2d, amounts: Amounts) -> Request:
    """Zeros are the layer's own where they are the same on both sides, as geometries have them."""
    left, right, top, bottom = amounts
    if (left, top) == (right, bottom):
        module.padding = (top, left)
        return Request(Kind.LAYER, (x,), module)
    return Request(Kind.LAYER, (x,), _without_padding(module), before=Pad(amounts))


def linear_module(call: Call, module: nn.Linear, x: fx.Node) -> Request:
    """A linear layer."""
    return Request(Kind.LAYER, (x,), module)


def norm_module(call: Call, module: nn.BatchNorm2d | nn.BatchNorm1d, x: fx.Node) -> Request:
    """A batch norm."""
    problem = "" if module.track_running_stats else "batch norm without running statistics cannot be folded"
    return Request(Kind.NORM, (x,), module, problem=problem)


def conv2d(
    call: Call,
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Request:
    """`functional.conv2d` with parameters of the network."""
    kernel = call.constant(weight)
    assert kernel is not None
    height, width = kernel.shape[2:]
    plain = nn.Conv2d(
        kernel.shape[1] * groups,
        kernel.shape[0],
        (height, width),
        _plain(stride),
        _plain(padding),
        _plain(dilation),
        groups,
        bias=bias is not None,
        device="meta",
    )
    module = _share(plain, kernel, call.constant(bias))
    assert isinstance(module, nn.Conv2d)
    request = conv_module(call, module, x)
    return replace(request, name=_owner(weight))


def linear(call: Call, x: Any, weight: Any, bias: Any = None) -> Request:
    """`functional.linear` with parameters of the network."""
    matrix = call.constant(weight)
    assert matrix is not None
    module = nn.Linear(matrix.shape[1], matrix.shape[0], bias=bias is not None, device="meta")
    return Request(Kind.LAYER, (x,), _share(module, matrix, call.constant(bias)), name=_owner(weight))


def batch_norm(  # noqa: PLR0913, PLR0917 - torch's own arguments
    call: Call,
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Request:
    """`functional.batch_norm` with parameters and buffers of the network."""
    mean, variance = call.constant(running_mean), call.constant(running_var)
    if mean is None or variance is None or training:
        return Request(Kind.NORM, (x,), problem="batch norm without running statistics cannot be folded")
    make = nn.BatchNorm2d if len(call.sizes(x)) == 4 else nn.BatchNorm1d
    module = make(len(mean), eps, momentum or 0.1, affine=weight is not None)
    _share(module, call.constant(weight), call.constant(bias))
    module.running_mean, module.running_var = mean, variance
    return Request(Kind.NORM, (x,), module.eval(), name=_owner(running_mean))


def _share(module: nn.Module, weight: Tensor | None, bias: Tensor | None) -> nn.Module:
    """The module with these parameters, which it shares with the traced network."""
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None or name in module._parameters:
            trained = value is None or isinstance(value, nn.Parameter)
            module.register_parameter(name, value if trained else nn.Parameter(value))  # type: ignore[arg-type]
    return module


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int) else tuple(value) if isinstance(value, Sequence) else value


def _owner(parameter: fx.Node) -> str:
    """Name of the layer that a parameter belongs to."""
    name, _, last = str(parameter.target).rpartition(".")
    return name if name and last in ("weight", "running_mean") else str(parameter.target)
