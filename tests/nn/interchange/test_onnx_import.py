"""ONNX models come in with their integers, ours and those of onnxruntime's quantiser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from tests.nn.interchange.foreign import CalibrationImages, float_model, single
from tests.nn.interchange.runtime import ALL, OFF, session
from tests.nn.interchange.test_onnx_export import MODELS, nested, pictures, small, tables
from tests.nn.networks import CLASSICAL

from wattloop.errors import ModelError
from wattloop.nn import checkpoint
from wattloop.nn.config import TrainConfig
from wattloop.nn.constraint import constrain
from wattloop.nn.datasets import Dataset
from wattloop.nn.evaluate import evaluate
from wattloop.nn.fixed_norm import FixedNorm
from wattloop.nn.fixed_table import FixedTable
from wattloop.nn.input_codes import constrain_inputs, input_codes_of
from wattloop.nn.integer import IntegerNetwork
from wattloop.nn.interchange.onnx_export import save_onnx
from wattloop.nn.interchange.onnx_import import load_onnx
from wattloop.nn.interchange.pixels import check_pixels
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.ops import QuantTable
from wattloop.nn.train import fit

KERNELS = ["integer", "float"]


def there_and_back(network: QuantizedNetwork, path: Path, kernels: Any) -> QuantizedNetwork:
    save_onnx(network, path / "model.onnx", kernels=kernels)
    return load_onnx(path / "model.onnx")


def check_equal(ours: QuantizedNetwork, back: QuantizedNetwork) -> None:
    images = pictures(ours, 3)
    expected = IntegerNetwork(ours).forward(images)
    assert np.array_equal(IntegerNetwork(back).forward(images), expected)
    with torch.inference_mode():
        assert np.array_equal(back.forward_levels(torch.from_numpy(images)).numpy(), expected)
    assert back.output_scale == pytest.approx(ours.output_scale, rel=1e-7)
    assert back.normalisation == ours.normalisation
    assert list(back.layers) == list(ours.layers)
    for name in ours.layers:
        assert np.array_equal(back.integer_weight(name), ours.integer_weight(name))


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", CLASSICAL)
def test_small_networks_come_back_to_the_bit(name: str, kernels: str, tmp_path: Path) -> None:
    network = small(name)
    check_equal(network, there_and_back(network, tmp_path, kernels))


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("file", ["lenet5/rate-distortion-66-seed0", "resnet20/rate-distortion-66"])
def test_committed_networks_come_back_to_the_bit(file: str, kernels: str, tmp_path: Path) -> None:
    network = checkpoint.load(MODELS / f"{file}.safetensors")
    back = there_and_back(network, tmp_path, kernels)
    check_equal(network, back)
    checkpoint.save(back, tmp_path / "kept.safetensors", compact=True)
    check_equal(network, checkpoint.load(tmp_path / "kept.safetensors"))
    assert [node.inputs for node in back.program] == [node.inputs for node in network.program]


@pytest.mark.parametrize("kernels", KERNELS)
def test_restricted_activations_come_back(kernels: str, tmp_path: Path) -> None:
    network = small("pre-activation")
    constrain_inputs(network, "first", range(0, 256, 7))
    constrain_inputs(network, "head", [-100, -5, 0, 60])
    back = there_and_back(network, tmp_path, kernels)
    check_equal(network, back)
    assert input_codes_of(back, "head") == (-100, -5, 0, 60)
    assert input_codes_of(back, "second") is None


@pytest.mark.parametrize("kernels", KERNELS)
def test_functions_come_back_as_their_tables(kernels: str, tmp_path: Path) -> None:
    network = tables()
    back = there_and_back(network, tmp_path, kernels)
    check_equal(network, back)
    assert [node.name for node in back.program] == [node.name for node in network.program]
    for name in network.ops:
        if isinstance(made := network.ops[name], QuantTable):
            found = back.ops[name]
            assert isinstance(found, FixedTable)
            assert found.title == made.title
            assert torch.equal(found.table(), made.table())
    checkpoint.save(back, tmp_path / "kept.safetensors", compact=True)
    check_equal(network, checkpoint.load(tmp_path / "kept.safetensors"))
    check_equal(network, there_and_back(back, tmp_path, kernels))


@pytest.mark.parametrize("kernels", KERNELS)
def test_restricted_activations_come_back_behind_a_function(kernels: str, tmp_path: Path) -> None:
    network = tables()
    constrain_inputs(network, "3", range(-128, 128, 7))
    back = there_and_back(network, tmp_path, kernels)
    check_equal(network, back)
    assert input_codes_of(back, "3") == input_codes_of(network, "3")


@pytest.mark.parametrize("kernels", KERNELS)
def test_functions_come_back_without_our_notes_unless_one_reads_another(kernels: Any, tmp_path: Path) -> None:
    one, other = tables(), nested()
    check_equal(other, there_and_back(other, tmp_path, kernels))
    images, expected = pictures(one, 3), IntegerNetwork(one).forward(pictures(one, 3))
    assert np.array_equal(IntegerNetwork(load_onnx(without_notes(one, tmp_path, kernels))).forward(images), expected)
    with pytest.raises(ModelError, match=r"op__2/index.* \(Cast\)"):
        load_onnx(without_notes(other, tmp_path, kernels))


def without_notes(network: QuantizedNetwork, folder: Path, kernels: Any) -> Path:
    save_onnx(network, folder / "model.onnx", kernels=kernels)
    model = onnx.load(folder / "model.onnx")
    del model.metadata_props[:]
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def test_a_checkpoint_of_an_imported_network_keeps_its_constraints(tmp_path: Path) -> None:
    back = there_and_back(small("residual"), tmp_path, "integer")
    constrain(back, "grouped", [-9, 0, 40])
    checkpoint.save(back, tmp_path / "kept.safetensors")
    check_equal(back, checkpoint.load(tmp_path / "kept.safetensors"))
    assert checkpoint.load(tmp_path / "model.onnx").architecture == back.architecture


def test_an_imported_network_is_trained_on(lenet: QuantizedNetwork, digits: Dataset, tmp_path: Path) -> None:
    """Its gains and shifts move, the statistics that they stand on do not."""
    back = there_and_back(lenet, tmp_path, "integer")
    before = evaluate(lenet, digits.test.images, digits.test.labels)
    assert evaluate(back, digits.test.images, digits.test.labels).accuracy == before.accuracy
    constrain(back, "fc1", [-40, -10, 0, 10, 40])
    cut = evaluate(back, digits.test.images, digits.test.labels)
    fit(back, digits, TrainConfig(epochs=1, batch_size=32, learning_rate=0.002, threads=1))
    after = evaluate(back, digits.test.images, digits.test.labels)
    assert after.loss < cut.loss
    norm = back.layer("conv1").norm
    assert isinstance(norm, FixedNorm)
    assert norm.running_mean is not None and norm.running_var is not None
    assert float(norm.running_mean.abs().max()) == 0 and float((norm.running_var - 1).abs().max()) == 0


def quantised(folder: Path, options: dict[str, Any], *, matmul: bool = False, symmetric: bool = True) -> Path:
    """A model of onnxruntime's quantiser."""
    onnx.save(float_model(matmul=matmul), folder / "float.onnx")
    files = (folder / "float.onnx", folder / "model.onnx")
    extra = {"ActivationSymmetric": symmetric, "WeightSymmetric": True}
    quantize_static(*files, CalibrationImages(), quant_format=QuantFormat.QDQ, extra_options=extra, **options)
    return folder / "model.onnx"


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize(
    ("activations", "weights"),
    [(QuantType.QInt8, QuantType.QInt8), (QuantType.QUInt8, QuantType.QInt8), (QuantType.QUInt8, QuantType.QUInt8)],
)
def test_models_of_onnxruntime_s_quantiser_give_their_integers(
    activations: QuantType, weights: QuantType, per_channel: bool, tmp_path: Path
) -> None:
    path = quantised(tmp_path, {"activation_type": activations, "weight_type": weights, "per_channel": per_channel})
    network = load_onnx(path)
    assert list(network.layers) == ["conv1", "dw", "pw", "fc"]
    images = pictures(network, 16)
    assert network.normalisation is not None
    mean, std = (np.array(part).reshape(1, -1, 1, 1) for part in network.normalisation)
    real = ((images / 255 - mean) / std).astype(np.float32)
    expected = IntegerNetwork(network).forward(images)
    assert np.ptp(expected) > 50
    for level in (OFF, ALL):
        (given,) = session(onnx.load(path), level).run(None, {"x": real})
        found = np.rint(given / network.output_scale)
        # Measured: all equal. One step is what a product that is rounded differently may cost.
        assert np.abs(found - expected).max() <= 1
        assert (found != expected).sum() <= 1
    check_equal(network, there_and_back(network, tmp_path, "integer"))


def test_a_product_whose_bias_was_quantised_apart_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"node /fc/Add \(Add\).*quant_pre_process"):
        load_onnx(quantised(tmp_path, {}, matmul=True))


def test_asymmetric_activations_are_refused_with_the_option_that_makes_them_symmetric(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"zero point \d+ of uint8.*ActivationSymmetric"):
        load_onnx(quantised(tmp_path, {"activation_type": QuantType.QUInt8}, symmetric=False))


def test_the_pixels_that_a_model_sees_are_held_against_its_normalisation(tmp_path: Path) -> None:
    grid = {"image": "float", "scale": 2 / 255, "zero": 128}
    onnx.save(single("Relu", **grid), tmp_path / "model.onnx")
    network = load_onnx(tmp_path / "model.onnx")
    assert check_pixels(network, ((0.5,) * 2, (0.5,) * 2)) == 256  # half of them: of 127.5 there is no level
    with pytest.raises(ModelError, match="quantise the model with one mean and std"):
        check_pixels(network, ((0.5, 0.4), (0.5, 0.5)))
    with pytest.raises(ModelError, match="each of 2 channels"):
        check_pixels(network, ((0.5,), (0.5,)))
