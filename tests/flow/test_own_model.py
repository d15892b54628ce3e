"""A network and data of the user's own pass through settings, training, checkpoints and commands."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import wattloop
from wattloop import as_dataset, build_own_model, quantize
from wattloop.cli.main import app
from wattloop.errors import ConfigError, DatasetError, ModelError
from wattloop.flow.inputs import check_inputs
from wattloop.flow.settings import Settings, load
from wattloop.flow.training import trained_network
from wattloop.nn import checkpoint
from wattloop.nn.float_weights import save_float_weights
from wattloop.nn.integer import IntegerNetwork
from wattloop.runs import run_folder
from wattloop.store import Store

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_model"
QUICK = {
    "training.pretrain.epochs": "3",
    "training.qat.epochs": "1",
    "network.calibration_images": "64",
    "characterize.simulator": "bitparallel",
    "characterize.pairs": "32",
    "characterize.tiles": "2",
    "estimate.simulator": "bitparallel",
    "estimate.images": "1",
    "estimate.profiled": "1",
    "estimate.tiles": "1",
    "hardware.array.rows": "16",
    "hardware.array.cols": "8",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example, to be changed."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "own"))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load(EXAMPLE / "own.toml", QUICK)


def test_files_are_found_from_the_folder_of_the_settings_on(settings: Settings) -> None:
    assert settings.network.model == f"{EXAMPLE}/net.py:make"
    assert (settings.network.title, settings.network.dataset_title) == ("net.py:make", "data.py:make")
    overridden = load(EXAMPLE / "own.toml", {"network.model": "mine.py:make"})
    assert overridden.network.model == f"{Path.cwd()}/mine.py:make"


def test_the_settings_of_a_run_are_settings(settings: Settings, tmp_path: Path) -> None:
    with run_folder(tmp_path / "run", command="train", settings=settings, seeds={}):
        pass
    (found,) = (path for path in (tmp_path / "run").glob("*.toml"))
    assert load(found) == settings


def test_it_trains_and_its_integers_agree(settings: Settings, tmp_path: Path) -> None:
    trained = trained_network(settings, store=Store(tmp_path))
    assert trained.network.input_shape == (1, 24, 24)
    assert trained.history[-1]["validation_accuracy"] > 0.5
    images = trained.dataset.test.images[:9]
    with torch.inference_mode():
        fake = trained.network.forward_levels(torch.from_numpy(images)).numpy()
    assert np.array_equal(fake, IntegerNetwork(trained.network).forward(images))
    again = trained_network(settings, store=Store(tmp_path))
    assert again.key == trained.key
    assert len(list(tmp_path.glob("network/*/"))) == 1


def test_changed_code_is_another_network(folder: Path, tmp_path: Path) -> None:
    idle = QUICK | {"training.pretrain.epochs": "0", "training.qat.epochs": "0"}
    first = trained_network(load(folder / "own.toml", idle), store=Store(tmp_path))
    other = shutil.copytree(folder, tmp_path / "other")
    source = (other / "net.py").read_text()
    (other / "net.py").write_text(source.replace("return x + self.project(y)", "return self.project(y)"))
    second = trained_network(load(other / "own.toml", idle), store=Store(tmp_path))
    assert first.key != second.key
    third = trained_network(load(folder / "own.toml", idle | {"network.arguments.width": "4"}), store=Store(tmp_path))
    assert third.key not in (first.key, second.key)


def test_float_weights_of_others_start_it(settings: Settings, tmp_path: Path) -> None:
    given = build_own_model(settings.network.model, settings.network.arguments, seed=5)
    save_float_weights(given, tmp_path / "given.safetensors")
    torch.save({"state_dict": given.state_dict()}, tmp_path / "given.pt")
    idle = replace(settings.training.pretrain, epochs=0)
    for name in ("given.safetensors", "given.pt"):
        network = replace(settings.network, initial_weights=str(tmp_path / name))
        chosen = replace(settings, network=network, training=replace(settings.training, pretrain=idle, qat=idle))
        teacher = trained_network(chosen, store=Store(tmp_path / "cache")).teacher
        assert teacher is not None
        assert torch.equal(teacher.model.state_dict()["0.0.weight"], given.state_dict()["0.0.weight"])


@pytest.fixture(scope="module")
def saved(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of an untrained network of the example."""
    model = build_own_model(settings.network.model, settings.network.arguments, seed=0)
    images = np.random.default_rng(0).integers(0, 256, (8, 1, 24, 24), dtype=np.uint8)
    path = tmp_path_factory.mktemp("saved") / "network.safetensors"
    checkpoint.save(quantize(model, images), path)
    return path


def test_a_checkpoint_loads_where_the_settings_name_the_network(settings: Settings, saved: Path) -> None:
    chosen = replace(settings, network=replace(settings.network, checkpoint=str(saved)))
    network = trained_network(chosen).network
    assert str(network.architecture) == "net.py:make(classes=10, width=8)"


def test_no_code_is_imported_because_a_checkpoint_names_it(
    saved: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object) -> None:
        raise AssertionError("code was imported")

    monkeypatch.setattr(wattloop.own_code, "load", never)
    with pytest.raises(ModelError, match=r"net.py:make\(classes=10, width=8\).*network.model"):
        checkpoint.load(saved)
    plain = Settings(network=replace(Settings().network, checkpoint=str(saved)))
    with pytest.raises(ModelError, match=r"net.py:make.*network.model"):
        trained_network(plain)


