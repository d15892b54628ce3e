"""Wrong input and full disks: one clear line, exit status 2, nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from torch import nn

from wattloop.cli.options import workplace
from wattloop.errors import ModelError
from wattloop.flow.settings import seeded
from wattloop.gates.libraries import LIBRARIES
from wattloop.nn.checkpoint import save
from wattloop.nn.datasets import load
from wattloop.nn.quantize import quantize

Refused = Callable[..., str]

COMMANDS = ["render", "synth", "characterize", "train", "estimate", "compress", "demo"]

# Fails late, when results are written, but soon.
QUICK = """
[training.pretrain]
epochs = 1
threads = 1
[training.qat]
epochs = 0
[characterize]
simulator = "bitparallel"
pairs = 8
tiles = 1
[estimate]
images = 1
tiles = 1
"""


def test_an_unknown_library(refused: Refused, tmp_path: Path) -> None:
    line = refused("synth", "--library", "nangate14")
    assert line.startswith("no Liberty library 'nangate14': known are nangate15, nangate45, osu018")
    assert list(tmp_path.iterdir()) == []


def test_a_liberty_file_cut_in_half(refused_here: Refused, tmp_path: Path) -> None:
    source = LIBRARIES["nangate15"].locate()
    assert source is not None
    whole = source.read_bytes()
    (tmp_path / "cut.lib").write_bytes(whole[: len(whole) // 2])
    line = refused_here("synth", "--library", "cut.lib")
    assert "cut.lib" in line
    assert [path.name for path in tmp_path.iterdir()] == ["cut.lib"]


def test_a_missing_data_set(refused_here: Refused, tmp_path: Path) -> None:
    line = refused_here("train", "--dataset", "cifar10", "--data-root", "nowhere")
    assert "cifar-10-binary.tar.gz" in line
    assert "nowhere" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["estimate", "compress", "demo"])
def test_a_missing_data_set_is_told_before_anything_slow(command: str, refused_here: Refused, tmp_path: Path) -> None:
    line = refused_here(command, "--data-root", "nowhere", "--set", "network.dataset=cifar100", WATTLOOP_CACHE="cache")
    assert "cifar-100-binary.tar.gz" in line
    assert {path.name for path in tmp_path.iterdir()} <= {"cache"}
    assert not (tmp_path / "cache" / "netlist").exists()


def test_a_damaged_archive(refused_here: Refused, tmp_path: Path) -> None:
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"\x1f\x8b\x08\0 cut off")
    line = refused_here("compress", "--data-root", tmp_path, "--set", "network.dataset=cifar10")
    assert "cifar-10-binary.tar.gz" in line
    assert [path.name for path in tmp_path.iterdir()] == ["cifar-10-binary.tar.gz"]


@pytest.mark.parametrize("command", ["characterize", "estimate", "compress", "demo"])
def test_an_unknown_simulator(command: str, refused_here: Refused, tmp_path: Path) -> None:
    line = refused_here(command, "--simulator", "spice")
    section = "estimate" if command == "estimate" else "characterize"
    assert line.startswith(f"{section}.simulator: simulator = 'spice' is illegal; legal: bitparallel")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_network_and_an_unknown_data_set(refused_here: Refused) -> None:
    assert refused_here("train", "--model", "lenet6").startswith("unknown network 'lenet6'; known: lenet5")
    assert refused_here("train", "--dataset", "digit").startswith("unknown data set 'digit'; known: digits")
    assert refused_here("compress", "--set", "network.model=vgg").startswith("unknown network 'vgg'; known: lenet5")
    assert refused_here("demo", "--set", "network.dataset=svhn").startswith("unknown data set 'svhn'; known: digits")


def test_a_network_with_an_unsupported_layer_is_named() -> None:
    images = load("digits").train.images[:8]
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ChannelShuffle(2), nn.Flatten(), nn.Linear(1800, 10))
    with pytest.raises(ModelError, match="ChannelShuffle") as caught:
        quantize(model, images)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_is_none(refused_here: Refused, tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0")
    line = refused_here("characterize", "--set", "network.checkpoint=cut.safetensors")
    assert "cut.safetensors" in line
    assert [path.name for path in tmp_path.iterdir()] == ["cut.safetensors"]


def test_a_checkpoint_of_a_network_that_wattloop_does_not_know(refused_here: Refused, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1800, 10))
    save(quantize(model, load("digits").train.images[:8]), tmp_path / "own.safetensors")
    line = refused_here("compress", "--checkpoint", "own.safetensors")
    assert line.startswith("own.safetensors was made from a network of your own")
    assert [path.name for path in tmp_path.iterdir()] == ["own.safetensors"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_with_something_else_in_it(command: str, refused_here: Refused, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("precious")
    assert refused_here(command, "--out", "thesis").startswith("thesis holds something else than a run; choose another")
    assert [path.name for path in tmp_path.rglob("*")] == ["thesis", "chapter1.tex"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_typo_in_the_config(command: str, refused_here: Refused, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[hardware]\nclok_ps = 250\n")
    line = refused_here(command, "--config", "a.toml", "--out", "run")
    assert line.startswith("a.toml:2: hardware.clok_ps: unknown key; did you mean clock_ps?")
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_cannot_be_made(command: str, refused_here: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    assert refused_here(command, "--out", "file/run").startswith(
        "cannot write file/run: Not a directory; free space or"
    )
    assert refused_here(command, "--out", "file").startswith(
        "file holds something else than a run; choose another folder"
    )
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_folder_stays_what_it_is(command: str, refused_here: Refused, tmp_path: Path) -> None:
    """A device, above all: as root, a run would take its place."""
    os.mkfifo(tmp_path / "pipe")
    assert refused_here(command, "--out", "pipe").startswith("pipe holds something else than a run; choose another")
    (tmp_path / "link").symlink_to("pipe")
    assert "pipe holds something else than a run; choose another" in refused_here(command, "--out", "link")
    assert (tmp_path / "pipe").is_fifo()
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "link"}


@pytest.mark.parametrize("out", [".", "", "..", "/", "../{name}"])
def test_the_folder_that_the_command_runs_in(out: str, refused_here: Refused, tmp_path: Path) -> None:
    line = refused_here("render", "--out", out.format(name=tmp_path.name))
    assert line.endswith("is a folder that the command runs in; choose another folder with --out")
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_folder_stays_a_link(wattloop: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to("disk")
    for _ in range(2):
        wattloop("render", "--out", "runs")
        assert (tmp_path / "disk" / "provenance.json").is_file()
        assert {path.name for path in tmp_path.iterdir()} == {"disk", "runs"}
    assert (tmp_path / "runs").is_symlink()


@pytest.mark.parametrize("seed", [-1, 1 << 32, 10**30])
@pytest.mark.parametrize("section", [name.removesuffix(".seed") for name in seeded(0)])
def test_a_seed_that_no_generator_takes(section: str, seed: int, refused_here: Refused) -> None:
    line = refused_here("render", "--set", f"{section}.seed={seed}")
    assert line.startswith(f"{section}.seed: ")
    assert line.endswith(f"seed = {seed} is illegal; legal: 0 to 4294967295")


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


@pytest.mark.parametrize("command", ["render", "train", "estimate", "demo"])
def test_a_full_disk(command: str, refused_here: Refused, full_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "quick.toml").write_text(QUICK)
    line = refused_here(command, "--config", "quick.toml", "--out", full_disk / "run")
    assert line.startswith(f"cannot write {full_disk / 'run'}")
    assert "No space left on device" in line
    assert list(full_disk.iterdir()) == []
    assert shutil.disk_usage(full_disk).used == 0


@pytest.mark.parametrize("command", ["synth"])
def test_a_cache_that_cannot_be_written(command: str, refused_here: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refused_here(command, "--out", "run", WATTLOOP_CACHE=str(tmp_path / "file" / "cache"))
    assert "cannot write" in line
    assert "WATTLOOP_CACHE" in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_ways_to_choose_tiles_or_workers_that_exclude_each_other(refused_here: Refused) -> None:
    assert "give one of them" in refused_here("estimate", "--tiles", "all", "--precision", "1%")
    assert "give one of them" in refused_here("estimate", "--workers", "2", "--dask", "tcp://127.0.0.1:1")


def test_workers_by_kind_alone_and_schedulers_that_are_none(refused_here: Refused) -> None:
    assert workplace("threads", None) == {"parallel__workers": "threads", "parallel__count": "0"}
    assert workplace("processes", None)["parallel__count"] == "0"
    assert "give --dask tcp://HOST:PORT" in refused_here("estimate", "--workers", "dask")
    assert "'nonsense' is no address of a Dask scheduler" in refused_here("estimate", "--dask", "nonsense")
