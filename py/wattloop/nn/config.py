"""Settings of training; free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from wattloop.checks import within

Optimizer = Literal["sgd", "adam"]
Schedule = Literal["cosine", "constant"]
Device = Literal["auto", "cpu", "cuda"]

_require = within("training: ")


@dataclass(frozen=True)
class TrainConfig:
    """How a network is trained, float or quantised.

    Attributes:
        epochs: passes over the training images.
        max_steps: stop after this many steps, if earlier; the schedule then ends there too.
        batch_size: images a step; the last, smaller batch of an epoch is dropped.
        optimizer: "sgd" (Nesterov momentum) or "adam" (decoupled weight decay).
        learning_rate: at the start.
        momentum: of SGD.
        weight_decay: on weights of convolutions and linear layers only.
        schedule: "cosine" to 0, or "constant".
        warmup_steps: steps of linear rise to the learning rate.
        augment: random crops (and flips where the data set allows them).
        label_smoothing: of the cross entropy.
        distill_weight: share of the loss that distillation has where there is a teacher, 0 (labels alone) to 1 (teacher
            alone); the cross entropy with the labels has the rest. Without a teacher it has no effect.
        distill_temperature: what the logits of both are divided by before they are compared; above 1 the teacher's
            small probabilities count for more.
        bfloat16: convolve in bfloat16 while training; evaluation never does.
        seed: of shuffling, augmentation and dropout.
        threads: CPU threads of torch; None for its default. Results are bit-reproducible for a fixed number. Small
            networks on busy machines train fastest with 1.
        device: "cpu", "cuda", or "auto": a GPU if there is one, else where the network lies. It goes back after it.
    """

    epochs: int = 10
    max_steps: int | None = None
    batch_size: int = 128
    optimizer: Optimizer = "sgd"
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: Schedule = "cosine"
    warmup_steps: int = 0
    augment: bool = True
    label_smoothing: float = 0.0
    distill_weight: float = 0.5
    distill_temperature: float = 4.0
    bfloat16: bool = False
    seed: int = 0
    threads: int | None = None
    device: Device = "auto"

    def __post_init__(self) -> None:
        _require(self.epochs >= 0, "epochs", self.epochs, "0 or more")
        _require(self.max_steps is None or self.max_steps >= 0, "max_steps", self.max_steps, "0 or more")
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "1 or more")
        _require(self.optimizer in get_args(Optimizer), "optimizer", self.optimizer, ", ".join(get_args(Optimizer)))
        _require(self.learning_rate > 0, "learning_rate", self.learning_rate, "above 0")
        _require(0 <= self.momentum < 1, "momentum", self.momentum, "0 to below 1")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        _require(self.schedule in get_args(Schedule), "schedule", self.schedule, ", ".join(get_args(Schedule)))
        _require(self.warmup_steps >= 0, "warmup_steps", self.warmup_steps, "0 or more")
        _require(0 <= self.label_smoothing < 1, "label_smoothing", self.label_smoothing, "0 to below 1")
        _require(0 <= self.distill_weight <= 1, "distill_weight", self.distill_weight, "0 to 1")
        _require(self.distill_temperature > 0, "distill_temperature", self.distill_temperature, "above 0")
        _require(self.threads is None or self.threads >= 1, "threads", self.threads, "1 or more")
        _require(self.device in get_args(Device), "device", self.device, ", ".join(get_args(Device)))
        _require(0 <= self.seed < 1 << 32, "seed", self.seed, f"0 to {(1 << 32) - 1}")