def test_a_checkpoint_of_other_arguments_is_refused(settings: Settings, saved: Path) -> None:
    arguments = {"classes": 10, "width": 8, "expansion": 3}
    chosen = replace(settings, network=replace(settings.network, checkpoint=str(saved), arguments=arguments))
    with pytest.raises(ModelError, match=r"was made from net.py:make\(classes=10, width=8\);.*expansion=3"):
        trained_network(chosen)


REFUSED = {
    "too few outputs": ({"network.arguments.classes": "4"}, ModelError, "not a logit for each of 10 classes"),
    "no network": ({"network.model": "builtins:dict"}, ModelError, "gives a dict, not a torch.nn.Module"),
    "other images": ({"network.model": "torch.nn:Linear", "network.arguments": "{in_features = 3, out_features = 10}"},
                     ModelError, r"does not take images of shape \(1, 24, 24\)"),
    "wrong arguments": ({"network.arguments.depth": "4"}, ConfigError, "net.py:make fails: TypeError"),
    "wrong data": ({"network.dataset": "builtins:list", "network.data_arguments": "{}"}, DatasetError,
                   "builtins:list: train: there is no image"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_told_before_anything_slow(case: str) -> None:
    overrides, kind, message = REFUSED[case]
    if "network.model" in overrides and "network.arguments" not in overrides:
        overrides = overrides | {"network.arguments": "{}"}
    with pytest.raises(kind, match=message):
        check_inputs(load(EXAMPLE / "own.toml", overrides))


def test_arguments_are_for_networks_and_data_of_ones_own() -> None:
    with pytest.raises(ConfigError, match=r"network.arguments: .*model of your own"):
        load(None, {"network.arguments": "{width = 3}"})
    with pytest.raises(ConfigError, match=r"network.data_arguments: .*data set of your own"):
        load(None, {"network.data_arguments": "{size = 3}"})


def test_commands_run_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WATTLOOP_CACHE", str(tmp_path / "cache"))
    options = [word for key, value in QUICK.items() for word in ("--set", f"{key}={value}")]
    for name in ("train", "estimate"):
        done = CliRunner().invoke(
            app, [name, "--config", str(EXAMPLE / "own.toml"), *options, "--out", f"runs/{name}", "--json"]
        )
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)
    assert "3.project.0" in (tmp_path / "runs" / "estimate" / "report.md").read_text()


class _Normed(nn.Module):
    """Layers of both signs and a float part."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.wide, self.norm, self.head = (
            nn.Conv2d(1, 4, 3, stride=2), nn.Conv2d(4, 4, 3), nn.LayerNorm(4), nn.Linear(4, 3)
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.wide(self.conv(x)).mean((2, 3))))


def test_float_parts_are_listed() -> None:
    network = quantize(_Normed(), pairs(8))
    assert network.float_parts == {"op_norm": "norm (LayerNorm)"}
    assert [layer.in_signed for layer in network.layers.values()] == [False, True, True]


def pairs(count: int) -> list[tuple[np.ndarray, int]]:
    """Random images of three levels of brightness."""
    rng = np.random.default_rng(count)
    levels = [int(label) for label in rng.integers(0, 3, count)]
    return [(rng.integers(0, 85 * (1 + label), (1, 12, 12), dtype=np.uint8), label) for label in levels]


def test_a_network_of_both_signs_with_float_parts_is_compressed() -> None:
    simulator = wattloop.Simulator(
        wattloop.HardwareSettings(array=wattloop.ArraySpec(16, 8)),
        wattloop.CharacterizeSettings(simulator="bitparallel", pairs=32, tiles=2),
        wattloop.EstimateSettings(tiles=2),
    )
    data = as_dataset(pairs(300))
    torch.manual_seed(0)
    network = quantize(wattloop.Normalized(_Normed(), *data.normalisation), data.train.images)
    wattloop.fit(network, data, wattloop.TrainConfig(epochs=2, batch_size=20, threads=1))
    config = wattloop.CompressConfig(
        ratios=(0.5,), set_sizes=(16,), k_init=16, k_limit=64, delta=100.0, tolerance=100.0, rescored=1, scope="all",
        fisher_images=16, recoveries=0, profile_images=1, tile_images=1, threads=1,
    )  # fmt: skip
    measure = wattloop.MeasureSettings(images=1)
    result = wattloop.compress(network, (data.train, data.validation, data.test), config, simulator=simulator,
                               measure=measure)  # fmt: skip
    assert {layer.layer for layer in result.layers} == {"conv", "wide", "head"}
    assert result.network is not None and result.table_saving > 0
    images = data.test.images[:5]
    with torch.inference_mode():
        fake = result.network.eval().forward_levels(torch.from_numpy(images)).numpy()
    assert np.array_equal(fake, IntegerNetwork(result.network).forward(images))


def test_the_python_calls_take_any_iterable() -> None:
    found = [(x[:, :10, :10], y) for x, y in pairs(60)]
    simulator = wattloop.Simulator(
        wattloop.HardwareSettings(array=wattloop.ArraySpec(16, 8)),
        wattloop.CharacterizeSettings(simulator="bitparallel", pairs=32, tiles=1),
        wattloop.EstimateSettings(tiles=1, profiled=1),
    )
    model = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    network = quantize(model, found)
    first = np.stack([x for x, _ in found[:2]])
    by_array = wattloop.estimate(network, first, simulator=simulator)
    assert wattloop.estimate(network, found[:2], simulator=simulator).layers == by_array.layers
    assert as_dataset(found).classes == 3
