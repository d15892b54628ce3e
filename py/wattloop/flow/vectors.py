"""Vectors of a real layer: what the cells of the array see when its trained network looks at images."""

from __future__ import annotations

from wattloop.activity.bitparallel.mac_vectors import shortened, tile_vectors
from wattloop.activity.stimulus import Stimulus
from wattloop.arith.golden import run_tile
from wattloop.arith.layer import LayerTrace
from wattloop.arith.representable import fitted
from wattloop.arith.tiling import Tile, tile_at, tile_count
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import Settings
from wattloop.flow.training import trained_network
from wattloop.gates.spec import ArraySpec
from wattloop.store import Store


def real_vectors(
    settings: Settings, transitions: int, *, store: Store | None = None, progress: Progress = SILENT
) -> tuple[str, Stimulus]:
    """At least `transitions` transitions of the settings' layer, and which layer of which network it is.

    Tiles of the layer's largest size, from as many training images as it takes.

    Raises:
        ModelError, DatasetError: there is no such network, layer or data.
    """
    from wattloop.nn.trace import trace

    trained = trained_network(settings, store=store, progress=progress)
    name = settings.characterize.layer or _second_convolution(tuple(trained.network.layers))
    images = trained.dataset.train.images
    tiles: list[Tile] = []
    for first in range(0, len(images), settings.characterize.images):
        (seen,) = trace(trained.network, images[first : first + settings.characterize.images], layers=[name])
        tiles += _largest_tiles(fitted(seen, settings.hardware.array.mac).trace, settings.hardware.array)
        if sum(tile.weights.size * (tile.activations.shape[1] + 1) for tile in tiles) >= transitions:
            break
    return f"{settings.network.title} on {settings.network.dataset_title}, {name}", _vectors(
        tiles, settings.hardware.array, transitions
    )


def _second_convolution(layers: tuple[str, ...]) -> str:
    """The second layer, because the first sees raw pixels."""
    return layers[:2][-1]


def _largest_tiles(seen: LayerTrace, array: ArraySpec) -> list[Tile]:
    tiles = [tile_at(seen, array, index) for index in range(tile_count(seen, array))]
    size = max(_size(tile) for tile in tiles)
    return [tile for tile in tiles if _size(tile) == size]


def _size(tile: Tile) -> tuple[int, int, int]:
    rows, cols = tile.weights.shape
    pixels = tile.activations.shape[1]
    return rows * cols * pixels, rows, cols


def _vectors(tiles: list[Tile], array: ArraySpec, transitions: int) -> Stimulus:
    """As many tiles as it takes, the last one in part."""
    rows, cols = tiles[0].weights.shape
    lanes = -(-transitions // (tiles[0].activations.shape[1] + 1))
    wanted = tiles[: -(-lanes // (rows * cols))]
    streams = [run_tile(tile.weights, tile.activations, array) for tile in wanted]
    return shortened(tile_vectors(array.mac, streams, rows, cols), lanes)
