"""Wrong input and full disks: one clear line, exit status 2, nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from torch import nn

from wattloop.errors import ModelError
from wattloop.gates.libraries import LIBRARIES
from wattloop.nn.datasets import load
from wattloop.nn.quantize import quantize

Refused = Callable[..., str]

# By command: options that make it quick to fail.
COMMANDS = ["render", "synth", "characterize", "train"]


def test_an_unknown_library(refused: Refused, tmp_path: Path) -> None:
    line = refused("synth", "--library", "nangate14")
    assert line.startswith("no Liberty library 'nangate14': known are nangate15, nangate45, osu018")
    assert list(tmp_path.iterdir()) == []


def test_a_liberty_file_cut_in_half(refused: Refused, tmp_path: Path) -> None:
    source = LIBRARIES["nangate15"].locate()
    assert source is not None
    whole = source.read_bytes()
    (tmp_path / "cut.lib").write_bytes(whole[: len(whole) // 2])
    line = refused("synth", "--library", "cut.lib")
    assert "cut.lib" in line
    assert [path.name for path in tmp_path.iterdir()] == ["cut.lib"]


def test_a_missing_data_set(refused: Refused, tmp_path: Path) -> None:
    line = refused("train", "--dataset", "cifar10", "--data-root", "nowhere")
    assert "cifar-10-binary.tar.gz" in line
    assert "nowhere" in line
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_network_and_an_unknown_data_set(refused: Refused) -> None:
    assert refused("train", "--model", "lenet6").startswith("unknown network 'lenet6'; known: lenet5")
    assert refused("train", "--dataset", "digit").startswith("unknown data set 'digit'; known: digits")


def test_a_network_with_an_unsupported_layer_is_named() -> None:
    images = load("digits").train.images[:8]
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.Flatten(), nn.Linear(1800, 10))
    with pytest.raises(ModelError, match="GELU") as caught:
        quantize(model, images)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_is_none(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0")
    line = refused("characterize", "--set", "network.checkpoint=cut.safetensors")
    assert "cut.safetensors" in line
    assert [path.name for path in tmp_path.iterdir()] == ["cut.safetensors"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_typo_in_the_config(command: str, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[hardware]\nclok_ps = 250\n")
    line = refused(command, "--config", "a.toml", "--out", "run")
    assert line.startswith("a.toml:2: hardware.clok_ps: unknown key; did you mean clock_ps?")
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_cannot_be_made(command: str, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    assert refused(command, "--out", "file/run").startswith("cannot write file/run: Not a directory; free space or")
    assert refused(command, "--out", "file").startswith("file holds something else than a run; choose another folder")
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("command", ["synth"])
def test_a_file_size_limit(command: str, refused: Refused, tmp_path: Path) -> None:
    # Of 4 KiB: less than the first large file of each of these commands.
    line = refused(command, "--out", "run", wrapper=["prlimit", "--fsize=4096"])
    assert "File too large" in line
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("making a tiny file system takes root and the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("command", ["render", "train"])
def test_a_full_disk(command: str, refused: Refused, full_disk: Path) -> None:
    line = refused(command, "--out", full_disk / "run")
    assert line.startswith(f"cannot write {full_disk / 'run'}")
    assert "No space left on device" in line
    assert list(full_disk.iterdir()) == []
    assert shutil.disk_usage(full_disk).used == 0


@pytest.mark.parametrize("command", ["synth"])
def test_a_cache_that_cannot_be_written(command: str, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refused(command, "--out", "run", WATTLOOP_CACHE=str(tmp_path / "file" / "cache"))
    assert "cannot write" in line
    assert "WATTLOOP_CACHE" in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
