"""Straight-through rounding: integers forward, the identity (or a clamp) backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Quantize(torch.autograd.Function):
    """Round half to even and clamp; the gradient passes where the input lies inside the range."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, low: float, high: float) -> Tensor:
        return values.clamp(low, high).round_()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        values, ctx.low, ctx.high = inputs
        ctx.save_for_backward(values)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (values,) = ctx.saved_tensors
        # Padding and slicing hand back gradients in another layout, which batch norm pays for with its fast path.
        grad = torch.empty_like(values, dtype=grads[0].dtype).copy_(grads[0]) if _moved(values, grads[0]) else grads[0]
        return torch.ops.aten.hardtanh_backward(grad, values, ctx.low, ctx.high), None, None


def _moved(values: Tensor, grad: Tensor) -> bool:
    """Whether the gradient lies otherwise in memory than dense values do."""
    return grad.stride() != values.stride() and values.is_contiguous(memory_format=torch.channels_last)


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


class _LookUp(torch.autograd.Function):
    """Entries of a table; the gradient goes to what chose them, as if each had been its own entry."""

    generate_vmap_rule = True

    @staticmethod
    def forward(table: Tensor, levels: Tensor, least: int) -> Tensor:
        return table[(levels - least).to(torch.int32)].to(levels.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return None, grads[0], None


def quantize_levels(values: Tensor, low: int, high: int) -> Tensor:
    """Levels of `values`: rounded half to even and clamped, with a clipped straight-through gradient."""
    levels: Tensor = _Quantize.apply(values, low, high)  # type: ignore[no-untyped-call]
    return levels


def straight_through(values: Tensor, carrier: Tensor) -> Tensor:
    """`values`, bit for bit, with the gradient going to `carrier`."""
    result: Tensor = _StraightThrough.apply(values.detach(), carrier)  # type: ignore[no-untyped-call]
    return result


def look_up(table: Tensor, levels: Tensor, least: int) -> Tensor:
    """The entry of `table`, of shape (entries,), at each of `levels` - `least`, with the gradient going to `levels`."""
    found: Tensor = _LookUp.apply(table, levels, least)  # type: ignore[no-untyped-call]
    return found
