"""The plain layout holds all that the integers of a network follow from: read here with NumPy alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
from tests.nn.interchange.mobile import Mobile
from tests.nn.interchange.runtime import steps_of
from tests.nn.interchange.test_onnx_export import MODELS, Indexed, pictures, small
from tests.nn.networks import CLASSICAL, randomised
from torch import nn

from wattloop.errors import ModelError
from wattloop.nn.checkpoint import load
from wattloop.nn.input_codes import constrain_inputs
from wattloop.nn.interchange.plain import PLAIN_FORMAT, save_plain
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize


def windows(x: np.ndarray, kernel: list[int], told: dict[str, Any]) -> np.ndarray:
    edge, step, apart = told["padding"], told["stride"], told.get("dilation", [1, 1])
    x = np.pad(x, ((0, 0), (0, 0), (edge[0],) * 2, (edge[1],) * 2), constant_values=told.get("fill", 0))
    reach = [a * (k - 1) + 1 for a, k in zip(apart, kernel, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, (2, 3))
    return view[:, :, :: step[0], :: step[1], :: apart[0], :: apart[1]]


def rounded(sums: np.ndarray, factor: np.ndarray, levels: list[int]) -> np.ndarray:
    return np.clip(np.rint(sums.astype(np.float32) * factor), *levels).astype(np.int64)


def layer(x: np.ndarray, told: dict[str, Any], part: dict[str, np.ndarray]) -> np.ndarray:
    if "input_codes" in part:
        x = part["input_codes"].astype(np.int64)[x - (-128 if told["in_signed"] else 0)]
    shape = (-1,) if told["kind"] == "linear" else (1, -1, 1, 1)
    if "input_zero" in part:
        x = x - part["input_zero"].astype(np.int64).reshape(shape)
    weight = part["weight"].astype(np.int64)
    if told["kind"] == "linear":
        sums = x @ weight.T
    else:
        groups = told["groups"]
        seen = windows(x, list(weight.shape[2:]), told)
        seen = seen.reshape(len(x), groups, -1, *seen.shape[2:])
        split = weight.reshape(groups, -1, *weight.shape[1:])
        sums = np.einsum("ngchwij,gocij->ngohw", seen, split).reshape(len(x), len(weight), *seen.shape[3:5])
    sums = sums + part["bias"].astype(np.int64).reshape(shape)
    return sums if told["levels"] is None else rounded(sums, part["factor"].reshape(shape), told["levels"])


def add(left: np.ndarray, right: np.ndarray, told: dict[str, Any], part: dict[str, np.ndarray]) -> np.ndarray:
    first, second = part["factor"]
    total = left.astype(np.float32) * first + right.astype(np.float32) * second
    return rounded(total, np.float32(1), told["levels"])


def pad(x: np.ndarray, amounts: list[int]) -> np.ndarray:
    pairs = list(zip(amounts[::2], amounts[1::2], strict=True))[::-1]
    return np.pad(x, [(0, 0)] * (x.ndim - len(pairs)) + pairs)


STEPS: dict[str, Callable[..., np.ndarray]] = {
    "conv": layer,
    "linear": layer,
    "add": add,
    "average pool": lambda x, told, part: rounded(
        windows(x, told["kernel"], told).sum((4, 5)), part["factor"], told["levels"]
    ),
    "multiply": lambda x, y, told, part: rounded(x * y, part["factor"], told["levels"]),
    "concatenation": lambda *given: np.concatenate(
        [rounded(x, f, given[-2]["levels"]) for x, f in zip(given[:-2], given[-1]["factor"], strict=True)],
        given[-2]["axis"],
    ),
    "table": lambda x, told, part: part["table"].astype(np.int64)[x + (128 if told["in_signed"] else 0)],
    "rescale": lambda x, told, part: rounded(x, part["factor"], told["levels"]),
    "max pool": lambda x, told, part: windows(x, told["kernel"], told | {"fill": -(1 << 40)}).max((4, 5)),
    "flatten": lambda x, told, part: x.reshape(len(x), -1),
    "reshape": lambda x, told, part: x.reshape(len(x), *told["shape"]),
    "permute": lambda x, told, part: x.transpose(told["axes"]),
    "slice": lambda x, told, part: x[tuple(slice(*ends) for ends in told["index"])],
    "pad": lambda x, told, part: pad(x, told["amounts"]),
}


def run(path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    with safetensors.safe_open(path, "numpy") as file:
        header = json.loads(file.metadata()["wattloop"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    assert header["format"] == PLAIN_FORMAT
    values = {"input": images.astype(np.int64)}
    for told in header["nodes"]:
        name = told["name"]
        part = {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.rpartition(".")[0] == name}
        values[name] = STEPS[told["kind"]](*(values[source] for source in told["inputs"]), told, part)
    return values


def check(network: QuantizedNetwork, path: Path) -> None:
    images = pictures(network)
    save_plain(network, path)
    ours, theirs = steps_of(network, images), run(path, images)
    assert theirs.keys() == ours.keys()
    for name, values in ours.items():
        assert np.array_equal(values, theirs[name]), name


@pytest.mark.parametrize("name", CLASSICAL)
def test_small_networks_are_computed_from_the_file(name: str, tmp_path: Path) -> None:
    check(small(name), tmp_path / "plain.safetensors")


@pytest.mark.parametrize("file", ["lenet5/rate-distortion-66-seed0", "resnet20/rate-distortion-66"])
def test_committed_networks_are_computed_from_the_file(file: str, tmp_path: Path) -> None:
    check(load(MODELS / f"{file}.safetensors"), tmp_path / "plain.safetensors")


def test_tables_products_and_joins_are_computed_from_the_file(tmp_path: Path) -> None:
    check(quantized(randomised(Mobile)), tmp_path / "plain.safetensors")


def test_restricted_activations_are_in_it(tmp_path: Path) -> None:
    network = small("pre-activation")
    constrain_inputs(network, "first", range(0, 256, 7))
    constrain_inputs(network, "head", [-100, -5, 0, 60])
    check(network, tmp_path / "plain.safetensors")


def test_scales_give_real_weights_with_batch_norm_folded_in(tmp_path: Path) -> None:
    network = load(MODELS / "resnet20/int8.safetensors")
    save_plain(network, tmp_path / "plain.safetensors")
    with safetensors.safe_open(tmp_path / "plain.safetensors", "numpy") as file:
        scale, header = file.get_tensor("conv1.weight_scale"), json.loads(file.metadata()["wattloop"])
    layer = network.layer("conv1")
    assert layer.norm is not None and layer.norm.running_var is not None
    gain = layer.norm.weight / (layer.norm.running_var + layer.norm.eps).sqrt()
    assert np.allclose(scale, gain.detach().numpy() * float(layer.weight_scale), rtol=1e-5, atol=0)
    assert header["output_scale"] == network.output_scale
    assert header["nodes"][0]["output_scale"] == float(layer.out_scale)


def quantized(model: nn.Module) -> QuantizedNetwork:
    images = np.random.default_rng(1).integers(0, 256, (4, 3, 16, 16)).astype(np.uint8)
    return quantize(model, images, normalisation=((0.5, 0.4, 0.5), (0.2, 0.2, 0.2)))


def test_a_linear_layer_on_tokens_goes_along_the_last_axis(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(14, 5), nn.ReLU(), nn.Flatten(), nn.Linear(280, 2))
    check(quantized(model), tmp_path / "plain.safetensors")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Indexed(4 * 14, slice(None), slice(None), 0), "op_getitem: an index"),
        (nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(3, 4, 3), nn.Flatten()), "op__0: padding of normalised pixels"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.LayerNorm(14), nn.Flatten()), "op__1: a FloatPart"),
    ],
)
def test_what_the_layout_does_not_know_is_refused_by_name(model: nn.Module, said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=said):
        save_plain(quantized(model), tmp_path / "plain.safetensors")
    assert not list(tmp_path.iterdir())
