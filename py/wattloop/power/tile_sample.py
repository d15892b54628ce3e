"""A stratified random sample of a layer's tiles: tiles of one size are a stratum."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import IntegerLayer, LayerTrace
from wattloop.arith.tiling import tile_grid
from wattloop.gates.spec import ArraySpec

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stratum:
    """Tiles that use the same part of the array for the same number of pixels.

    Attributes:
        rows, cols, pixels: what each of them uses.
        size: how many there are in the trace.
        chosen: indices (`arith.tiling.tile_at`) of those that are sampled, ascending.
    """

    rows: int
    cols: int
    pixels: int
    size: int
    chosen: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(rows, cols, pixels)."""
        return self.rows, self.cols, self.pixels


@dataclass(frozen=True, eq=False)
class TileKind:
    """The tiles of one size in every image of a layer.

    Attributes:
        rows, cols, pixels: what each of them uses.
        members: their indices within an image, ascending.
        in_image: tiles of all kinds in an image.
        images: how many images there are.
    """

    rows: int
    cols: int
    pixels: int
    members: Int64
    in_image: int
    images: int

    @property
    def size(self) -> int:
        """How many there are in all images."""
        return len(self.members) * self.images

    def work(self, spec: ArraySpec) -> int:
        """Cycles of all its cells in one tile."""
        return self.rows * self.cols * spec.cycles_of(self.pixels)

    def index(self, k: int) -> int:
        """Index of its member number `k`, the image slowest (`arith.tiling.tile_at`)."""
        image, member = divmod(k, len(self.members))
        return image * self.in_image + int(self.members[member])

    def stratum(self, numbers: list[int]) -> Stratum:
        """The sample of the members with these numbers."""
        chosen = tuple(sorted(self.index(k) for k in numbers))
        return Stratum(self.rows, self.cols, self.pixels, self.size, chosen)


def tile_kinds(layer: IntegerLayer, images: int, spec: ArraySpec) -> list[TileKind]:
    """The tiles of a layer by size."""
    geometry = layer.geometry
    shape = (images, geometry.in_channels, geometry.in_height, geometry.in_width)
    _, groups, *blocks = tile_grid(LayerTrace(layer, np.broadcast_to(np.uint8(0), shape)), spec)
    totals = (geometry.reduction, geometry.out_channels // geometry.groups, geometry.pixels)
    edges = (spec.rows, spec.cols, spec.pixels)
    used = [
        np.minimum(edge, total - edge * np.arange(count))
        for edge, total, count in zip(edges, totals, blocks, strict=True)
    ]
    sizes = np.stack(np.meshgrid(*used, indexing="ij"), axis=-1).reshape(-1, 3)
    sizes = np.tile(sizes, (groups, 1))
    kinds, kind = np.unique(sizes, axis=0, return_inverse=True)
    return [
        TileKind(int(rows), int(cols), int(pixels), np.flatnonzero(kind.ravel() == k), len(sizes), images)
        for k, (rows, cols, pixels) in enumerate(kinds)
    ]


def sample_kinds(kinds: list[TileKind], name: str, spec: ArraySpec, tiles: int | None, seed: int) -> list[list[int]]:
    """Numbers of the members that are chosen of each kind; see `sample_tiles`."""
    work = [kind.size * kind.work(spec) for kind in kinds]
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    chosen = []
    for kind, share in zip(kinds, work, strict=True):
        wanted = kind.size if tiles is None else max(2, round(tiles * share / sum(work)))
        chosen.append(sorted(rng.choice(kind.size, min(wanted, kind.size), replace=False).tolist()))
    return chosen


def sample_tiles(trace: LayerTrace, spec: ArraySpec, tiles: int | None, seed: int) -> list[Stratum]:
    """Choose tiles at random, without replacement, in proportion to the work of each stratum.

    The choice depends on the layer's name, shape and images and on the seed, not on its weights: energies of two sets
    of weights are of the same tiles.

    Args:
        trace: the layer.
        spec: the array.
        tiles: how many in all (but 2 of each stratum at least, where it has them); None for all.
        seed: of the choice.
    """
    kinds = tile_kinds(trace.layer, trace.images, spec)
    chosen = sample_kinds(kinds, trace.layer.name, spec, tiles, seed)
    return [kind.stratum(numbers) for kind, numbers in zip(kinds, chosen, strict=True)]
