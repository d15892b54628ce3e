"""What a network costs: every layer by table and by simulated tiles, in all accountings side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import polars as pl

from wattloop.arith.layer import IntegerLayer
from wattloop.errors import StorageError
from wattloop.gates.spec import ArraySpec
from wattloop.power.oracle import EnergyBreakdown, EnergyOracle, LayerEnergy
from wattloop.power.survey import Surveyed, TracedNetwork
from wattloop.power.tile_energies import TileEnergies, breakdown, layer_energy, total_fj
from wattloop.power.tile_sample import tile_kinds
from wattloop.store import write_atomic


@dataclass(frozen=True)
class LayerEstimate:
    """One layer, fJ per image; of the active cells unless it says otherwise.

    Attributes:
        layer: its name.
        kind: "conv" or "linear".
        share: rho_l, of the dynamic energy by tiles of all layers of its kind.
        tiles: tiles of one image.
        simulated: tiles that were simulated, of all images.
        cycles: clock cycles of one image in the array (the `rtl` accounting).
        paper_cycles: as the paper counts them, 2 x rows a tile (section 3.2).
        by_table: from a table characterised on some of the images.
        by_tiles: from the simulated tiles, all cycles counted; its dynamic energy is the `datapath` accounting where
            glitches were simulated.
        functional_fj: dynamic energy by tiles without glitches, and its standard error.
        functional_error_fj: see above.
        total_error_fj: standard error of the energy by tiles with clock and leakage.
        idle: energy of the cells that tiles leave idle, as measured; all 0 where they were not counted.
        array_error_fj: standard error of the dynamic energy of all cells.
        paper_fj: total energy by the paper's accounting, mean power of the simulated tiles x `paper_cycles`.
        paper_error_fj: its standard error.
    """

    layer: str
    kind: str
    share: float
    tiles: int
    simulated: int
    cycles: int
    paper_cycles: int
    by_table: LayerEnergy
    by_tiles: LayerEnergy
    functional_fj: float
    functional_error_fj: float
    total_error_fj: float
    idle: EnergyBreakdown
    array_error_fj: float
    paper_fj: float
    paper_error_fj: float

    @property
    def array_fj(self) -> float:
        """Dynamic energy of all cells, idle ones in (the `array` accounting)."""
        return self.by_tiles.energy.dynamic_fj + self.idle.dynamic_fj

    @property
    def glitch_share(self) -> float:
        """Share of the dynamic energy by tiles that toggles beyond the functional ones take."""
        whole = self.by_tiles.energy.dynamic_fj
        return 1.0 - self.functional_fj / whole if whole else 0.0

    @property
    def idle_share(self) -> float:
        """Share of the dynamic energy of all cells that the idle ones take."""
        return self.idle.dynamic_fj / self.array_fj if self.array_fj else 0.0


@dataclass(frozen=True)
class Estimate:
    """Energies of a network; saves and loads.

    Attributes:
        layers: in the order of the network.
        images: images that it speaks of; the energies are the mean over them.
        confidence: that the intervals cover what simulating all tiles of these images would give.
        half_widths_fj: half the width of the interval of the dynamic energy by tiles, fJ per image, by kind of layer.
    """

    layers: tuple[LayerEstimate, ...]
    images: int
    confidence: float
    half_widths_fj: dict[str, float]

    def dynamic_fj(self, kind: str = "conv") -> float:
        """Dynamic energy per image of all layers of a kind, by tiles."""
        return sum(row.by_tiles.energy.dynamic_fj for row in self.layers if row.kind == kind)

    def precision(self, kind: str = "conv") -> float:
        """Half the width of the interval of `dynamic_fj`, relative to it."""
        whole = self.dynamic_fj(kind)
        return self.half_widths_fj[kind] / whole if whole else 0.0

    def save(self, path: Path) -> None:
        """Write a Parquet file, one row a layer and origin ("table", "tiles"), whole or not at all.

        Raises:
            StorageError: the file cannot be written.
        """
        buffer = io.BytesIO()
        common = {"images": self.images, "confidence": self.confidence}
        rows = [
            row | common | {"half_width_fj": self.half_widths_fj[layer.kind]}
            for layer in self.layers
            for row in _rows(layer)
        ]
        pl.DataFrame(rows).write_parquet(buffer)
        write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Estimate:
        """Read what `save` wrote, equal to the bit.

        Raises:
            StorageError: missing or damaged.
        """
        try:
            rows = pl.read_parquet(io.BytesIO(path.read_bytes())).to_dicts()
            layers = tuple(_layer(*rows[i : i + 2]) for i in range(0, len(rows), 2))
            widths = {row["kind"]: row["half_width_fj"] for row in rows}
            return cls(layers, int(rows[0]["images"]), rows[0]["confidence"], widths)
        except (OSError, pl.exceptions.PolarsError, LookupError, TypeError, ValueError) as error:
            raise StorageError(f"cannot read the estimate {path}: {error}; estimate again") from error


def estimated(
    network: TracedNetwork, surveyed: Surveyed, spec: ArraySpec, by_table: EnergyOracle, origin: str, confidence: float
) -> Estimate:
    """Every layer by table and by its simulated tiles.

    Args:
        network: the layers.
        surveyed: their simulated tiles.
        spec: the array.
        by_table: knows the same layers.
        origin: who simulated.
        confidence: of the survey's intervals.
    """
    layers = [
        _estimate(layer, network.images, measured, spec, by_table.energy(layer.name, layer.weight), origin)
        for layer, measured in zip(network.layers, surveyed.layers, strict=True)
    ]
    widths = {kind: found.half_width / network.images for kind, found in surveyed.intervals.items()}
    return Estimate(_shared(layers), network.images, confidence, widths)


def _estimate(
    layer: IntegerLayer,
    images: int,
    measured: Sequence[TileEnergies],
    spec: ArraySpec,
    by_table: LayerEnergy,
    origin: str,
) -> LayerEstimate:
    kinds = tile_kinds(layer, images, spec)
    tiles = kinds[0].in_image
    functional, paper = (total_fj(measured, name) for name in ("functional", "paper"))
    return LayerEstimate(
        layer=layer.name,
        kind=layer.kind,
        share=0.0,
        tiles=tiles,
        simulated=sum(len(part.stratum.chosen) for part in measured),
        cycles=sum(len(kind.members) * spec.cycles_of(kind.pixels) for kind in kinds),
        paper_cycles=2 * spec.rows * tiles,
        by_table=by_table,
        by_tiles=layer_energy(layer, images, measured, origin),
        functional_fj=functional.total / images,
        functional_error_fj=functional.error / images,
        total_error_fj=total_fj(measured, "total").error / images,
        idle=breakdown(measured, "idle_") * (1 / images),
        array_error_fj=total_fj(measured, "array").error / images,
        paper_fj=paper.total / images,
        paper_error_fj=paper.error / images,
    )


def _shared(layers: Sequence[LayerEstimate]) -> tuple[LayerEstimate, ...]:
    whole: dict[str, float] = {}
    for row in layers:
        whole[row.kind] = whole.get(row.kind, 0.0) + row.by_tiles.energy.dynamic_fj
    # A kind that takes no energy at all has none to share.
    return tuple(replace(row, share=row.by_tiles.energy.dynamic_fj / (whole[row.kind] or 1.0)) for row in layers)


_ENERGIES = {"table": "by_table", "tiles": "by_tiles"}
_PLAIN = [f.name for f in fields(LayerEstimate) if f.name not in (*_ENERGIES.values(), "idle")]


def _rows(layer: LayerEstimate) -> list[dict[str, Any]]:
    rows = []
    idle = {f"idle_{name}": value for name, value in asdict(layer.idle).items()}
    for source, attribute in _ENERGIES.items():
        energy = asdict(getattr(layer, attribute))
        plain = {name: getattr(layer, name) for name in _PLAIN}
        rows.append(plain | idle | {"source": source} | energy.pop("energy") | energy)
    return rows


def _layer(table: dict[str, Any], tiles: dict[str, Any]) -> LayerEstimate:
    plain = {name: table[name] for name in _PLAIN}
    idle = _breakdown(table, "idle_")
    return LayerEstimate(**plain, idle=idle, by_table=_energy(table, "table"), by_tiles=_energy(tiles, "tiles"))


def _energy(row: dict[str, Any], source: str) -> LayerEnergy:
    if row["source"] != source:
        raise ValueError("the rows are out of order")
    rest = {f.name: row[f.name] for f in fields(LayerEnergy) if f.name != "energy"}
    return LayerEnergy(energy=_breakdown(row), **rest)


def _breakdown(row: dict[str, Any], prefix: str = "") -> EnergyBreakdown:
    return EnergyBreakdown(**{f.name: row[prefix + f.name] for f in fields(EnergyBreakdown)})
