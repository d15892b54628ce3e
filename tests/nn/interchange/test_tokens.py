"""Linear layers on tokens, reshaping and axes in another order go out as ONNX and come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from tests.nn.interchange.runtime import steps_of
from tests.nn.interchange.test_onnx_export import FORMS, check, pictures, tables
from tests.nn.interchange.test_onnx_import import check_equal, there_and_back
from tests.nn.interchange.test_plain import check as check_plain
from torch import Tensor, nn
from torch.nn import functional

from wattloop.errors import ModelError
from wattloop.nn import checkpoint
from wattloop.nn.fixed_norm import FixedNorm
from wattloop.nn.interchange.onnx_import import load_onnx
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.ops import Permute, Reshape


class Rows(nn.Module):
    """Patches as rows, two linear layers on each of them, a shortcut, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 4, 4)
        self.widen, self.narrow, self.head = nn.Linear(6, 9), nn.Linear(9, 6), nn.Linear(96, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.relu(x + self.narrow(functional.gelu(self.widen(x))))
        return self.head(x.flatten(1))


class RowsOut(nn.Module):
    """The logits are those of rows, whose axes are exchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(14, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.conv(x))).transpose(1, 3)


@pytest.mark.parametrize(("kernels", "level"), FORMS)
@pytest.mark.parametrize("make", [Rows, RowsOut])
def test_every_step_goes_out(make: type[nn.Module], kernels: str, level: Any) -> None:
    network = tables(make)
    check(network, kernels, level, pictures(network, 4))


@pytest.mark.parametrize("kernels", ["integer", "float"])
@pytest.mark.parametrize("make", [Rows, RowsOut])
def test_it_comes_back_to_the_bit(make: type[nn.Module], kernels: str, tmp_path: Path) -> None:
    network = tables(make)
    back = there_and_back(network, tmp_path, kernels)
    check_equal(network, back)
    kinds = [type(module) for module in back.ops.values()]
    assert (kinds.count(Reshape), kinds.count(Permute)) == ((1, 1) if make is Rows else (0, 1))
    checkpoint.save(back, tmp_path / "kept.safetensors", compact=True)
    check_equal(network, checkpoint.load(tmp_path / "kept.safetensors"))


def test_plain_integers_hold_them(tmp_path: Path) -> None:
    check_plain(tables(Rows), tmp_path / "plain.safetensors")


def test_gains_of_imported_layers_on_tokens_go_along_the_last_axis(tmp_path: Path) -> None:
    """In training too, where a batch norm's go along axis 1."""
    network = tables(Rows)
    back = there_and_back(network, tmp_path, "integer")
    layer = back.layer("widen")
    assert isinstance(layer.norm, FixedNorm)
    rows = torch.from_numpy(steps_of(network, pictures(network, 2))["op_transpose"].astype(np.float32))
    with torch.no_grad():
        exact, rough = layer(rows), layer.train()(rows)
    assert float((exact - rough).abs().max()) <= 1
    assert float((exact != rough).float().mean()) < 0.01


def reshaped(network: QuantizedNetwork, folder: Path, *shape: int, **attributes: int) -> Path:
    """Its export, in which the first Reshape is to another shape."""
    there_and_back(network, folder, "integer")
    model = onnx.load(folder / "model.onnx")
    node = next(node for node in model.graph.node if node.op_type == "Reshape")
    wanted = next(tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
    wanted.CopyFrom(numpy_helper.from_array(np.array(shape, np.int64), wanted.name))
    node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


@pytest.mark.parametrize("shape", [(0, 6, -1), (-1, 6, 16), (0, -1, 16)])
def test_a_size_may_be_left_open(shape: tuple[int, ...], tmp_path: Path) -> None:
    network = tables(Rows)
    check_equal(network, load_onnx(reshaped(network, tmp_path, *shape)))


@pytest.mark.parametrize(
    "shape", [(6, -1, 16), (0, 6, 15), (0, 0, 16), (0, -1, -1), (2, 6, 16), (0, -1, 0), (0, -7, -1)]
)
def test_a_shape_that_is_not_of_each_image_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"\(Reshape\): only another shape of each image"):
        load_onnx(reshaped(tables(Rows), tmp_path, *shape))


def test_zero_as_a_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"\(Reshape\)"):
        load_onnx(reshaped(tables(Rows), tmp_path, 0, 6, 16, allowzero=1))
