"""A network that is trained and compressed in seconds: small samples, few epochs, one configuration a layer."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattloop.flow.settings import Settings, load

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
