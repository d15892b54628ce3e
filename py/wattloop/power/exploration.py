"""What cells cost side by side: area, timing and the energy of the same layers on each."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from wattloop.errors import StorageError
from wattloop.store import write_atomic

_FEW = 0.01
STAGES = ("int8", "compressed", "mapped")
_TEMPLATES, _ENERGIES, _RANKS = "templates.parquet", "energies.parquet", "ranks.parquet"


@dataclass(frozen=True)
class TemplateHardware:
    """A cell in gates.

    Attributes:
        name: of the template (`gates.templates`).
        module: of the cell, which tells every option.
        multiplier: how it multiplies, in words.
        cells: number of cells.
        area_um2: area of all cells.
        arrival_ps, setup_ps: of the critical path, with sign-off loads among neighbours in the array.
        slack_ps: at the clock asked for; negative where it is missed.
        opensta_slack_ps: the same by OpenSTA, two cells side by side; None where it is not installed.
        preload_fj: clock and leakage of the registers that would hold the offsets of partial sums, per cycle of a PE;
            in no other figure.
        changed_weights: share of the int8 network's weights that the cell cannot hold as they are.
        changed_inputs: likewise of the inputs of its layers.
    """

    name: str
    module: str
    multiplier: str
    cells: int
    area_um2: float
    arrival_ps: float
    setup_ps: float
    slack_ps: float
    opensta_slack_ps: float | None
    preload_fj: float
    changed_weights: float
    changed_inputs: float

    @property
    def same_network(self) -> bool:
        """It computes what the int8 network does, but for a weight in a hundred (the least one has no code)."""
        return self.changed_weights < _FEW and self.changed_inputs == 0

    @property
    def critical_path_ps(self) -> float:
        """Shortest clock period it works at."""
        return self.arrival_ps + self.setup_ps


@dataclass(frozen=True)
class LayerOnTemplate:
    """Energy of a layer on a cell, fJ per image, by simulated tiles over all phases.

    Attributes:
        template: name of the cell.
        layer: name of the layer.
        stage: "int8", "compressed" (pruned, few values) or "mapped" (that, laid onto the array at less cost, bit for
            bit the same results).
        macs: multiply-accumulates.
        pe_cycles: clock cycles of the active PEs, summed.
        datapath_fj: dynamic energy of the active PEs, glitches included.
        functional_fj: without glitches.
        clock_fj, leakage_fj: of the active PEs.
        idle_fj: dynamic energy of the PEs that tiles leave idle.
        error_fj: standard error of `datapath_fj`, of the sampling of tiles.
        psum_offset: constant at row 0.
        flipped_filters: filters that run negated.
    """

    template: str
    layer: str
    stage: str
    macs: int
    pe_cycles: int
    datapath_fj: float
    functional_fj: float
    clock_fj: float
    leakage_fj: float
    idle_fj: float
    error_fj: float
    psum_offset: int = 0
    flipped_filters: int = 0


@dataclass(frozen=True)
class PerMac:
    """Energy of a cell on all layers together, by the accountings, fJ.

    Attributes:
        datapath_fj, functional_fj, array_fj: per multiply-accumulate.
        total_fj: in a MAC cycle: `datapath_fj`, and the clock and leakage of one cycle of an active PE.
        whole_fj: with the clock and leakage of all cycles of the active PEs, waiting ones too, per multiply-accumulate:
            what `wattloop estimate` calls total.
        error_fj: standard error of `datapath_fj`.
    """

    datapath_fj: float
    functional_fj: float
    total_fj: float
    whole_fj: float
    array_fj: float
    error_fj: float


@dataclass(frozen=True)
class Exploration:
    """Cells side by side; saves and loads.

    Attributes:
        templates: the cells, in the order asked for.
        energies: each layer on each cell at each stage.
        ranks: (one cell, another, rank correlation of the energies of the weight values that both hold).
        reference: what the figures speak of: network, layers, images, tiles, clock, library.
    """

    templates: tuple[TemplateHardware, ...]
    energies: tuple[LayerOnTemplate, ...]
    ranks: tuple[tuple[str, str, float], ...]
    reference: Mapping[str, str]

    def per_mac(self, template: str, stage: str = "int8") -> PerMac | None:
        """Energy per multiply-accumulate over all layers; None for a stage that was not measured."""
        rows = [row for row in self.energies if (row.template, row.stage) == (template, stage)]
        if not rows:
            return None
        macs, cycles = sum(row.macs for row in rows), sum(row.pe_cycles for row in rows)
        datapath_fj = sum(row.datapath_fj for row in rows) / macs
        standing_fj = sum(row.clock_fj + row.leakage_fj for row in rows)
        return PerMac(
            datapath_fj=datapath_fj,
            functional_fj=sum(row.functional_fj for row in rows) / macs,
            total_fj=datapath_fj + standing_fj / cycles,
            whole_fj=datapath_fj + standing_fj / macs,
            array_fj=datapath_fj + sum(row.idle_fj for row in rows) / macs,
            error_fj=sum(row.error_fj**2 for row in rows) ** 0.5 / macs,
        )

    def save(self, folder: Path) -> None:
        """Write three Parquet files into a folder.

        Raises:
            StorageError: they cannot be written.
        """
        ranks = [{"template": a, "other": b, "rank_correlation": r} for a, b, r in self.ranks]
        schema = {"template": pl.String, "other": pl.String, "rank_correlation": pl.Float64}
        _write(folder / _TEMPLATES, pl.DataFrame([asdict(t) for t in self.templates], infer_schema_length=None))
        _write(folder / _ENERGIES, pl.DataFrame([asdict(e) for e in self.energies]), dict(self.reference))
        _write(folder / _RANKS, pl.DataFrame(ranks, schema=schema))

    @classmethod
    def load(cls, folder: Path) -> Exploration:
        """Read what `save` wrote, equal to the bit.

        Raises:
            StorageError: missing or damaged.
        """
        try:
            metadata = pl.read_parquet_metadata(folder / _ENERGIES)
            reference = {name: value for name, value in metadata.items() if name != "ARROW:schema"}
            return cls(
                tuple(TemplateHardware(**row) for row in _rows(folder / _TEMPLATES)),
                tuple(LayerOnTemplate(**row) for row in _rows(folder / _ENERGIES)),
                tuple((r["template"], r["other"], r["rank_correlation"]) for r in _rows(folder / _RANKS)),
                reference,
            )
        except (OSError, pl.exceptions.PolarsError, LookupError, TypeError, ValueError) as error:
            raise StorageError(f"cannot read the exploration in {folder}: {error}; explore again") from error


def rank_correlations(curves: Mapping[str, Mapping[int, float]]) -> tuple[tuple[str, str, float], ...]:
    """Spearman's rank correlation of E(w) for every pair of cells, over the weight values that both hold.

    Args:
        curves: energy by weight value, by cell; a pair with fewer than two values in common is left out.
    """
    names = list(curves)
    pairs = [(a, b) for k, a in enumerate(names) for b in names[k + 1 :]]
    found = ((a, b, _spearman(curves[a], curves[b])) for a, b in pairs if len(curves[a].keys() & curves[b].keys()) > 1)
    return tuple(found)


def _spearman(one: Mapping[int, float], other: Mapping[int, float]) -> float:
    common = sorted(one.keys() & other.keys())
    frame = pl.DataFrame({"one": [one[w] for w in common], "other": [other[w] for w in common]})
    return float(frame.select(pl.corr("one", "other", method="spearman")).item())


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other beats in both coordinates (less is better), by the first coordinate.

    >>> pareto([(1.0, 5.0), (2.0, 6.0), (3.0, 1.0)])
    [0, 2]
    """
    front: list[int] = []
    for k in sorted(range(len(points)), key=lambda k: points[k]):
        if not front or points[k][1] < points[front[-1]][1]:
            front.append(k)
    return front


def _write(path: Path, frame: pl.DataFrame, metadata: dict[str, str] | None = None) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata=metadata)
    write_atomic(path, buffer.getvalue())


def _rows(path: Path) -> list[dict[str, Any]]:
    return pl.read_parquet(io.BytesIO(path.read_bytes())).to_dicts()
