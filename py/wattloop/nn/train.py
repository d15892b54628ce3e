"""Training, float or quantisation-aware: the same loop for both."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from wattloop.errors import ModelError
from wattloop.nn.augment import random_crop, random_flip
from wattloop.nn.config import TrainConfig
from wattloop.nn.datasets import Dataset
from wattloop.nn.distributed import Place, device_of, moved, place, repeatable, seeded, shared_statistics
from wattloop.nn.evaluate import Score, evaluate
from wattloop.nn.models import Normalized
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.objective import Objective, Penalty, at_rest
from wattloop.nn.training_state import Checkpoint, EpochReport, Kept, Progress, keep, read, state_key

StepCall = Callable[[int, int], None]
EpochCall = Callable[[EpochReport], None]


def fit(  # noqa: PLR0913 - each is an independent choice of the caller
    network: nn.Module,
    dataset: Dataset,
    config: TrainConfig,
    *,
    validate: bool = False,
    on_epoch: EpochCall | None = None,
    progress: StepCall | None = None,
    teacher: nn.Module | None = None,
    penalty: Penalty | None = None,
    before_step: StepCall | None = None,
    checkpoint: Path | Checkpoint | None = None,
) -> list[EpochReport]:
    """Train `network` in place on the training split and leave it in evaluation mode.

    Bit-reproducible for a seed on one machine and number of threads. Constraints stay in force: masked weights stay 0
    and the others on their allowed values (straight-through gradients). In processes that were joined
    (`distributed.joined`) every rank calls it alike and takes its part of every batch; all end with equal weights.

    Args:
        network: `QuantizedNetwork` or `Normalized` (raw pixels in, logits out).
        dataset: its training split is used, and its validation split if `validate`.
        config: settings.
        validate: score the validation split after every epoch.
        on_epoch: called after every epoch, on rank 0.
        progress: called with (steps done, steps in all) after every step, on rank 0.
        teacher: another network that takes raw pixels, to distil from on the same augmented images
            (`config.distill_weight`); evaluated without gradients, in evaluation mode, and left as it was.
        penalty: a differentiable scalar of the network, nats, added to the loss of every step.
        before_step: called with (steps done, steps in all) before every step, so an epoch begins wherever steps done is
            a multiple of `steps_per_epoch`; it may change weights and constraints, not replace parameters.
        checkpoint: file that keeps the whole state after every epoch and within long ones, so that a killed training,
            called again with the same arguments, goes on from there and ends in the same bits; so does one that is
            complete, at once, until whoever has its result safe removes the file. A file of another start, other data,
            settings or another teacher is not taken up; what `penalty` and `before_step` compute must follow from the
            network and the step alone, and be told by `Checkpoint.facts`. `on_epoch` is not called again for epochs
            that were done before.

    Returns:
        A report for every epoch, those before a resumption included.

    Raises:
        ModelError: a bare float network, too few images for one batch, a batch that the ranks cannot share, no GPU
            where one is asked for, or a loss that is no longer finite.
        StorageError: the checkpoint cannot be written.
    """
    if not isinstance(network, QuantizedNetwork | Normalized):
        raise ModelError(f"{type(network).__name__} does not take raw pixels: wrap it in Normalized(model, mean, std)")
    where, device = place(), device_of(config.device, next(network.parameters()).device)
    if config.batch_size % where.world:
        raise ModelError(
            f"batch_size = {config.batch_size} cannot be shared by {where.world} processes: a multiple can"
        )
    kept = Checkpoint(checkpoint) if isinstance(checkpoint, Path) else checkpoint
    with (
        at_rest(teacher),
        moved(device, network, teacher),
        shared_statistics(network, where),
        repeatable(device),
        on_threads(config.threads),
        seeded(config.seed, where, device),
    ):
        run = _Run(network, dataset, Objective(config, teacher, penalty), before_step, kept, where)
        reports = run.run(validate, on_epoch if where.first else None, progress if where.first else None)
    network.eval()
    return reports


def lay_out(network: nn.Module) -> None:
    """Lay weights out in memory as training does (channels last): the bits of convolutions may depend on it."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@contextmanager
