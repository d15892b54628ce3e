"""A convolution or linear layer with its batch norm and activation, on integer levels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from wattloop.arith.layer import Int8
from wattloop.nn.codes import AllowedCodes
from wattloop.nn.fake import quantize_levels, straight_through
from wattloop.nn.grid import Activation
from wattloop.nn.norms import BatchNorm, bias_and_scale, gain_and_shift

WEIGHT_LOW, WEIGHT_HIGH = -128, 127
# Sums of integers are exact in float32 below this bound, in any order; beyond it float64 is used.
_FLOAT32_EXACT = float(1 << 24)


class QuantLayer(nn.Module):
    """Fake-quantised `nn.Conv2d` or `nn.Linear`: levels in, levels out.

    In evaluation mode it computes, exactly, clamp(round_half_even(float32(acc + bias) * float32(scale))) with the
    integer accumulator acc of the levels and the weights' levels, batch norm being part of `bias` and `scale`. In
    training mode batch norm uses and updates its batch statistics and only the roundings are simulated.

    Attributes:
        module: the ordinary layer; its `weight` holds real numbers and may be parametrised (`wattloop.nn.constraint`).
        norm: batch norm that follows it, or None; after a linear layer only where that reads (images, features).
        activation: what follows.
        in_signed: input levels are int8.
        wide: the output is the accumulator itself (logits).
        in_scale: real value of an input level.
        weight_scale: real value of a weight level, fixed at calibration.
        out_scale: real value of an output level.
        in_zero: level of each input channel that stands for real 0 (normalised pixels), or None for 0.
        input_codes: what holds input levels to allowed codes (`wattloop.nn.input_codes`), or None for all codes.
    """

    in_scale: Tensor
    weight_scale: Tensor
    out_scale: Tensor
    in_zero: Tensor | None
    input_codes: AllowedCodes | None

    def __init__(
        self,
        module: nn.Conv2d | nn.Linear,
        norm: BatchNorm | None,
        activation: Activation,
        *,
        in_signed: bool,
        wide: bool,
    ) -> None:
        super().__init__()
        self.module, self.norm, self.activation = module, norm, activation
        self.in_signed, self.wide = in_signed, wide
        for name in ("in_scale", "weight_scale", "out_scale"):
            self.register_buffer(name, torch.ones((), dtype=torch.float64))
        self.register_buffer("in_zero", None)
        self.register_module("input_codes", None)

    @property
    def kind(self) -> str:
        """ "conv" or "linear"."""
        return "conv" if isinstance(self.module, nn.Conv2d) else "linear"

    @property
    def latent(self) -> nn.Parameter:
        """The real-valued parameter that training updates, below any constraint; gradients reach it."""
        if parametrize.is_parametrized(self.module, "weight"):
            original = self.module.parametrizations.weight.original  # type: ignore[union-attr]
            assert isinstance(original, nn.Parameter)
            return original
        weight = self.module.weight
        assert isinstance(weight, nn.Parameter)
        return weight

    def weight_levels(self) -> Tensor:
        """Integer weights as float32, in the module's weight shape, with a straight-through gradient."""
        real = self.module.weight / self.weight_scale.to(torch.float32)
        return straight_through(real.round().clamp(WEIGHT_LOW, WEIGHT_HIGH), real)

    @torch.no_grad()
    def integer_weight(self) -> Int8:
        """int8 weights, shape (out_channels, reduction), columns in im2col order."""
        return self.weight_levels().flatten(1).cpu().numpy().astype(np.int8)

    def levels(self) -> tuple[int, int]:
        """Least and greatest output level."""
        return self.activation.levels(float(self.out_scale))

    def requantisation(self) -> tuple[Tensor, Tensor]:
        """Integer bias per output channel (float64 tensor) and float32 scale per channel."""
        gain, shift = self._affine()
        return bias_and_scale(gain, shift, self.in_scale * self.weight_scale, self.out_scale)

    def _affine(self) -> tuple[Tensor, Tensor]:
        """Gain and shift per output channel, float64: the layer's own bias and batch norm with running statistics."""
        like = {"dtype": torch.float64, "device": self.in_scale.device}
        gain = torch.ones(self.module.weight.shape[0], **like)  # type: ignore[call-overload]
        shift = torch.zeros_like(gain) if self.module.bias is None else self.module.bias.double()
        return (gain, shift) if self.norm is None else gain_and_shift(self.norm, shift)

    def forward(self, levels: Tensor) -> Tensor:
        """Levels as floats -> levels as floats: (images, channels, ...), for a linear layer (images, ..., features)."""
        seen = self.array_levels(levels)
        return self._train(seen) if self.training else self._infer(seen)

    def array_levels(self, levels: Tensor) -> Tensor:
        """Input levels as the array sees them: `levels`, held to the allowed codes if there are any."""
        return levels if self.input_codes is None else self.input_codes(levels)

    def _train(self, levels: Tensor) -> Tensor:
        unit = float(self.in_scale * self.weight_scale)
        real = self._product(self._centred(levels), self.weight_levels() * unit, self.module.bias)
        scaled = self._normalised(real, 1.0 / float(self.out_scale))
        return scaled if self.wide else quantize_levels(scaled, *self.levels())

    def _normalised(self, real: Tensor, factor: float) -> Tensor:
        """`factor` times the batch norm of `real`: by its gain and shift, which spares a pass over all pixels.

        A norm with a forward of its own (`distributed.shared_statistics`) is asked itself.
        """
        norm = self.norm
        plain = norm is not None and norm.training and norm.track_running_stats and "forward" not in vars(norm)
        if norm is None or not plain or norm.weight is None or norm.momentum is None:
            return (real if norm is None else norm(real)) * factor
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.add_(1)
        return functional.batch_norm(
            real,
            norm.running_mean,
            norm.running_var,
            norm.weight * factor,
            norm.bias * factor,
            training=True,
            momentum=norm.momentum,
            eps=norm.eps,
        )

    def _infer(self, levels: Tensor) -> Tensor:
        weight = self.weight_levels()
        bias, scale = self.requantisation()
        exact = self._exact_dtype(weight, bias)
        sums = self._product(self._centred(levels).to(exact), weight.to(exact), None)
        channels = (-1,) if self.kind == "linear" else (-1, 1, 1)
        total = sums + bias.to(exact).view(channels)
        return total if self.wide else quantize_levels(total.to(torch.float32) * scale.view(channels), *self.levels())

    def _exact_dtype(self, weight: Tensor, bias: Tensor) -> torch.dtype:
        """The float type in which every partial sum of integers is exact (elsewhere than on a CPU always float64)."""
        if weight.device.type != "cpu":
            return torch.float64
        greatest = weight.detach().abs().flatten(1).sum(1) * 255 + bias.detach().abs()
        return torch.float32 if float(greatest.max()) < _FLOAT32_EXACT else torch.float64

    def _centred(self, levels: Tensor) -> Tensor:
        return levels if self.in_zero is None else levels - self.in_zero.to(levels.dtype)

    def _product(self, levels: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        m = self.module
        if isinstance(m, nn.Linear):
            return functional.linear(levels, weight, bias)
        return functional.conv2d(levels, weight, bias, m.stride, m.padding, m.dilation, m.groups)
