"""Training on a GPU, and by several processes at once: one of them a rank, as `torchrun` starts them.

All ranks go through the same epochs in the same order, each takes its part of every batch; gradients and the statistics
of batch norms are those of the whole batch, so that weights stay equal on all ranks and come out as one process would
have them, up to rounding (dropout draws other masks).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from wattloop.errors import ModelError
from wattloop.nn.config import Device


@dataclass(frozen=True)
class Place:
    """Which of the processes that train together this one is.

    Attributes:
        rank: from 0; rank 0 writes and speaks.
        world: number of processes.
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def part(self, batch: Tensor) -> Tensor:
        """This rank's part of a batch, along the first axis, which `world` divides."""
        size = len(batch) // self.world
        return batch[self.rank * size : (self.rank + 1) * size]

    def sums(self, values: Tensor) -> Tensor:
        """Sums over the ranks, on every rank; `values` is changed."""
        if self.world > 1:
            distributed.all_reduce(values)
        return values

    def told(self, value: Tensor) -> Tensor:
        """Rank 0's `value`, on every rank; `value` is changed."""
        if self.world > 1:
            distributed.broadcast(value, 0)
        return value

    def answer(self, yes: bool) -> bool:
        """Rank 0's answer to a question, on every rank."""
        if self.world == 1:
            return yes
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        return bool(self.told(torch.tensor(float(yes), device=device)))

    def rows(self, row: Tensor, device: torch.device) -> Tensor:
        """Every rank's `row`, shape (world, ...), on the CPU; `device` carries them."""
        if self.world == 1:
            return row[None]
        mine = row.to(device)
        found = [torch.empty_like(mine) for _ in range(self.world)]
        distributed.all_gather(found, mine)
        return torch.stack(found).cpu()

    def parallel(self, network: nn.Module) -> nn.Module:
        """`network` with gradients that are means over the ranks, from rank 0's weights; itself if it is alone."""
        if self.world == 1:
            return network
        return DistributedDataParallel(network)


def place() -> Place:
    """Which process this is; alone if none were joined."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Place()
    return Place(distributed.get_rank(), distributed.get_world_size())


@contextmanager
def joined(device: Device = "auto") -> Iterator[Place]:
    """Join the processes that `torchrun` started with this one, for the block; alone where it did not.

    Args:
        device: where training will be; GPUs talk through NCCL, CPUs through Gloo.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or place().world > 1:
        yield place()
        return
    target = device_of(device, torch.device("cpu"))
    if target.type == "cuda":
        torch.cuda.set_device(target)
    distributed.init_process_group("nccl" if target.type == "cuda" else "gloo")
    try:
        yield place()
    finally:
        distributed.destroy_process_group()


def device_of(setting: Device, now: torch.device) -> torch.device:
    """Where a network that lies on `now` is trained; of several GPUs each process of a machine takes its own.

    Raises:
        ModelError: there is no GPU, but one is asked for.
    """
    if setting == "cuda" and not torch.cuda.is_available():
        raise ModelError('training: device = "cuda", but torch finds no GPU here; legal: auto, cpu, cuda')
    if setting == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu") if setting == "cpu" else now
    if now.type == "cuda":
        return now
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


@contextmanager
def moved(device: torch.device, *networks: nn.Module | None) -> Iterator[None]:
    """Networks on `device` for the block; they go back to where they were."""
    present = [network for network in networks if network is not None]
    before = [next(network.parameters()).device for network in present]
    try:
        for network in present:
            network.to(device)
        yield
    finally:
        for network, own in zip(present, before, strict=True):
            network.to(own)


@contextmanager
def seeded(seed: int, where: Place, device: torch.device) -> Iterator[None]:
    """torch's global generators at a seed, another one on each rank, for the block; dropout draws from them."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed + (where.rank << 32))
        yield


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Let cuDNN choose only kernels that repeat their bits, for the block; nothing on a CPU."""
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    if device.type == "cuda":
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before


@contextmanager
def shared_statistics(network: nn.Module, where: Place) -> Iterator[None]:
    """Let batch norms in training mode take mean and variance of the whole batch, for the block; no tensor changes.

    torch's own `SyncBatchNorm` needs GPUs; this is the same on any device.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)] if where.world > 1 else []
    for norm in norms:  # an attribute of the instance hides the method of its class
        norm.forward = _SharedNorm(norm, where)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


class _Sum(torch.autograd.Function):
    """Sum over the ranks; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


@dataclass(frozen=True, eq=False)
class _SharedNorm:
    """Forward of a batch norm over the batches of all ranks, which are of one size."""

    norm: _BatchNorm
    where: Place

    def __call__(self, values: Tensor) -> Tensor:
        norm = self.norm
        if not norm.training:
            return type(norm).forward(norm, values)
        real = values.float()
        axes = [axis for axis in range(real.dim()) if axis != 1]
        shape = [1, -1] + [1] * (real.dim() - 2)
        count = real.numel() // real.shape[1] * self.where.world
        mean = _total(real.sum(axes)) / count
        centred = real - mean.view(shape)
        variance = _total(centred.square().sum(axes)) / count
        self._note(mean.detach(), variance.detach() * (count / max(1, count - 1)))
        scaled = centred * torch.rsqrt(variance + norm.eps).view(shape)
        if norm.weight is not None:
            scaled = scaled * norm.weight.view(shape) + norm.bias.view(shape)
        return scaled.to(values.dtype)

    @torch.no_grad()
    def _note(self, mean: Tensor, variance: Tensor) -> None:
        norm = self.norm
        if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
            return
        norm.num_batches_tracked.add_(1)
        share = 1.0 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
        norm.running_mean.lerp_(mean, share)
        norm.running_var.lerp_(variance, share)


def _total(values: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
    return total
