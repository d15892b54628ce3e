"""Batch norms on integers: an affine map per channel as an integer bias and a scale."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wattloop.nn.fake import straight_through

BatchNorm = nn.BatchNorm2d | nn.BatchNorm1d

# A channel whose gain is (nearly) 0 would need an unbounded integer bias; its gain is raised until the bias fits.
_GREATEST_BIAS = float(1 << 30)


def gain_and_shift(norm: BatchNorm, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and shift per channel, float64, of a batch norm with running statistics.

    Args:
        norm: the batch norm.
        shift: what is added before it, float64, shape (channels,).
    """
    assert norm.running_mean is not None and norm.running_var is not None
    gain = torch.rsqrt(norm.running_var.double() + norm.eps)
    if norm.weight is not None:
        gain = gain * norm.weight.double()
    shift = gain * (shift - norm.running_mean.double())
    return gain, shift if norm.bias is None else shift + norm.bias.double()


def bias_and_scale(gain: Tensor, shift: Tensor, unit: Tensor, out_scale: Tensor) -> tuple[Tensor, Tensor]:
    """Integer bias (float64 tensor) and float32 scale per channel.

    The real output of a channel is gain * (unit * acc) + shift, so scale = gain * unit / out_scale and
    bias = round(shift / (gain * unit)).

    Args:
        gain: float64, shape (channels,).
        shift: likewise.
        unit: real value of one unit of acc.
        out_scale: real value of an output level.
    """
    least = (shift.detach().abs() / (unit * _GREATEST_BIAS)).clamp(min=1e-30)
    gain = torch.where(gain.abs() < least, torch.where(gain < 0, -least, least), gain)
    real = shift / (gain * unit)
    return straight_through(real.round(), real), (gain * unit / out_scale).to(torch.float32)
