"""Corners of the lowering: what is fused, what is spelt out, and what is refused in one line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from wattloop.errors import ModelError
from wattloop.nn.evaluate import logits
from wattloop.nn.grid import LINEAR
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.ops import QuantAvgPool, Slice
from wattloop.nn.quantize import quantize

NORMALISATION = ((0.1, 0.5, 0.9), (0.1, 0.25, 0.5))


class _Net(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.function = nn.Conv2d(3, 4, 3, padding=1), function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x))


class _First(nn.Module):
    """Something on the pixels, before a convolution."""

    def __init__(self, first: Callable[[Tensor], Tensor], channels: int = 3) -> None:
        super().__init__()
        self.first, self.conv = first, nn.Conv2d(channels, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.first(x))


def _images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (8, 3, 8, 8), dtype=np.uint8)


EXACT: dict[str, Callable[[], nn.Module]] = {
    "a limit below a limit": lambda: _Net(lambda x: functional.relu6(x).clamp(0, 1).flatten(1)),
    "a limit above a limit": lambda: _Net(lambda x: x.clamp(0, 1).clamp(0, 6).flatten(1)),
    "dots": lambda: _Net(lambda x: x[..., ::2].flatten(1)),
    "dots within": lambda: _Net(lambda x: x[:, 1:, ..., 3].flatten(1)),
    "dots and a new axis": lambda: _Net(lambda x: x[..., None, 2].flatten(1)),
    "parts by keyword": lambda: _Net(lambda x: torch.chunk(input=x, chunks=2, dim=1)[1].flatten(1)),
    "a view": lambda: _Net(lambda x: torch.relu(x).view(x.size(0), -1)),
    "a view in a float part": lambda: _Net(lambda x: x.sub(1).view(x.size(0), -1).div(2)),
}


@pytest.mark.parametrize("case", EXACT)
def test_it_is_lowered_to_what_it_computes(case: str) -> None:
    torch.manual_seed(0)
    model, images = EXACT[case](), _images()
    network = quantize(model, images, normalisation=NORMALISATION)
    mean, std = (np.array(part, np.float32).reshape(1, 3, 1, 1) for part in NORMALISATION)
    with torch.no_grad():
        exact = model(torch.from_numpy((images / np.float32(255) - mean) / std)).numpy()
    assert np.abs(logits(network, images) - exact).max() < 0.05 * np.abs(exact).max()
    levels = network.forward_levels(torch.from_numpy(images)).detach().numpy()
    assert np.array_equal(IntegerNetwork(network).forward(images), levels)


def test_dots_become_whole_axes() -> None:
    network = quantize(_Net(lambda x: x[..., ::2]), _images())
    (step,) = [module for module in network.modules() if isinstance(module, Slice)]
    assert step.index == (slice(None), slice(None), slice(None), slice(None, None, 2))


def test_sums_of_large_windows_are_exact() -> None:
    """300 x 300 levels add up to 22 M, beyond what float32 holds: the level lies between two neighbouring sums."""
    levels = np.random.default_rng(0).integers(235, 256, (1, 8, 300, 300), dtype=np.uint8)
    exact = levels.astype(np.int64).sum((2, 3)).ravel().astype(np.float64)
    assert exact.min() > 2**24
    given = torch.from_numpy(levels).to(torch.float32)
    for channel, total in enumerate(exact):
        for offset in (-3.0, 3.0):
            pool = QuantAvgPool(LINEAR, (300, 300), (300, 300), (0, 0), 90000).eval()
            pool.out_scale.fill_((total + offset) / 90000 / 100.5)
            assert int(pool(given).flatten()[channel]) == (101 if offset < 0 else 100)


def _hooked(layer: nn.Module) -> nn.Module:
    layer.register_forward_hook(lambda module, given, result: 3 * result)
    return layer


def _old_weight_norm() -> nn.Module:
    return nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 3)))


MAPS = r"pooling takes \(images, channels, height, width\), not 3 axes"
REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "hook": (lambda: nn.Sequential(_hooked(nn.Conv2d(3, 4, 3))), "layer 0 has forward hooks"),
    "hook of nothing": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), _hooked(nn.Identity())), "layer 1 has forward"),
    "linear on pixels": (lambda: _First(nn.Linear(8, 8)), "layer first: reads the normalised pixels"),
    "linear of another width": (lambda: _First(nn.Linear(8, 5)), "layer first: reads the normalised pixels"),
    "padded channels": (lambda: _First(lambda x: functional.pad(x, (0, 0, 0, 0, 0, 1)), 4), "operation pad.*pixels"),
    "padded images": (lambda: _Net(lambda x: functional.pad(x, (0, 0, 0, 0, 0, 0, 0, 1))), "operation pad.*images"),
    "running sums": (lambda: _Net(lambda x: torch.cumsum(x, 0)), "depends on the other images"),
    "adaptive pooling": (lambda: _Net(lambda x: functional.adaptive_avg_pool2d(x.flatten(2), 2)), MAPS),
    "average": (lambda: _Net(lambda x: functional.avg_pool2d(x.flatten(2), 2)), MAPS),
    "maximum": (lambda: _Net(lambda x: functional.max_pool2d(x.flatten(2), 2)), MAPS),
    "a slice by images": (lambda: _Net(lambda x: x[:, :, : x.size(0)]), "operation getitem.*only slices"),
    "weight norm": (lambda: nn.Sequential(parametrizations.weight_norm(nn.Conv2d(3, 4, 3))), "layer 0 has a param"),
    "spectral norm": (
        lambda: nn.Sequential(nn.Flatten(), parametrizations.spectral_norm(nn.Linear(192, 4))),
        "layer 1 has a parametrised weight",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_in_one_line(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(ModelError, match=message) as caught:
        quantize(make(), _images(), normalisation=NORMALISATION)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_network_that_cannot_be_copied_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot copy Sequential"):
        quantize(_old_weight_norm(), _images())
