"""Operations in place: refused where what they overwrite is read again, and legal in the usual chains."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from wattloop.errors import ModelError
from wattloop.nn.evaluate import logits
from wattloop.nn.quantize import quantize


class _Net(nn.Module):
    def __init__(self, function: Callable[[_Net, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.act, self.drop = nn.ReLU(inplace=True), nn.Dropout(inplace=True)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, self.first(x))


def _images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (8, 3, 8, 8), dtype=np.uint8)


def _then(change: Callable[[_Net, Tensor], object]) -> Callable[[_Net, Tensor], Tensor]:
    def function(net: _Net, x: Tensor) -> Tensor:
        change(net, x)
        return net.second(x)

    return function


def _added(net: _Net, x: Tensor) -> Tensor:
    before = x
    x += net.second(x)
    return x + before


def _viewed(net: _Net, x: Tensor) -> Tensor:
    view = x.flatten(1)
    return net.act(x).flatten(1) + view


REFUSED: dict[str, tuple[Callable[[_Net, Tensor], Tensor], str]] = {
    "a function": (_then(lambda net, x: functional.relu(x, inplace=True)), "relu"),
    "a function by place": (_then(lambda net, x: functional.relu(x, True)), "relu"),
    "torch's own": (_then(lambda net, x: torch.relu_(x)), "relu_"),
    "a slope": (_then(lambda net, x: functional.leaky_relu_(x, 0.5)), "leaky_relu_"),
    "a method": (_then(lambda net, x: x.relu_()), "relu_"),
    "part of a tensor": (_then(lambda net, x: x[:, :2].relu_()), "relu_"),
    "a layer": (lambda net, x: x + net.second(net.act(x)), "act"),
    "a sum": (lambda net, x: functional.relu(x, inplace=True) + x, "relu"),
    "another name": (_added, "add"),
    "a view": (_viewed, "act"),
}

LEGAL: dict[str, Callable[[_Net, Tensor], Tensor]] = {
    "chain": lambda net, x: net.second(net.drop(net.act(x))),
    "read before": lambda net, x: functional.relu(net.second(x).add_(x), inplace=True),
    "sum": lambda net, x: net.act(_plus(net.second(x), x)),
    "size": lambda net, x: net.act(x).reshape(x.size(0), -1),
}


def _plus(left: Tensor, right: Tensor) -> Tensor:
    left += right
    return left


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_overwritten_and_read_again_is_refused(case: str) -> None:
    function, name = REFUSED[case]
    with pytest.raises(ModelError, match=f"^{name} changes its input in place"):
        quantize(_Net(function), _images())


@pytest.mark.parametrize("case", LEGAL)
def test_what_nothing_reads_again_may_be_overwritten(case: str) -> None:
    torch.manual_seed(0)
    model = _Net(LEGAL[case]).eval()
    images = _images()
    with torch.no_grad():
        exact = model(torch.from_numpy(images) / 255).flatten(1).numpy()
    quantised = logits(quantize(model, images), images).reshape(exact.shape)
    assert np.abs(quantised - exact).max() < 0.05 * np.abs(exact).max()
