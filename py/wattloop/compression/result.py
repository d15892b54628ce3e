"""What a compression ends with: figures before and after, the sets kept, the journal, the network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wattloop.compression.bound_facts import TileCheck
from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import Event
from wattloop.compression.rows import Row
from wattloop.compression.subject import Quality
from wattloop.power.oracle import HardwareMapping, LayerEnergy

if TYPE_CHECKING:
    from torch import nn

    from wattloop.nn.network import QuantizedNetwork


@dataclass(frozen=True)
class LayerResult:
    """One layer, as int8 and compressed.

    Attributes:
        layer: its name.
        kind: "conv" or "linear".
        share: rho_l, its share of the int8 network's energy.
        ratio: pruning ratio it was given; None where it was left as it was.
        set_size: size K that its set was asked to have; None likewise.
        values: the allowed set in ascending order; None where all 256 values are allowed.
        sparsity: fraction of its weights that are 0 after compression.
        table_before, table_after: energy by the table, each from a profile of that network.
        tiles_before, tiles_after: energy by simulated tiles; None when no tiles were simulated.
        histogram_before, histogram_after: how often each int8 value occurs, index value + 128.
        curve_before, curve_after: E_l(w), fJ of one MAC cycle by weight value, index value + 128.
    """

    layer: str
    kind: str
    share: float
    ratio: float | None
    set_size: int | None
    values: tuple[int, ...] | None
    sparsity: float
    table_before: LayerEnergy
    table_after: LayerEnergy
    tiles_before: LayerEnergy | None
    tiles_after: LayerEnergy | None
    histogram_before: tuple[int, ...]
    histogram_after: tuple[int, ...]
    curve_before: tuple[float, ...]
    curve_after: tuple[float, ...]


@dataclass(frozen=True)
class PointResult:
    """One network that a method offered.

    Attributes:
        method: which.
        setting: what tells it from the method's other points.
        validation: its quality on validation images.
        test: on test images, looked at when everything was decided.
        energy_fj: of the layers in scope by real tiles of training images, fJ per image: what decisions rest on.
        mappings: how its layers are laid onto the array, where not as they are.
    """

    method: str
    setting: str
    validation: Quality
    test: Quality
    energy_fj: float
    mappings: dict[str, HardwareMapping]


@dataclass(frozen=True)
class Figures:
    """All figures of a compression.

    Attributes:
        config: the settings; the seed among them.
        layers: every layer in scope, in descending share of the energy.
        validation_before, validation_after: quality on validation; decisions rest on these.
        test_before, test_after: quality on the test set, looked at once, at the end.
        bound: validation accuracy (fraction) that was not to be undercut.
        versions: of what computed this, by name.
        points: all networks that the methods offered, in order.
        best: which point the figures are of: the one of least energy that keeps to the bound, both on images that
            decisions may rest on; None where none does, and the network is the int8 one.
        front: points that no other beats in validation accuracy and energy, the dearest first.
        out_of_time: whether the run ended because its hours were spent.
    """

    config: CompressConfig
    layers: tuple[LayerResult, ...]
    validation_before: Quality
    validation_after: Quality
    test_before: Quality
    test_after: Quality
    bound: float
    versions: dict[str, str]
    points: tuple[PointResult, ...]
    best: int | None
    front: tuple[int, ...]
    out_of_time: bool

    @property
    def table_saving(self) -> float:
        """Fraction of the dynamic energy saved, by the table."""
        return _saving((r.table_before, r.table_after) for r in self.layers) or 0.0

    @property
    def tiles_saving(self) -> float | None:
        """Fraction of the dynamic energy saved, by simulated tiles; None when none were simulated."""
        return _saving((r.tiles_before, r.tiles_after) for r in self.layers)


@dataclass(frozen=True)
class CompressionResult(Figures):
    """The result of `compress`: its figures and more.

    Attributes:
        rows: one a point, in the order in which the methods offered them; empty where no energies were measured.
        journal: every decision with its figures, in order.
        network: the best network (not part of comparisons).
        networks: those of all points, where they are at hand.
        checks: late transitions of real tiles of the networks of `rows`, where there is a delay bound; read from
            `late_transitions.parquet` and `late_by_pe.parquet` once they are on disk.
    """

    rows: tuple[Row, ...]
    journal: tuple[Event, ...]
    network: QuantizedNetwork | None = field(default=None, compare=False, repr=False)
    networks: tuple[QuantizedNetwork, ...] = field(default=(), compare=False, repr=False)
    checks: tuple[TileCheck, ...] = field(default=(), compare=False, repr=False)

    def save(self, folder: Path) -> None:
        """Write everything into `folder`; each file appears whole, `result.json` last.

        `result.json`, `layers.parquet` and `values.parquet` are of the best network, `network.safetensors`; `rows.json`
        and `rows.parquet` of all points, whose networks and mappings lie under `points/`; `journal.jsonl` of the run.
        Under a delay bound `late_transitions.parquet` and `late_by_pe.parquet` tell what real tiles bring too late.

        Raises:
            StorageError: the folder cannot be written.
        """
        from wattloop.compression.archive import save

        save(self, folder)

    @staticmethod
    def load(folder: Path, model: nn.Module | None = None) -> CompressionResult:
        """What `save` wrote into `folder`, equal to the original to the bit.

        Args:
            folder: where it lies.
            model: the float network that was quantised, where it is one of your own; without it `network` is None.

        Raises:
            StorageError: a file is missing or damaged.
            ModelError: `model` is another network.
        """
        from wattloop.compression.archive import load

        return load(folder, model)


def _saving(pairs: Iterable[tuple[LayerEnergy | None, LayerEnergy | None]]) -> float | None:
    known = [(a.energy.dynamic_fj, b.energy.dynamic_fj) for a, b in pairs if a is not None and b is not None]
    before = sum(a for a, _ in known)
    return 1.0 - sum(b for _, b in known) / before if before else None
