"""Operations that float parts may hold: what has no sensible 8-bit form, and tensors computed from constants."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import nn
from torch.nn import functional

FLOAT_MODULES: tuple[type[nn.Module], ...] = (
    nn.GroupNorm,
    nn.LayerNorm,
    nn.LocalResponseNorm,
    nn.PReLU,
    nn.Softmax,
    nn.Softmax2d,
    nn.Upsample,
    nn.UpsamplingBilinear2d,
    nn.UpsamplingNearest2d,
)

# fmt: off
_NAMES = [
    "abs", "add", "addcmul", "amax", "amin", "bmm", "cat", "concat", "cos", "cumsum", "div", "einsum", "erf",
    "exp", "expand_as", "flip", "log", "log_softmax", "matmul", "maximum", "mean", "minimum", "mul", "neg",
    "norm", "pow", "prod", "reciprocal", "repeat_interleave", "roll", "rsqrt", "sin", "softmax", "sqrt", "stack",
    "std", "sub", "sum", "true_divide", "var",
]
_FUNCTIONAL = [
    "group_norm", "interpolate", "layer_norm", "log_softmax", "normalize", "pixel_shuffle", "pixel_unshuffle",
    "prelu", "rms_norm", "scaled_dot_product_attention", "softmax", "softmin",
]
_OPERATORS = [
    "add", "iadd", "isub", "itruediv", "matmul", "mul", "imul", "neg", "pow", "sub", "truediv",
]
# fmt: on

FLOAT_FUNCTIONS: tuple[Any, ...] = (
    *(getattr(torch, name) for name in _NAMES if hasattr(torch, name)),
    *(getattr(functional, name) for name in _FUNCTIONAL if hasattr(functional, name)),
    *(getattr(operator, name) for name in _OPERATORS),
)

FLOAT_METHODS: tuple[str, ...] = (*_NAMES, "expand", "repeat", "add_", "sub_", "mul_", "div_", "type_as")
