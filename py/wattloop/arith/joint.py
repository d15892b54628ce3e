"""Joint replay: observed (activation, partial sum) transitions by class of reduction row, kept as they occurred."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from wattloop.arith.archive import load_arrays, save_arrays
from wattloop.arith.layer import LayerTrace
from wattloop.arith.mapping import HardwareMapping
from wattloop.arith.tile_choice import chosen_tiles, psum_streams, tile_transitions
from wattloop.arith.tiling import Tile, check_overflow, tile_at, tile_count
from wattloop.arith.transitions import Pairs
from wattloop.errors import StimulusError, StorageError
from wattloop.gates.spec import ArraySpec
from wattloop.store import content_key

Float = npt.NDArray[np.float64]
Int16 = npt.NDArray[np.int16]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

_MEMBERS = 1 << 19


@dataclass(frozen=True, eq=False)
class JointStatistics:
    """Observed transitions of a layer's MACs, activation and partial sum together; implements `TransitionModel`.

    Attributes:
        layer: name of the layer.
        class_of_row: class of each reduction row, shape (groups, reduction), or (1, 1) for one class.
        transitions: how many the collected tiles have in each class, shape (classes,).
        activations: int16, shape (members, 2): (from, to), class after class.
        psums: int32, shape (members, 2), likewise.
        starts: first member of each class, and their number at the end, shape (classes + 1,).
        images, tiles, tiles_total, seed: see `LayerStatistics`.
    """

    layer: str
    class_of_row: Int64
    transitions: Int64
    activations: Int16
    psums: Int32
    starts: Int64
    images: int
    tiles: int
    tiles_total: int
    seed: int

    def __post_init__(self) -> None:
        members = (int(self.starts[-1]), 2) if self.starts.ndim == 1 and self.starts.size else None
        fits = self.transitions.shape == (self.starts.size - 1,) and self.class_of_row.ndim == 2
        if not fits or self.activations.shape != members or self.psums.shape != members:
            raise StorageError(f"statistics of layer {self.layer}: damaged; collect them again")

    @property
    def kind(self) -> str:
        """Joint, in so many classes."""
        return f"joint, {len(self.transitions)} classes of rows"

    @property
    def key(self) -> str:
        """Content key: equal statistics have equal keys."""
        return content_key(self)

    @property
    def shares(self) -> Float:
        """Share of the transitions in each class, shape (classes,)."""
        return self.transitions / max(1, int(self.transitions.sum()))

    def sample(self, count: int, rng: np.random.Generator, row_class: int = 0) -> Pairs:
        """Draw members of a class, each as likely as any other; see `TransitionModel`.

        Raises:
            StimulusError: nothing of this class was collected.
        """
        activation_from, activation_to, psum_from, psum_to = self.sample_rows(count, [rng], row_class)
        return activation_from[0], activation_to[0], psum_from[0], psum_to[0]

    def sample_rows(self, count: int, rngs: Sequence[np.random.Generator], row_class: int = 0) -> Pairs:
        """What `sample` gives for each of several generators, each of shape (generators, count)."""
        first, last = int(self.starts[row_class]), int(self.starts[row_class + 1])
        if first == last:
            raise StimulusError(
                f"layer {self.layer} has no transitions of row class {row_class} to sample from: collect more tiles"
            )
        drawn = np.stack([rng.integers(first, last, count) for rng in rngs])
        activation, psum = self.activations[drawn].astype(np.int64), self.psums[drawn].astype(np.int64)
        return activation[..., 0], activation[..., 1], psum[..., 0], psum[..., 1]

    def save(self, path: Path) -> None:
        """Write an .npz file, whole or not at all.

        Raises:
            StorageError: the file cannot be written.
        """
        save_arrays(self, path)

    @classmethod
    def load(cls, path: Path) -> JointStatistics:
        """Read what `save` wrote.

        Raises:
            StorageError: missing or damaged.
        """
        return load_arrays(cls, path)


def collect_joint(
    trace: LayerTrace,
    spec: ArraySpec,
    class_of_row: Int64,
    *,
    tiles: int | None = None,
    seed: int = 0,
    members: int = _MEMBERS,
    psum_offset: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> JointStatistics:
    """Keep transitions of real tiles: all of them, or about `members`, drawn at random from every tile alike.

    Every tile counts the step from the idle inputs to its first pixel and back from its last. Rows of a class of which
    no tile was collected are taken for the nearest class (classes are in order).

    Args:
        trace: the layer and its inputs.
        spec: the array that cuts the layer into tiles.
        class_of_row: from `row_classes`.
        tiles: how many tiles, chosen at random without replacement; None for all.
        seed: of all choices; equal arguments give equal statistics, to the bit.
        members: how many transitions are kept.
        psum_offset: constant that enters row 0.
        progress: called with (done, total) tiles.

    Raises:
        OverflowRangeError: the layer does not fit the array's partial sums.
    """
    check_overflow(trace.layer, spec, HardwareMapping(psum_offset=psum_offset))
    chosen = chosen_tiles(trace, spec, tiles, seed)
    share = members / int(tile_transitions(trace, spec)[chosen].sum())
    number = zlib.crc32(trace.layer.name.encode())
    of_row = np.broadcast_to(class_of_row, (trace.layer.geometry.groups, trace.layer.geometry.reduction))
    population, parts = np.zeros(int(class_of_row.max()) + 1, np.int64), []
    for done, index in enumerate(chosen.tolist(), start=1):
        tile = tile_at(trace, spec, index)
        first = tile.row_block * spec.rows
        classes = of_row[tile.group, first : first + len(tile.weights)]
        steps = tile.weights.shape[1] * (tile.activations.shape[1] + 1)
        population += np.bincount(classes, minlength=len(population)) * steps
        parts.append(_drawn(tile, classes, share, psum_offset, np.random.default_rng([seed, number, index])))
        if progress is not None:
            progress(done, len(chosen))
    renumbered, seen = _nearest_seen(population)
    return JointStatistics(
        layer=trace.layer.name,
        class_of_row=renumbered[class_of_row],
        transitions=population[seen],
        **_by_class(parts, renumbered, len(seen)),
        images=trace.images,
        tiles=len(chosen),
        tiles_total=tile_count(trace, spec),
        seed=seed,
    )


class _Members(TypedDict):
    activations: Int16
    psums: Int32
    starts: Int64


def _by_class(parts: Sequence[tuple[Int64, Int16, Int32]], renumbered: Int64, count: int) -> _Members:
    """Members of all tiles, class after class."""
    classes, activations, psums = (np.concatenate(part) for part in zip(*parts, strict=True))
    classes = renumbered[classes]
    order = np.argsort(classes, kind="stable")
    starts = np.searchsorted(classes[order], np.arange(count + 1)).astype(np.int64)
    return {"activations": activations[order], "psums": psums[order], "starts": starts}


def _nearest_seen(population: Int64) -> tuple[Int64, Int64]:
    """The class that stands for each class: itself, or the nearest one of which a tile was collected; and those."""
    seen = np.flatnonzero(population)
    distance = np.abs(np.arange(len(population))[:, None] - seen)
    return distance.argmin(axis=1), seen


def _drawn(
    tile: Tile, classes: Int64, share: float, psum_offset: int, rng: np.random.Generator
) -> tuple[Int64, Int16, Int32]:
    """Class, activations and partial sums of transitions of one tile: all, or a share of them."""
    psum = np.pad(psum_streams(tile, psum_offset), ((0, 0), (0, 0), (1, 1)), constant_values=psum_offset)
    activation = np.pad(tile.activations.astype(np.int16), ((0, 0), (1, 1)))
    rows, cols, steps = psum.shape[0], psum.shape[1], psum.shape[2] - 1
    total = rows * cols * steps
    # The fraction of a member that a small tile is due goes by chance.
    count = total if share >= 1 else int(share * total + rng.random())
    at = np.arange(total) if share >= 1 else rng.integers(0, total, count)
    row, col, step = np.unravel_index(at, (rows, cols, steps))
    return (
        classes[row],
        np.stack([activation[row, step], activation[row, step + 1]], axis=1),
        np.stack([psum[row, col, step], psum[row, col, step + 1]], axis=1),
    )
