"""`wattloop export` and `wattloop import`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from wattloop import build_own_model, quantize
from wattloop.cli.main import app
from wattloop.flow.settings import load as load_settings
from wattloop.nn.checkpoint import load, read_metadata, save
from wattloop.nn.integer import IntegerNetwork
from wattloop.runs import run_folder

LENET = Path(__file__).resolve().parents[2] / "models" / "lenet5" / "int8-seed0.safetensors"
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32)).astype(np.uint8)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ran(*args: str | Path) -> str:
    done = CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("kernels", ["integer", "float"])
def test_there_and_back_gives_a_checkpoint_with_the_same_integers(kernels: str) -> None:
    assert "5 layers, 185520 weights" in ran("export", LENET, "--to", "lenet.onnx", "--kernels", kernels)
    said = ran("import", "lenet.onnx", "--out", "back.safetensors")
    assert "mean 0.491, 0.4819, 0.4463" in said
    back = load(Path("back.safetensors"))
    assert np.array_equal(IntegerNetwork(back).forward(PIXELS), IntegerNetwork(load(LENET)).forward(PIXELS))
    assert read_metadata(Path("back.safetensors"))["imported from"] == "lenet.onnx"


def test_an_onnx_file_is_a_checkpoint() -> None:
    ran("export", LENET, "--to", "lenet.onnx")
    found = IntegerNetwork(load(Path("lenet.onnx"))).forward(PIXELS)
    assert np.array_equal(found, IntegerNetwork(load(LENET)).forward(PIXELS))


@pytest.mark.parametrize("place", ["network.safetensors", "compression/network.safetensors"])
def test_a_run_is_exported_by_its_folder(place: str) -> None:
    (Path("run") / place).parent.mkdir(parents=True)
    shutil.copy(LENET, Path("run") / place)
    told = json.loads(ran("export", "run", "--to", "plain.safetensors", "--json"))
    assert told["source"] == f"run/{place}"
    assert told["bytes"] == Path("plain.safetensors").stat().st_size


def test_the_normalisation_of_a_model_is_checked(refused_here: Callable[..., str]) -> None:
    ran("export", LENET, "--to", "lenet.onnx")
    normalisation = load(LENET).normalisation
    assert normalisation is not None
    mean, std = (",".join(map(str, part)) for part in normalisation)
    told = json.loads(ran("import", "lenet.onnx", "--out", "a.safetensors", "--mean", mean, "--std", std, "--json"))
    assert told["off_by_one"] == 0
    args = ("import", "lenet.onnx", "--out", "b.safetensors", "--mean", "0.5,0.5,0.5")
    assert "quantise the model with one mean and std" in refused_here(*args, "--std", "1,1,1")
    assert "given together" in refused_here(*args)
    assert "--std x: numbers" in refused_here(*args, "--std", "x")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("export", LENET, "--to", "lenet.pb"), "ends in .onnx or .safetensors"),
        (("export", LENET, "--to", LENET), "choose another file"),
        (("export", ".", "--to", "lenet.onnx"), "holds no network.safetensors"),
        (("export", "none.safetensors", "--to", "lenet.onnx"), "cannot read network none.safetensors"),
        (("import", "none.onnx", "--out", "a.safetensors"), "cannot read none.onnx"),
        (("import", "none.onnx", "--out", "a.onnx"), "ends in .safetensors"),
        (("import", "none.onnx", "--out", "a.safetensors", "--input-shape", "3,32"), "3 of them"),
    ],
)
def test_bad_input_is_one_line(args: tuple[str, ...], told: str, refused_here: Callable[..., str]) -> None:
    assert told in refused_here(*args)


def test_a_missing_package_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, refused_here: Callable[..., str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install 'wattloop[onnx]'" in refused_here("export", LENET, "--to", "lenet.onnx")
    ran("export", LENET, "--to", "plain.safetensors")


@pytest.fixture
def own() -> Path:
    """A run of a network that is code of its folder's."""
    Path("net.py").write_text(
        "from torch import nn\n"
        "def make(width):\n"
        "    return nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36 * width, 2))\n"
    )
    chosen = load_settings(None, {"network.model": "net.py:make", "network.arguments": "{width = 2}"})
    with run_folder(Path("run"), command="train", settings=chosen, seeds={}):
        pass
    network = quantize(build_own_model(chosen.network.model, chosen.network.arguments), PIXELS[:, :1, :8, :8])
    save(network, Path("run/network.safetensors"))
    return Path("run")


def test_the_settings_of_a_run_say_which_network_of_ones_own_it_is(own: Path, refused_here: Callable[..., str]) -> None:
    assert "2 layers" in ran("export", own, "--to", "own.onnx")
    network = load(Path("own.onnx"))
    assert network.input_shape == (1, 8, 8)
    told = refused_here("export", own / "network.safetensors", "--to", "bare.onnx")
    assert told.startswith("run/network.safetensors was made from a network of your own: name the folder of its run")
    assert "wattloop.save_onnx" in told
