"""What a network costs: every layer by table and by simulated tiles, side by side, in both accountings."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl

from wattloop.arith.layer import LayerTrace
from wattloop.arith.tiling import tile_count
from wattloop.errors import StorageError
from wattloop.gates.spec import ArraySpec
from wattloop.power.oracle import EnergyBreakdown, LayerEnergy, Profiler
from wattloop.power.tile_oracle import TileOracle
from wattloop.store import write_atomic


@dataclass(frozen=True)
class LayerEstimate:
    """One layer, fJ per image on the active cells.

    Attributes:
        layer: its name.
        kind: "conv" or "linear".
        share: of the dynamic energy by tiles of all layers of its kind.
        tiles: tiles of one image.
        simulated: tiles that were simulated, of all traced images.
        cycles: clock cycles of one image in the array (the `rtl` accounting).
        paper_cycles: as the paper counts them, 2 x rows a tile (section 3.2).
        by_table: from a table characterised on the same images.
        by_tiles: from the simulated tiles, all cycles counted.
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
    paper_fj: float
    paper_error_fj: float


@dataclass(frozen=True)
class Estimate:
    """Energies of a network; saves and loads.

    Attributes:
        layers: in the order of the network.
        images: images that were traced.
    """

    layers: tuple[LayerEstimate, ...]
    images: int

    def dynamic_fj(self, kind: str = "conv") -> float:
        """Dynamic energy per image of all layers of a kind, by tiles."""
        return sum(row.by_tiles.energy.dynamic_fj for row in self.layers if row.kind == kind)

    def save(self, path: Path) -> None:
        """Write a Parquet file, one row a layer and origin ("table", "tiles"), whole or not at all.

        Raises:
            StorageError: the file cannot be written.
        """
        buffer = io.BytesIO()
        rows = [row for layer in self.layers for row in _rows(layer)]
        pl.DataFrame(rows).write_parquet(buffer, metadata={"images": str(self.images)})
        write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Estimate:
        """Read what `save` wrote, equal to the bit.

        Raises:
            StorageError: missing or damaged.
        """
        try:
            raw = io.BytesIO(path.read_bytes())
            rows = pl.read_parquet(raw).to_dicts()
            images = int(pl.read_parquet_metadata(raw)["images"])
            return cls(tuple(_layer(*rows[i : i + 2]) for i in range(0, len(rows), 2)), images)
        except (OSError, pl.exceptions.PolarsError, LookupError, TypeError, ValueError) as error:
            raise StorageError(f"cannot read the estimate {path}: {error}; estimate again") from error


def estimate_layers(
    traces: Sequence[LayerTrace],
    spec: ArraySpec,
    tables: Profiler,
    tiles: Callable[[Sequence[LayerTrace]], TileOracle],
    *,
    on_layer: Callable[[str], None] = lambda layer: None,
) -> Estimate:
    """Energy of every layer, by table and by simulated tiles.

    Args:
        traces: the layers with their integer inputs.
        spec: the array.
        tables: builds the tables.
        tiles: builds the oracle that simulates tiles.
        on_layer: told of each layer before its tiles are simulated.

    Raises:
        OverflowRangeError: a layer does not fit the array's partial sums.
    """
    by_table, by_tiles = tables(traces), tiles(traces)
    found = []
    for trace in traces:
        on_layer(trace.layer.name)
        found.append(_estimate(trace, spec, by_table.energy(trace.layer.name, trace.layer.weight), by_tiles))
    return Estimate(_shared(found), traces[0].images if traces else 0)


def _estimate(trace: LayerTrace, spec: ArraySpec, by_table: LayerEnergy, oracle: TileOracle) -> LayerEstimate:
    name, tiles = trace.layer.name, tile_count(trace, spec) // trace.images
    measured = oracle.simulate(name, trace.layer.weight)
    paper_fj, paper_error_fj = oracle.paper_fj(name, measured)
    return LayerEstimate(
        layer=name,
        kind=trace.layer.kind,
        share=0.0,
        tiles=tiles,
        simulated=sum(len(stratum.stratum.chosen) for stratum in measured),
        cycles=sum(stratum.stratum.size * stratum.cycles for stratum in measured) // trace.images,
        paper_cycles=2 * spec.rows * tiles,
        by_table=by_table,
        by_tiles=oracle.summed(name, measured),
        paper_fj=paper_fj,
        paper_error_fj=paper_error_fj,
    )


def _shared(layers: Sequence[LayerEstimate]) -> tuple[LayerEstimate, ...]:
    whole: dict[str, float] = {}
    for row in layers:
        whole[row.kind] = whole.get(row.kind, 0.0) + row.by_tiles.energy.dynamic_fj
    return tuple(
        LayerEstimate(**{**vars(row), "share": row.by_tiles.energy.dynamic_fj / whole[row.kind]}) for row in layers
    )


_ENERGIES = {"table": "by_table", "tiles": "by_tiles"}
_PLAIN = [f.name for f in fields(LayerEstimate) if f.name not in _ENERGIES.values()]


def _rows(layer: LayerEstimate) -> list[dict[str, Any]]:
    rows = []
    for source, attribute in _ENERGIES.items():
        energy = asdict(getattr(layer, attribute))
        plain = {name: getattr(layer, name) for name in _PLAIN}
        rows.append(plain | {"source": source} | energy.pop("energy") | energy)
    return rows


def _layer(table: dict[str, Any], tiles: dict[str, Any]) -> LayerEstimate:
    plain = {name: table[name] for name in _PLAIN}
    return LayerEstimate(**plain, by_table=_energy(table, "table"), by_tiles=_energy(tiles, "tiles"))


def _energy(row: dict[str, Any], source: str) -> LayerEnergy:
    if row["source"] != source:
        raise ValueError("the rows are out of order")
    parts = {f.name: row[f.name] for f in fields(EnergyBreakdown)}
    rest = {f.name: row[f.name] for f in fields(LayerEnergy) if f.name != "energy"}
    return LayerEnergy(energy=EnergyBreakdown(**parts), **rest)
