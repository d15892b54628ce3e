"""Straight-through rounding: integers forward, the identity (or a clamp) backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Quantize(torch.autograd.Function):
    """Round half to even and clamp; the gradient passes where the input lies within the range."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, low: float, high: float) -> Tensor:
        return values.clamp(low, high).round_()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        values, low, high = inputs
        ctx.save_for_backward((values >= low) & (values <= high))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (inside,) = ctx.saved_tensors
        return grads[0] * inside, None, None


class _StraightThrough(torch.autograd.Function):
    """Exactly the first tensor; its gradient goes to the second."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, carrier: Tensor) -> Tensor:
        return values.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return None, grads[0]


def quantize_levels(values: Tensor, low: int, high: int) -> Tensor:
    """Levels of `values`: rounded half to even and clamped, with a clipped straight-through gradient."""
    levels: Tensor = _Quantize.apply(values, low, high)  # type: ignore[no-untyped-call]
    return levels


def straight_through(values: Tensor, carrier: Tensor) -> Tensor:
    """`values`, bit for bit, with the gradient going to `carrier`."""
    result: Tensor = _StraightThrough.apply(values.detach(), carrier)  # type: ignore[no-untyped-call]
    return result
