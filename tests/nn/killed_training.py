"""A training in a process of its own that kills itself: `python killed_training.py FOLDER KILL_AT`."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from wattloop.nn.config import TrainConfig
from wattloop.nn.constraint import constrain
from wattloop.nn.datasets import Dataset, load
from wattloop.nn.models import Normalized, build
from wattloop.nn.quantize import quantize
from wattloop.nn.train import fit
from wattloop.nn.training_state import Checkpoint

FLOAT = TrainConfig(epochs=2, batch_size=32, learning_rate=0.02, warmup_steps=5, bfloat16=True, threads=1)
INT8 = TrainConfig(epochs=2, batch_size=32, optimizer="adam", learning_rate=1e-3, seed=1, threads=1)


@dataclass
class Clock:
    """Counts the steps of this process and kills it after so many (never for 0)."""

    kill_at: int
    steps: int = 0

    def __call__(self, done: int, total: int) -> None:
        self.steps += 1
        if self.steps == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def digits() -> Dataset:
    whole = load("digits")
    return replace(whole, train=whole.train.take(8 * 32), validation=whole.validation.take(40))


def train(folder: Path | None, clock: Clock) -> tuple[nn.Module, nn.Module]:
    """Both stages: convolutions, batch norm, dropout, bfloat16; int8, constraints that change, a teacher."""
    data = digits()
    network = Normalized(build("lenet5_wide", 10, 1, seed=0), *data.normalisation)
    kept = [None if folder is None else Checkpoint(folder / f"{stage}.safetensors", every=3) for stage in range(2)]
    done = None if folder is None else folder / "float.pt"
    if done is not None and done.is_file():
        network.load_state_dict(torch.load(done, weights_only=True))
    else:
        fit(network, data, FLOAT, validate=True, progress=clock, checkpoint=kept[0])
        if done is not None:
            torch.save(network.state_dict(), done)
    quantized = quantize(network, data.train.images[:64])

    def tighten(step: int, steps: int) -> None:
        if step in (1, 10):
            constrain(quantized, "conv2", [-64, -9, 0, 5, 50] if step == 1 else [-40, 0, 10, 40])

    fit(quantized, data, INT8, progress=clock, teacher=network, before_step=tighten, checkpoint=kept[1])
    return network, quantized


if __name__ == "__main__":
    torch.set_num_threads(1)
    place, clock = Path(sys.argv[1]), Clock(int(sys.argv[2]))
    torch.save([network.state_dict() for network in train(place, clock)], place / "end.pt")
    (place / "steps").write_text(str(clock.steps))
