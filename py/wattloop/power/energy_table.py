"""The table E_l(w): energy of one MAC cycle for every weight value, with where it came from."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from wattloop.errors import StorageError
from wattloop.power.oracle import EnergyBreakdown
from wattloop.store import write_atomic

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

ORIGINS = tuple(f.name for f in fields(EnergyBreakdown))
DYNAMIC = ("comb_switching_fj", "comb_internal_fj", "register_fj")


@dataclass(frozen=True, eq=False)
class EnergyTable:
    """Energy per MAC cycle by weight, in one layer's statistics.

    Attributes:
        weights: weight values, ascending, shape (values,).
        columns: fields of `EnergyBreakdown`, fJ per MAC cycle, each of shape (values,).
        batch_dynamic_fj: dynamic energy by batch of pairs, shape (values, batches).
        toggles: toggles of every net over all pairs of a weight, shape (values, nets).
        nets: names of the nets.
        provenance: what the table depends on, as text: layer, spec, library and its hash, conventions, statistics,
            backend, pairs, seed, versions, annotation.
    """

    weights: Int64
    columns: Mapping[str, Float]
    batch_dynamic_fj: Float
    toggles: Int64
    nets: tuple[str, ...]
    provenance: Mapping[str, str]

    @property
    def layer(self) -> str:
        """Layer whose statistics it was characterised with."""
        return self.provenance["layer"]

    @property
    def dynamic_fj(self) -> Float:
        """Dynamic energy per MAC cycle, shape (values,)."""
        return np.asarray(sum(self.columns[name] for name in DYNAMIC))

    @property
    def standard_error_fj(self) -> Float:
        """Standard error of `dynamic_fj`, from the spread of the batches."""
        batches = self.batch_dynamic_fj.shape[1]
        return np.asarray(self.batch_dynamic_fj.std(axis=1, ddof=1) / np.sqrt(batches))

    def breakdown(self, weight: int) -> EnergyBreakdown:
        """One weight's row."""
        at = int(np.searchsorted(self.weights, weight))
        return EnergyBreakdown(*(float(self.columns[name][at]) for name in ORIGINS))

    def frame(self) -> pl.DataFrame:
        """One row a weight: energies, standard error, total toggles, toggles by net, batches."""
        return pl.DataFrame(
            {
                "weight": self.weights,
                **{name: self.columns[name] for name in ORIGINS},
                "dynamic_fj": self.dynamic_fj,
                "standard_error_fj": self.standard_error_fj,
                "toggles": self.toggles.sum(axis=1),
                "net_toggles": pl.Series(self.toggles.tolist(), dtype=pl.List(pl.Int64)),
                "batch_dynamic_fj": pl.Series(self.batch_dynamic_fj.tolist(), dtype=pl.List(pl.Float64)),
            }
        )

    def save(self, path: Path) -> None:
        """Write a Parquet file, whole or not at all; provenance goes into its metadata.

        Raises:
            StorageError: the file cannot be written.
        """
        buffer = io.BytesIO()
        metadata = {**self.provenance, "nets": json.dumps(self.nets)}
        self.frame().write_parquet(buffer, metadata=metadata)
        write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> EnergyTable:
        """Read what `save` wrote.

        Raises:
            StorageError: missing or damaged.
        """
        try:
            raw = path.read_bytes()
            frame = pl.read_parquet(io.BytesIO(raw))
            metadata = {k: v for k, v in pl.read_parquet_metadata(io.BytesIO(raw)).items() if k != "ARROW:schema"}
            nets = tuple(json.loads(metadata.pop("nets")))
            return cls(
                weights=frame["weight"].to_numpy(),
                columns={name: frame[name].to_numpy() for name in ORIGINS},
                batch_dynamic_fj=np.array(frame["batch_dynamic_fj"].to_list(), np.float64),
                toggles=np.array(frame["net_toggles"].to_list(), np.int64),
                nets=nets,
                provenance=metadata,
            )
        except (OSError, pl.exceptions.PolarsError, KeyError, ValueError) as error:
            raise StorageError(f"cannot read energy table {path}: {error}; characterise again") from error


@dataclass(frozen=True)
class TableDifference:
    """How two tables of the same netlist and statistics differ.

    Attributes:
        nets: nets compared.
        toggles: toggles of the first table, over all weights and nets.
        toggle_differences: (weight, net) entries that differ.
        worst_energy_error: greatest relative difference of a weight's dynamic energy.
    """

    nets: int
    toggles: int
    toggle_differences: int
    worst_energy_error: float

    def __str__(self) -> str:
        verdict = "equal to the toggle" if not self.toggle_differences else f"{self.toggle_differences} entries differ"
        return (
            f"{verdict}: {self.toggles} toggles on {self.nets} nets; "
            f"worst difference of energy {100 * self.worst_energy_error:.3g} %"
        )


def compare(first: EnergyTable, second: EnergyTable) -> TableDifference:
    """Hold two tables against each other (two simulators, two conventions).

    Raises:
        StorageError: they are of different netlists or weights.
    """
    if first.nets != second.nets or not np.array_equal(first.weights, second.weights):
        raise StorageError("the tables are of different netlists or weights and cannot be compared")
    energy_error = np.abs(second.dynamic_fj / first.dynamic_fj - 1)
    return TableDifference(
        nets=len(first.nets),
        toggles=int(first.toggles.sum()),
        toggle_differences=int((first.toggles != second.toggles).sum()),
        worst_energy_error=float(energy_error.max()),
    )
