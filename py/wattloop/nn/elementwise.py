"""Element-wise functions that become tables of levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from wattloop.nn.grid import LINEAR, RELU
from wattloop.nn.requests import Call, Kind, Request

# By name: the function, and whether its values are never below 0.
_FUNCTIONS: dict[str, tuple[Callable[..., Tensor], bool]] = {
    "abs": (torch.abs, True),
    "celu": (functional.celu, False),
    "elu": (functional.elu, False),
    "gelu": (functional.gelu, False),
    "hardshrink": (functional.hardshrink, False),
    "hardsigmoid": (functional.hardsigmoid, True),
    "hardswish": (functional.hardswish, False),
    "leaky_relu": (functional.leaky_relu, False),
    "logsigmoid": (functional.logsigmoid, False),
    "mish": (functional.mish, False),
    "selu": (functional.selu, False),
    "sigmoid": (torch.sigmoid, True),
    "silu": (functional.silu, False),
    "softplus": (functional.softplus, True),
    "softsign": (functional.softsign, False),
    "square": (torch.square, True),
    "tanh": (torch.tanh, False),
}

# Modules and the settings that they pass on.
_MODULES: dict[type[nn.Module], tuple[str, tuple[str, ...]]] = {
    nn.CELU: ("celu", ("alpha",)),
    nn.ELU: ("elu", ("alpha",)),
    nn.GELU: ("gelu", ("approximate",)),
    nn.Hardshrink: ("hardshrink", ("lambd",)),
    nn.Hardsigmoid: ("hardsigmoid", ()),
    nn.Hardswish: ("hardswish", ()),
    nn.LeakyReLU: ("leaky_relu", ("negative_slope",)),
    nn.LogSigmoid: ("logsigmoid", ()),
    nn.Mish: ("mish", ()),
    nn.SELU: ("selu", ()),
    nn.Sigmoid: ("sigmoid", ()),
    nn.SiLU: ("silu", ()),
    nn.Softplus: ("softplus", ("beta", "threshold")),
    nn.Softsign: ("softsign", ()),
    nn.Tanh: ("tanh", ()),
}


def _request(name: str, x: Any, *args: Any, **settings: Any) -> Request:
    function, positive = _FUNCTIONS[name]
    settings.pop("inplace", None)

    def real(values: Tensor) -> Tensor:
        result: Tensor = function(values, *args, **settings)
        return result

    return Request(Kind.TABLE, (x,), activation=RELU if positive else LINEAR, function=real, name=name)


def _maker(name: str) -> Callable[..., Request]:
    def make(call: Call, x: Any, *args: Any, **settings: Any) -> Request:
        return _request(name, x, *args, **settings)

    return make


def table_of_module(module: nn.Module) -> Callable[[Call, Any, fx.Node], Request] | None:
    """How a module becomes a table; None if it is no element-wise function."""
    if type(module) not in _MODULES:
        return None
    name, passed = _MODULES[type(module)]
    settings = {each: getattr(module, each) for each in passed}
    return lambda call, m, x: _request(name, x, **settings)


def _targets() -> dict[Any, Callable[..., Request]]:
    found: dict[Any, Callable[..., Request]] = {}
    for name in _FUNCTIONS:
        for target in (name, f"{name}_"):
            found[target] = _maker(name)
            for home in (torch, functional):
                if hasattr(home, target):
                    found[getattr(home, target)] = _maker(name)
    return found


# Functions, and methods by name.
TABLES: dict[Any, Callable[..., Request]] = _targets()