def on_threads(count: int | None) -> Iterator[None]:
    """So many CPU threads of torch for the block, which the last bits of gradients depend on; None leaves them."""
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
        objective: Objective,
        before_step: StepCall | None,
        checkpoint: Checkpoint | None,
        where: Place,
    ) -> None:
        self.network, self.dataset, self.config, self.where = network, dataset, objective.config, where
        self.objective, self.before_step, self.checkpoint = objective, before_step, checkpoint
        self.device = next(network.parameters()).device
        self.images = torch.from_numpy(dataset.train.images)
        self.labels = torch.from_numpy(dataset.train.labels)
        self.generator = torch.Generator().manual_seed(self.config.seed)
        per_epoch = steps_per_epoch(dataset, self.config)
        wanted = self.config.epochs * per_epoch
        self.steps = wanted if self.config.max_steps is None else min(wanted, self.config.max_steps)
        self.epochs = math.ceil(self.steps / per_epoch)
        self.progress = Progress()
        self.optimizer = make_optimizer(network, self.config)
        lay_out(network)
        self.parallel = where.parallel(network)

    def run(self, validate: bool, on_epoch: EpochCall | None, on_step: StepCall | None) -> list[EpochReport]:
        """Every epoch that is not done yet."""
        self._take_up(validate)
        while len(self.progress.reports) < self.epochs:
            self._epoch(on_step)
            report = self._report(validate)
            self.progress.close(report)
            self._keep()
            if on_epoch is not None:
                on_epoch(report)
        return self.progress.reports

    def _epoch(self, on_step: StepCall | None) -> None:
        self.network.train()
        now = self.progress
        if not len(now.order):
            now.order = torch.randperm(len(self.images), generator=self.generator)
        start = time.perf_counter() - now.seconds
        for images, labels in self._batches():
            loss, correct = self._step(images, labels)
            now.loss_sum += loss
            now.correct += correct
            now.seen += 1
            now.seconds = time.perf_counter() - start
            if on_step is not None:
                on_step(now.done, self.steps)
            if self.checkpoint is not None and now.seen % self.checkpoint.every == 0:
                self._keep()

    def _report(self, validate: bool) -> EpochReport:
        now = self.progress
        score = self._score() if validate else None
        shown = now.seen * self.config.batch_size
        epoch = len(now.reports) + 1
        return EpochReport(epoch, self.epochs, now.loss_sum / now.seen, now.correct / shown, now.seconds, score)

    def _score(self) -> Score:
        """Quality on the validation images, found by rank 0."""
        split, figures = self.dataset.validation, [0.0] * 4
        if self.where.first:
            score = evaluate(self.network, split.images, split.labels)
            figures = [score.accuracy, score.loss, score.images, score.correct]
        told = self.where.told(torch.tensor(figures, dtype=torch.float64, device=self.device)).tolist()
        return Score(told[0], told[1], int(told[2]), int(told[3]))

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """This rank's part of the batches of the epoch that are not done yet."""
        order, size = self.progress.order, self.config.batch_size
        for chosen in torch.split(order, size)[self.progress.seen : len(order) // size]:
            if self.progress.done == self.steps:
                return
            images = self.images[chosen]
            if self.config.augment and self.dataset.crop_padding:
                images = random_crop(images, self.dataset.crop_padding, self.generator)
            if self.config.augment and self.dataset.flip:
                images = random_flip(images, self.generator)
            part = self.where.part
            yield part(images).to(self.device), part(self.labels[chosen]).to(self.device)

    def _step(self, images: Tensor, labels: Tensor) -> tuple[float, int]:
        """One step; the mean loss and the number of correct images of the whole batch, before it."""
        done = self.progress.done
        if self.before_step is not None:
            self.before_step(done, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, done, self.steps)
        loss, outputs = self.objective(self.parallel, images, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.progress.done += 1
        correct = (outputs.detach().argmax(1) == labels).sum()
        total, right = self.where.sums(torch.stack([loss.detach().double(), correct.double()])).tolist()
        value = total / self.where.world
        if not math.isfinite(value):
            raise ModelError(f"training diverged at step {done + 1} (loss {value}): lower learning_rate")
        return value, int(right)

    def _take_up(self, validate: bool) -> None:
        if self.checkpoint is None:
            return
        data = self.dataset
        splits = (data.train, data.validation) if validate else (data.train,)
        facts = (self.checkpoint.facts, self.config, torch.get_num_threads(), self.device.type, self.where.world)
        images = [(split.images, split.labels) for split in splits]
        networks = {"network": self.network, "teacher": self.objective.teacher}
        self.key = state_key(facts, data.crop_padding, data.flip, images, networks=networks)
        found = read(self.checkpoint.path, self.key)
        agreed = self.where.sums(torch.tensor(float(found is not None), device=self.device))
        if found is not None and int(agreed) == self.where.world:
            self._restore(found)

    def _restore(self, found: Kept) -> None:
        found.restore(self.network, self.optimizer)
        self.progress = found.progress
        self.generator.set_state(found.random["generator"])
        # A copy: torch takes the bytes from where the storage begins, not from where the row does.
        torch.set_rng_state(found.random["cpu"][self.where.rank].clone())
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(found.random["cuda"][self.where.rank].clone(), self.device)

    def _keep(self) -> None:
        if self.checkpoint is None:
            return
        random = {"generator": self.generator.get_state()}
        random["cpu"] = self.where.rows(torch.get_rng_state(), self.device)
        if self.device.type == "cuda":
            random["cuda"] = self.where.rows(torch.cuda.get_rng_state(self.device), self.device)
        if self.where.first:
            keep(self.checkpoint.path, self.key, self.progress, self.network, self.optimizer, random)


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
