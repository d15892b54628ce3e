"""Compression under a delay bound, from the settings to the gates."""

from __future__ import annotations

from collections import defaultdict

import pytest

from wattloop.activity.tiles import TileRun
from wattloop.arith.tiling import tile_at, tile_count
from wattloop.compression.config import CompressConfig
from wattloop.compression.powerpruning.config import TimingConfig
from wattloop.compression.result import CompressionResult
from wattloop.errors import ConfigError
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.timed import timed_cell
from wattloop.flow.timing import CellTimer
from wattloop.flow.timing_settings import TimingSettings
from wattloop.nn.datasets import load as load_dataset
from wattloop.nn.trace import trace

from .conftest import BOUND_PS


@pytest.fixture
def settings(bounded_settings: Settings) -> Settings:
    return bounded_settings


@pytest.fixture
def result(bounded_result: CompressionResult) -> CompressionResult:
    return bounded_result


def tiles_of(settings: Settings, result: CompressionResult) -> list[list[TileRun]]:
    """Tiles of both convolutions on test images, those of one shape together."""
    array, images = settings.hardware.array, load_dataset("digits").test.images[:2]
    shapes: dict[tuple[int, ...], list[TileRun]] = defaultdict(list)
    for seen in trace(result.networks[0], images, layers=["conv1", "conv2"]):
        for number in range(tile_count(seen, array)):
            tile = tile_at(seen, array, number)
            run = TileRun(tile.weights, tile.activations)
            shapes[run.shape].append(run)
    return list(shapes.values())


def test_no_transition_of_real_tiles_settles_after_the_bound(settings: Settings, result: CompressionResult) -> None:
    """What the paper cannot check: the gates themselves, on the tiles of images that nothing was chosen on."""
    timer, tiles = CellTimer(settings), tiles_of(settings, result)
    found = [timer.tiles(alike, BOUND_PS) for alike in tiles]
    assert all(one.safe for one in found)
    latest = max(one.latest_ps for one in found)
    assert 0.9 * BOUND_PS < latest <= BOUND_PS
    assert not all(timer.tiles(alike, latest - 1.0).safe for alike in tiles)


def test_without_a_bound_nothing_is_timed() -> None:
    assert timed_cell(CompressConfig(), Simulator()) is None


def test_the_cell_is_timed_once_and_the_grid_stands_in_the_key() -> None:
    bounded = CompressConfig(timing=TimingConfig(bound_ps=170.0))
    fine, coarse = (timed_cell(bounded, Simulator(), TimingSettings(delay_step_ps=step)) for step in (2.0, 4.0))
    assert fine is not None and coarse is not None
    assert fine.facts != coarse.facts
    assert coarse.profile() is coarse.profile()
    assert coarse.profile().step_ps == 4.0
    assert coarse.profile().method == "worst"


def test_partial_sums_of_a_layer_are_refused() -> None:
    bounded = CompressConfig(timing=TimingConfig(bound_ps=170.0))
    with pytest.raises(ConfigError, match=r"timing\.layer: .*; leave it out"):
        timed_cell(bounded, Simulator(), TimingSettings(layer="conv1"))
