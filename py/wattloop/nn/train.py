"""Training, float or quantisation-aware: the same loop for both."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wattloop.errors import ModelError
from wattloop.nn.augment import random_crop, random_flip
from wattloop.nn.config import TrainConfig
from wattloop.nn.datasets import Dataset
from wattloop.nn.evaluate import Score, evaluate
from wattloop.nn.models import Normalized
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.objective import Objective, Penalty, at_rest

BeforeStep = Callable[[int, int], None]


@dataclass(frozen=True)
class EpochReport:
    """What happened in one epoch.

    Attributes:
        epoch: counted from 1.
        epochs: of the run.
        loss: mean training loss, nats.
        accuracy: share of (augmented) training images that were correct, before each step.
        seconds: wall time of the training part.
        validation: score on the validation split, if asked for.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    seconds: float
    validation: Score | None


def fit(  # noqa: PLR0913 - each is an independent choice of the caller
    network: nn.Module,
    dataset: Dataset,
    config: TrainConfig,
    *,
    validate: bool = False,
    on_epoch: Callable[[EpochReport], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    teacher: nn.Module | None = None,
    penalty: Penalty | None = None,
    before_step: BeforeStep | None = None,
) -> list[EpochReport]:
    """Train `network` in place on the training split and leave it in evaluation mode.

    Bit-reproducible for a seed on one machine and number of threads. Constraints stay in force: masked weights stay 0
    and the others on their allowed values (straight-through gradients).

    Args:
        network: `QuantizedNetwork` or `Normalized` (raw pixels in, logits out).
        dataset: its training split is used, and its validation split if `validate`.
        config: settings.
        validate: score the validation split after every epoch.
        on_epoch: called after every epoch.
        progress: called with (steps done, steps in all) after every step.
        teacher: another network that takes raw pixels, to distil from on the same augmented images
            (`config.distill_weight`); evaluated without gradients, in evaluation mode, and left as it was.
        penalty: a differentiable scalar of the network, nats, added to the loss of every step.
        before_step: called with (steps done, steps in all) before every step, so an epoch begins wherever steps done is
            a multiple of `steps_per_epoch`; it may change weights and constraints, not replace parameters.

    Raises:
        ModelError: a bare float network, too few images for one batch, or a loss that is no longer finite.
    """
    if not isinstance(network, QuantizedNetwork | Normalized):
        raise ModelError(f"{type(network).__name__} does not take raw pixels: wrap it in Normalized(model, mean, std)")
    run = _Run(network, dataset, config, Objective(config, teacher, penalty), before_step)
    reports = []
    with at_rest(teacher), _threads(config.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)  # dropout draws from the global generator
        for epoch in range(1, run.epochs + 1):
            reports.append(run.epoch(epoch, validate, progress))
            if on_epoch is not None:
                on_epoch(reports[-1])
    network.eval()
    return reports


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Run:
    """State of one call of `fit`."""

    def __init__(
        self,
        network: nn.Module,
        dataset: Dataset,
        config: TrainConfig,
        objective: Objective,
        before_step: BeforeStep | None,
    ) -> None:
        self.network, self.dataset, self.config = network, dataset, config
        self.objective, self.before_step = objective, before_step
        self.device = next(network.parameters()).device
        self.images = torch.from_numpy(dataset.train.images)
        self.labels = torch.from_numpy(dataset.train.labels)
        self.generator = torch.Generator().manual_seed(config.seed)
        per_epoch = steps_per_epoch(dataset, config)
        wanted = config.epochs * per_epoch
        self.steps = wanted if config.max_steps is None else min(wanted, config.max_steps)
        self.epochs = math.ceil(self.steps / per_epoch)
        self.done = 0
        self.optimizer = make_optimizer(network, config)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def epoch(self, epoch: int, validate: bool, progress: Callable[[int, int], None] | None) -> EpochReport:
        self.network.train()
        start, loss_sum, correct, seen = time.perf_counter(), 0.0, 0, 0
        for images, labels in self._batches():
            loss, outputs = self._step(images, labels)
            loss_sum += loss
            correct += int((outputs.argmax(1) == labels).sum())
            seen += 1
            if progress is not None:
                progress(self.done, self.steps)
        seconds = time.perf_counter() - start
        split = self.dataset.validation
        score = evaluate(self.network, split.images, split.labels) if validate else None
        images_seen = seen * self.config.batch_size
        return EpochReport(epoch, self.epochs, loss_sum / seen, correct / images_seen, seconds, score)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.images), generator=self.generator)
        size = self.config.batch_size
        for chosen in torch.split(order, size)[: len(order) // size]:
            if self.done == self.steps:
                return
            images = self.images[chosen]
            if self.config.augment and self.dataset.crop_padding:
                images = random_crop(images, self.dataset.crop_padding, self.generator)
            if self.config.augment and self.dataset.flip:
                images = random_flip(images, self.generator)
            yield images.to(self.device), self.labels[chosen].to(self.device)

    def _step(self, images: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        if self.before_step is not None:
            self.before_step(self.done, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.done, self.steps)
        loss, outputs = self.objective(self.network, images, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.done += 1
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ModelError(f"training diverged at step {self.done} (loss {value}): lower learning_rate")
        return value, outputs.detach()


def steps_per_epoch(dataset: Dataset, config: TrainConfig) -> int:
    """Steps of one pass over the training images.

    Raises:
        ModelError: too few images for one batch.
    """
    images = len(dataset.train.images)
    if images < config.batch_size:
        raise ModelError(f"{images} training images do not fill one batch of {config.batch_size}")
    return images // config.batch_size


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser of `config`; weight decay falls on weights and not on biases and batch norms."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if config.optimizer == "adam":
        return torch.optim.AdamW(groups, lr=config.learning_rate)
    nesterov = config.momentum > 0
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=nesterov)


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Learning rate of step number `step` (from 0) out of `steps`."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.learning_rate
    done = (step - config.warmup_steps) / max(1, steps - config.warmup_steps)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
