"""What a layer's MACs see, whichever statistical model a run stored: shares of transitions, for heat maps."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop.arith.joint import JointStatistics
from wattloop.arith.kinds import SavedModel, load_statistics
from wattloop.arith.psum_groups import GROUPS, psum_group
from wattloop.arith.statistics import LayerStatistics

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_LEVELS = 256
_PSUM_BITS = 22


@dataclass(frozen=True, eq=False)
class Seen:
    """Transitions of a layer, in the order of the values.

    Attributes:
        layer: its name, or the file's where several are of one layer.
        least: the least activation.
        activations: share of each transition, shape (256, 256), from row to column.
        groups: likewise between the 50 groups of partial sums.
        transitions: how many there were.
        tiles, tiles_total: collected, and of the trace.
    """

    layer: str
    least: int
    activations: Float
    groups: Float
    transitions: int
    tiles: int
    tiles_total: int

    @property
    def zero(self) -> float:
        """Share of the activations that are 0."""
        return float(self.activations[:, -self.least].sum())

    @property
    def quiet(self) -> float:
        """Share of the transitions that change no bit of the activation."""
        return float(np.trace(self.activations))


def stored_statistics(folder: Path, settings: str) -> tuple[Seen, ...]:
    """All `statistics/*.npz` of a run.

    Args:
        folder: of the run.
        settings: text of its `config.toml`.

    Raises:
        StorageError: a file is damaged.
    """
    return tuple(_seen_in(folder / "statistics", psum_bits(settings)))


def psum_bits(settings: str) -> int:
    """Width of the partial sums by a run's settings, or as it usually is."""
    try:
        return int(tomllib.loads(settings)["hardware"]["array"]["mac"]["psum_bits"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError):
        return _PSUM_BITS


def _seen_in(folder: Path, bits: int) -> Iterator[Seen]:
    for path in sorted(folder.glob("*.npz")):
        model = load_statistics(path)
        yield _seen(model, path.stem, *_shares(model, bits))


def _seen(model: SavedModel, name: str, activations: Float, groups: Float, least: int) -> Seen:
    transitions = int(np.sum(model.transitions))
    return Seen(name, least, activations, groups, transitions, model.tiles, model.tiles_total)


def _shares(model: SavedModel, bits: int) -> tuple[Float, Float, int]:
    """Shares of activation transitions and of group transitions, and the least activation."""
    if isinstance(model, LayerStatistics):
        least = -128 if model.activation_signed else 0
        # Signed levels lie in the order of their values, not of their patterns.
        return _share(np.roll(model.activation_counts, least, axis=(0, 1))), _share(model.group_counts), least
    least = -128 if model.activations.size and int(model.activations.min()) < 0 else 0
    weights = _weights(model)
    groups = psum_group(model.psums, bits)
    return (
        _counted(model.activations.astype(np.int64) - least, weights, _LEVELS),
        _counted(groups, weights, GROUPS),
        least,
    )


def _weights(model: JointStatistics) -> Float:
    """Transitions that each kept member stands for."""
    kept = np.diff(model.starts)
    return np.repeat(model.transitions / np.maximum(kept, 1), kept)


def _counted(pairs: npt.NDArray[np.integer], weights: Float, size: int) -> Float:
    flat = pairs[:, 0].astype(np.int64) * size + pairs[:, 1]
    return _share(np.bincount(flat, weights, size * size).reshape(size, size))


def _share(counts: npt.NDArray[np.generic]) -> Float:
    numbers = np.asarray(counts, np.float64)
    return numbers / (numbers.sum() or 1.0)
