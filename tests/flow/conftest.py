"""A network that is trained and compressed in seconds: small samples, few epochs, one configuration a layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wattloop import resources
from wattloop.compression.result import CompressionResult
from wattloop.flow.compression import compress_flow
from wattloop.flow.settings import Settings, load
from wattloop.runs import run_folder

TINY = """
[training.pretrain]
epochs = 2
threads = 1
[training.qat]
epochs = 1
threads = 1
[characterize]
simulator = "bitparallel-timed"
pairs = 64
tiles = 8
[estimate]
images = 2
tiles = 4
[measure]
images = 1
[compress]
ratios = [0.5]
set_sizes = [16]
k_init = 16
k_limit = 64
delta = 20.0
tolerance = 20.0
recoveries = 0
rescored = 1
fisher_images = 32
scoring_images = 100
profile_images = 1
tile_images = 1
threads = 1
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings as a file."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def settings(tiny: Path) -> Settings:
    return load(tiny)


BOUND_PS = 172.0


@pytest.fixture(scope="session")
def bounded_settings() -> Settings:
    """A compression under a delay bound, of a network that is hardly trained."""
    quick = load(
        resources.folder("sim") / "configs" / "reproduce_quick.toml",
        {"compress.timing.bound_ps": str(BOUND_PS), "compress.methods": '["powerpruning"]'},
    )
    rivals = replace(quick.compress.baselines, power_thresholds=("by sign",))
    return replace(quick, compress=replace(quick.compress, baselines=rivals))


@pytest.fixture(scope="session")
def bounded_result(bounded_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> CompressionResult:
    """Its result."""
    folder = tmp_path_factory.mktemp("bounded") / "run"
    with run_folder(folder, command="compress", settings=bounded_settings, seeds={}) as run:
        return compress_flow(bounded_settings, run)
