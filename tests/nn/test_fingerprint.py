"""A checkpoint goes back into the network that it was saved from, and into no edited one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from wattloop.errors import ModelError
from wattloop.nn import checkpoint
from wattloop.nn.constraint import constrain
from wattloop.nn.fingerprint import fingerprint
from wattloop.nn.quantize import quantize

IMAGES = np.random.default_rng(0).integers(0, 256, (8, 1, 12, 12), dtype=np.uint8)


class Net(nn.Module):
    def __init__(self, slope: float = 0.1, stride: int = 1, step: int = 1, eps: float = 1e-5, power: float = 1) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, stride=stride)
        self.norm, self.layer_norm, self.last = nn.BatchNorm2d(4, eps=eps), nn.LayerNorm(4, eps=eps), nn.Linear(4, 2)
        self.slope, self.step, self.power = slope, step, power

    def forward(self, x: Tensor) -> Tensor:
        x = functional.leaky_relu(self.first(x), self.slope)
        x = self.norm(self.second(x))[:, :, :: self.step].mean((2, 3))
        logits: Tensor = self.last(torch.softmax(self.layer_norm(x) * self.power, 1))
        return logits


@pytest.mark.parametrize("edit", [{"slope": 0.9}, {"stride": 2}, {"step": 3}, {"eps": 0.1}, {"power": 2.0}])
def test_an_edited_network_is_refused(tmp_path: Path, edit: dict[str, float]) -> None:
    saved = quantize(Net(), IMAGES)
    constrain(saved, "second", [0, 5, 9])
    checkpoint.save(saved, tmp_path / "net.safetensors")
    loaded = checkpoint.load(tmp_path / "net.safetensors", Net())
    assert torch.equal(loaded(torch.from_numpy(IMAGES)), saved(torch.from_numpy(IMAGES)))
    assert fingerprint(loaded) == fingerprint(quantize(Net(), IMAGES[:2]))
    with pytest.raises(ModelError, match="computes something else"):
        checkpoint.load(tmp_path / "net.safetensors", Net(**edit))  # type: ignore[arg-type]


def test_a_file_without_a_fingerprint_loads(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    checkpoint.save(quantize(Net(), IMAGES), path)
    with safetensors.safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["wattloop"])
    del header["fingerprint"]
    path.write_bytes(safetensors.torch.save(safetensors.torch.load_file(path), {"wattloop": json.dumps(header)}))
    assert checkpoint.load(path, Net()).input_shape == (1, 12, 12)
