"""What training minimises: cross entropy, distillation from a teacher, and terms of the caller's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from wattloop.nn.config import TrainConfig
from wattloop.nn.network import QuantizedNetwork

Penalty = Callable[[nn.Module], Tensor]


@dataclass(frozen=True, eq=False)
class Objective:
    """Loss of a batch: (1 - a) * cross entropy + a * T^2 * KL(teacher, network at temperature T) + penalty, nats.

    Attributes:
        config: settings; a and T are `distill_weight` and `distill_temperature`, without a teacher a is 0.
        teacher: takes raw pixels and gives logits, (images, classes); None distils from nobody.
        penalty: differentiable scalar of the network, such as an estimate of its energy; None adds nothing.
    """

    config: TrainConfig
    teacher: nn.Module | None = None
    penalty: Penalty | None = None

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss (scalar) and logits (images, classes) of a batch of raw pixels.

        Args:
            network: in training mode.
            images: as the network takes them; the teacher sees the same.
            labels: int64, shape (images,).
        """
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            outputs = network(images).float()
        loss = functional.cross_entropy(outputs, labels, label_smoothing=self.config.label_smoothing)
        if self.teacher is not None:
            share = self.config.distill_weight
            loss = (1 - share) * loss + share * self._divergence(self.teacher, outputs, images)
        if self.penalty is not None:
            inner = network.module if isinstance(network, DistributedDataParallel) else network
            loss = loss + self.penalty(inner)
        return loss, outputs

    def _divergence(self, teacher: nn.Module, outputs: Tensor, images: Tensor) -> Tensor:
        # The logits of an int8 network are defined to the bit, those of a float network are not.
        narrow = self.config.bfloat16 and not isinstance(teacher, QuantizedNetwork)
        with torch.no_grad(), torch.autocast(images.device.type, torch.bfloat16, enabled=narrow):
            wanted = teacher(images).float()
        return divergence(outputs, wanted, self.config.distill_temperature)


def divergence(outputs: Tensor, wanted: Tensor, temperature: float) -> Tensor:
    """Mean KL divergence of softened predictions from the teacher's, times the temperature squared, nats.

    The square keeps the gradient's size, which falls with it (Hinton, Vinyals, Dean 2015).

    Args:
        outputs: logits, shape (images, classes).
        wanted: the teacher's, same shape.
        temperature: divides both.
    """
    ours = (outputs / temperature).log_softmax(1)
    theirs = (wanted / temperature).log_softmax(1)
    return functional.kl_div(ours, theirs, reduction="batchmean", log_target=True) * temperature**2


@contextmanager
def at_rest(teacher: nn.Module | None) -> Iterator[None]:
    """Evaluation mode for the block; the teacher gets its own back."""
    if teacher is None:
        yield
        return
    mode = teacher.training
    teacher.eval()
    try:
        yield
    finally:
        teacher.train(mode)
