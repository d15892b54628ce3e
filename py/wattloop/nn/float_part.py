"""What has no sensible 8-bit form: operations in floating point between levels (layer norms, softmax, attention)."""

from __future__ import annotations

import torch
from torch import Tensor, fx
from torch.func import functional_call

from wattloop.nn.fake import quantize_levels
from wattloop.nn.grid import LINEAR
from wattloop.nn.ops import Requantizing


class FloatPart(Requantizing):
    """Levels in, int8 levels out, real numbers in between.

    Both networks run this very code. In evaluation mode it computes in float64, so that the order in which a batch is
    summed, which differs with its size and with the machine, is far below what could move a rounding to levels; in
    training mode in float32.

    Attributes:
        body: the traced operations, real tensors in (one for each input) and a real tensor out.
        title: where in the network it is and what it computes, such as "blocks.0.attn (softmax, matmul)".
    """

    def __init__(self, body: fx.GraphModule, title: str, inputs: int) -> None:
        super().__init__(LINEAR, inputs)
        self.body, self.title = body, title

    def forward(self, *levels: Tensor) -> Tensor:
        """Tensors of levels, images first."""
        precise = torch.float32 if self.training else torch.float64
        scales = self.in_scales.to(precise)
        whole = (level.to(precise, memory_format=torch.contiguous_format) for level in levels)  # as `view` wants it
        real = self._body(*(level * scale for level, scale in zip(whole, scales, strict=True)))
        return quantize_levels(real / self.out_scale.to(precise), *self.levels()).to(torch.float32)

    def _body(self, *real: Tensor) -> Tensor:
        if self.training:
            whole: Tensor = self.body(*real)
            return whole
        state = {**dict(self.body.named_parameters()), **dict(self.body.named_buffers())}
        exact = {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
        result: Tensor = functional_call(self.body, exact, real)
        return result
