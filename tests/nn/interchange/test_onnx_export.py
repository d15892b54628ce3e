"""onnxruntime gives the integers of the network from the exported model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.nn.interchange.runtime import ALL, OFF, differing, differing_step_by_step, is_real, seen, session, steps_of
from tests.nn.networks import CLASSICAL, NETWORKS, WIDER, randomised
from torch import nn

from wattloop.errors import ModelError
from wattloop.nn.checkpoint import load
from wattloop.nn.constraint import constrain
from wattloop.nn.input_codes import constrain_inputs
from wattloop.nn.interchange.library import METADATA
from wattloop.nn.interchange.onnx_export import onnx_model, save_onnx
from wattloop.nn.models import Normalized
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.quantize import quantize

MODELS = Path(__file__).resolve().parents[3] / "models"
FORMS = [("integer", ALL), ("integer", OFF), ("float", ALL), ("float", OFF)]
# Between Q and DQ onnxruntime computes in float32 where it is told not to optimise, and rounds each product: a value
# near the middle of two levels may go the other way. Measured: 1.5 in a million at most (docs/onnx.md).
FLOAT_PATH = 1 / 100_000


def pictures(network: QuantizedNetwork, count: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *network.input_shape)).astype(np.uint8)


def small(name: str) -> QuantizedNetwork:
    images = np.random.default_rng(1).integers(0, 256, (8, 3, 16, 16)).astype(np.uint8)
    normalisation = ((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))
    return quantize(randomised(NETWORKS[name]), images, normalisation=normalisation)


def check(network: QuantizedNetwork, kernels: Any, level: Any, images: np.ndarray) -> None:
    """No value differs; but for integer kernels that are not optimised into being, where each step is one step off."""
    ours = steps_of(network, images)
    theirs = seen(network, onnx_model(network, kernels=kernels), images, level)
    # An output that is reshaped logits is seen once, at the end.
    assert theirs.keys() == {
        name for name in ours.keys() - {"input"} if name == network.output or not is_real(network, name)
    }
    if (kernels, level) == ("integer", OFF):
        wrong, count, most = differing_step_by_step(network, ours, theirs)
        assert wrong <= max(1, FLOAT_PATH * count)
        assert most <= 1
    else:
        assert differing(ours, theirs)[0] == 0


@pytest.mark.parametrize(("kernels", "level"), FORMS)
@pytest.mark.parametrize("name", CLASSICAL)
def test_every_step_of_small_networks(name: str, kernels: str, level: Any) -> None:
    network = small(name)
    check(network, kernels, level, pictures(network, 4))


def smooth() -> nn.Sequential:
    """Functions that become tables, from either sign to either, before all that may read them."""
    before = (nn.Conv2d(3, 4, 3, padding=1), nn.Hardswish(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, groups=4), nn.GELU())
    after = (nn.AvgPool2d(2), nn.Sigmoid(), nn.Conv2d(4, 6, 1), nn.ReLU(), nn.Hardsigmoid(), nn.Flatten())
    return nn.Sequential(*before, *after, nn.Linear(54, 5), nn.Hardtanh(-0.4, 0.7), nn.Linear(5, 3), nn.Sigmoid())


def tables(make: Callable[[], nn.Module] = smooth) -> QuantizedNetwork:
    images = np.random.default_rng(1).integers(0, 256, (8, 3, 16, 16)).astype(np.uint8)
    return quantize(randomised(make), images, normalisation=((0.49, 0.48, 0.45), (0.25, 0.24, 0.26)))


def nested() -> QuantizedNetwork:
    """A table that reads a table."""
    return tables(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Hardswish(), nn.Tanh(), nn.Flatten(), nn.Linear(784, 3)))


@pytest.mark.parametrize(("kernels", "level"), FORMS)
def test_functions_are_tables_on_the_levels(kernels: str, level: Any) -> None:
    network = tables()
    operators = [node.op_type for node in onnx_model(network, kernels=kernels).graph.node]
    assert operators.count("Gather") == 6
    check(network, kernels, level, pictures(network, 4))
    constrain_inputs(network, "3", range(-128, 128, 7))
    check(network, kernels, level, pictures(network, 4))


class Indexed(nn.Module):
    """Takes a part of what a convolution gives, by an index."""

    def __init__(self, features: int, *index: Any) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(features, 2)
        self.index = index

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(torch.flatten(torch.relu(self.conv(x))[self.index], 1))
        return out


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Indexed(4 * 14, slice(None), slice(None), 0), "an index other than a slice for each axis"),
        (lambda: nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(3, 4, 3), nn.Flatten()), "padding of normalised pixels"),
    ],
)
def test_forms_that_would_give_other_integers_are_refused(make: Any, said: str) -> None:
    torch.manual_seed(0)
    images = np.random.default_rng(1).integers(0, 256, (4, 3, 16, 16)).astype(np.uint8)
    network = quantize(make(), images, normalisation=((0.5, 0.4, 0.5), (0.2, 0.2, 0.2)))
    with pytest.raises(ModelError, match=f"{said} cannot be exported to ONNX"):
        onnx_model(network)


@pytest.mark.parametrize(("kernels", "level"), FORMS)
def test_an_ellipsis_is_the_slices_that_it_stands_for(kernels: str, level: Any) -> None:
    torch.manual_seed(0)
    images = np.random.default_rng(1).integers(0, 256, (4, 3, 16, 16)).astype(np.uint8)
    check(quantize(Indexed(4 * 14 * 7, ..., slice(None, None, 2)), images), kernels, level, images)


@pytest.mark.parametrize("kernels", ["integer", "float"])
@pytest.mark.parametrize("name", WIDER)
def test_steps_that_have_no_form_there_are_refused_by_name(name: str, kernels: Any) -> None:
    with pytest.raises(ModelError, match=r"op_\w+: .* cannot be exported to ONNX"):
        onnx_model(small(name), kernels=kernels)


@pytest.mark.parametrize(("kernels", "level"), FORMS)
@pytest.mark.parametrize(
    "file", ["lenet5/int8-seed0", "lenet5/rate-distortion-66-seed0", "resnet20/int8", "resnet20/rate-distortion-66"]
)
def test_every_step_of_the_committed_networks(file: str, kernels: str, level: Any) -> None:
    network = load(MODELS / f"{file}.safetensors")
    check(network, kernels, level, pictures(network))


@pytest.mark.parametrize(("kernels", "level"), FORMS)
def test_restricted_activations_are_tables(kernels: str, level: Any) -> None:
    network = small("pre-activation")
    constrain_inputs(network, "first", range(0, 256, 7))
    constrain_inputs(network, "second", [0, 3, 90, 200])
    constrain_inputs(network, "head", [-100, -5, 0, 60])
    assert network.layer("head").in_signed
    check(network, kernels, level, pictures(network))
    operators = [node.op_type for node in onnx_model(network, kernels=kernels).graph.node]
    assert operators.count("Gather") == 3


def test_where_each_product_is_rounded_differences_grow_from_layer_to_layer() -> None:
    """What the form of integer kernels is not for: why there are two."""
    network = load(MODELS / "resnet20/int8.safetensors")
    images = pictures(network)
    ours = steps_of(network, images)
    at_once = seen(network, onnx_model(network), images, ALL)
    rounded = seen(network, onnx_model(network), images, OFF)
    assert differing(ours, at_once)[0] == 0
    assert differing(ours, rounded)[0] > differing_step_by_step(network, ours, rounded)[0]


@st.composite
def networks(draw: st.DrawFn) -> nn.Module:
    """A convolution of any geometry, batch norm or not, an activation or not, pooling or not, a linear layer or not."""
    torch.manual_seed(draw(st.integers(0, 99)))
    groups, wide = draw(st.sampled_from([1, 2])), draw(st.sampled_from([2, 4]))
    kernel, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    options = {"stride": draw(st.integers(1, 2)), "padding": draw(st.integers(0, 2)), "dilation": dilation}
    steps: list[nn.Module] = [nn.Conv2d(2, wide, kernel, groups=groups, **options)]
    if draw(st.booleans()):
        norm = nn.BatchNorm2d(wide)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        steps.append(norm)
    steps += draw(st.sampled_from([[], [nn.ReLU()], [nn.ReLU6()], [nn.Hardtanh(0.0, 0.3)]]))
    pools = [[], [nn.MaxPool2d(2, 1, 1)], [nn.AvgPool2d(2, 2)], [nn.AvgPool2d(3, 2, 1)], [nn.ZeroPad2d((1, 0, 2, 1))]]
    steps += draw(st.sampled_from(pools))
    steps.append(nn.Conv2d(wide, wide, 3, padding=1, groups=wide))
    if draw(st.booleans()):
        steps += [nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(wide, 3)]
    return nn.Sequential(*steps).eval()


@settings(max_examples=15)
@given(networks(), st.booleans(), st.integers(0, 9))
def test_any_small_network(model: nn.Module, normalised: bool, seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (3, 2, 9, 9)).astype(np.uint8)
    made = Normalized(model, (0.2, 0.6), (0.2, 0.3)) if normalised else model
    network = quantize(made, images)
    for kernels, level in FORMS:
        check(network, kernels, level, images)


def test_logits_are_those_of_the_network(tmp_path: Path) -> None:
    network = load(MODELS / "lenet5/int8-seed0.safetensors")
    images = pictures(network, 5)
    save_onnx(network, tmp_path / "lenet.onnx")
    logits = session(onnx.load(tmp_path / "lenet.onnx")).run(["logits"], {"input": images})[0]
    with torch.inference_mode():
        expected = network(torch.from_numpy(images)).numpy()
    assert np.allclose(logits, expected, rtol=1e-6, atol=0)


def test_weights_keep_their_levels_below_batch_norms_of_either_sign() -> None:
    network = load(MODELS / "resnet20/rate-distortion-66.safetensors")
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in onnx_model(network).graph.initializer}
    negative = 0
    for name in network.layers:
        weight = constants[f"{name}.weight"]
        assert weight.dtype == np.int8
        assert np.array_equal(weight.reshape(len(weight), -1), network.integer_weight(name))
        negative += int((constants[f"{name}.weight/scale"] < 0).sum())
    assert negative > 400


def test_the_model_says_where_it_comes_from(tmp_path: Path) -> None:
    network = load(MODELS / "lenet5/int8-seed0.safetensors")
    save_onnx(network, tmp_path / "a.onnx", notes={"from": "a test"})
    save_onnx(network, tmp_path / "b.onnx", notes={"from": "a test"})
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    model = onnx.load(tmp_path / "a.onnx")
    (told,) = (json.loads(entry.value) for entry in model.metadata_props if entry.key == METADATA)
    assert model.producer_name == "wattloop"
    assert told["version"] == model.producer_version
    assert told["notes"] == {"from": "a test"}
    assert told["architecture"]["name"] == "lenet5_wide"


def test_layers_whose_sums_may_leave_float32_are_noted() -> None:
    network = load(MODELS / "lenet5/int8-seed0.safetensors")
    told = json.loads(onnx_model(network, kernels="float").metadata_props[0].value)
    assert told["beyond float32"] == []
    network.set_integer_weight("fc1", np.full((120, 1200), 127, np.int8))
    told = json.loads(onnx_model(network, kernels="float").metadata_props[0].value)
    assert told["beyond float32"] == ["fc1"]


def test_constrained_weights_are_exported_as_the_array_sees_them() -> None:
    network = small("mlp")
    constrain(network, "4", [-9, 0, 33])
    weight = {t.name: onnx.numpy_helper.to_array(t) for t in onnx_model(network).graph.initializer}["4.weight"]
    assert set(np.unique(weight)) <= {-9, 0, 33}


def test_a_step_that_has_no_form_is_named() -> None:
    network = small("residual")
    name = next(iter(network.ops))
    network.ops[name] = nn.Sigmoid()
    with pytest.raises(ModelError, match=f"{name}: a Sigmoid"):
        onnx_model(network)
