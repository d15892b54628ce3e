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
_STATIC = tuple(name for name in ORIGINS if name not in DYNAMIC)
_IN_METADATA = ("nets", "shares", "class_of_row", "prices")


# Of cells that never toggle, a value and its error are 0.
def relative(error: Float, value: Float) -> Float:
    """`error` / `value`; 0 where both are."""
    return np.divide(error, value, out=np.where(error > 0, np.inf, 0.0), where=value > 0)


def standard_error(batches: Float) -> Float:
    """Standard error of the mean over the last axis."""
    return np.asarray(batches.std(axis=-1, ddof=1) / np.sqrt(batches.shape[-1]))


def _lists(values: Float) -> pl.Series:
    return pl.Series(values.tolist(), dtype=pl.List(pl.Float64))


@dataclass(frozen=True, eq=False)
class EnergyTable:
    """Energy per MAC cycle by weight, in one layer's statistics, for each class of its reduction rows.

    Dynamic energy is per cycle in which a cell's data moves, clock and leakage per cycle of any kind.

    Attributes:
        weights: weight values, ascending, shape (values,).
        class_columns: dynamic fields of `EnergyBreakdown`, fJ per MAC cycle, each of shape (values, classes).
        static_columns: its other fields, each of shape (values,).
        batch_fj: dynamic energy by batch of pairs, shape (values, classes, batches).
        shares: share of the layer's MACs in each class, shape (classes,).
        class_of_row: class of each reduction row, shape (groups, reduction), or (1, 1) where all are of one class.
        pairs: transitions simulated of each weight, shape (values,).
        toggles: settled toggles of every net over them, shape (values, nets).
        nets: names of the nets.
        prices: fJ of a toggle of each net by dynamic field, each of shape (nets,).
        provenance: what the table depends on, as text: layer, spec, library and its hash, conventions, statistics,
            backend, pairs, seed, versions, annotation.
    """

    weights: Int64
    class_columns: Mapping[str, Float]
    static_columns: Mapping[str, Float]
    batch_fj: Float
    shares: Float
    class_of_row: Int64
    pairs: Int64
    toggles: Int64
    nets: tuple[str, ...]
    prices: Mapping[str, Float]
    provenance: Mapping[str, str]

    @property
    def layer(self) -> str:
        """Layer whose statistics it was characterised with."""
        return self.provenance["layer"]

    @property
    def columns(self) -> dict[str, Float]:
        """Fields of `EnergyBreakdown`, fJ per MAC cycle, the mean over the classes, each of shape (values,)."""
        dynamic = {name: np.asarray(values @ self.shares) for name, values in self.class_columns.items()}
        return dynamic | dict(self.static_columns)

    @property
    def dynamic_fj(self) -> Float:
        """E_l(w): dynamic energy per MAC cycle, the mean over the classes, shape (values,)."""
        return np.asarray(self.class_dynamic_fj @ self.shares)

    @property
    def class_dynamic_fj(self) -> Float:
        """E_l(w, class): dynamic energy per MAC cycle, shape (values, classes)."""
        return np.asarray(sum(self.class_columns[name] for name in DYNAMIC))

    @property
    def batch_dynamic_fj(self) -> Float:
        """`dynamic_fj` by batch of pairs, shape (values, batches)."""
        return np.asarray(np.einsum("vcb,c->vb", self.batch_fj, self.shares))

    @property
    def standard_error_fj(self) -> Float:
        """Standard error of `dynamic_fj`, from the spread of the batches."""
        return standard_error(self.batch_dynamic_fj)

    @property
    def class_error_fj(self) -> Float:
        """Standard error of `class_dynamic_fj`, likewise."""
        return standard_error(self.batch_fj)

    @property
    def worst_error(self) -> float:
        """Greatest relative standard error of a weight's energy."""
        return float(relative(self.standard_error_fj, self.dynamic_fj).max())

    def breakdown(self, weight: int) -> EnergyBreakdown:
        """One weight's row."""
        at, columns = int(np.searchsorted(self.weights, weight)), self.columns
        return EnergyBreakdown(*(float(columns[name][at]) for name in ORIGINS))

    def frame(self) -> pl.DataFrame:
        """One row a weight: energies, standard error, total toggles, toggles by net, energies by class and batch."""
        columns = self.columns
        return pl.DataFrame(
            {
                "weight": self.weights,
                **{name: columns[name] for name in ORIGINS},
                "dynamic_fj": self.dynamic_fj,
                "standard_error_fj": self.standard_error_fj,
                "pairs": self.pairs,
                "toggles": self.toggles.sum(axis=1),
                "net_toggles": pl.Series(self.toggles.tolist(), dtype=pl.List(pl.Int64)),
                **{f"class_{name}": _lists(self.class_columns[name]) for name in DYNAMIC},
                "batch_fj": _lists(self.batch_fj.reshape(len(self.weights), -1)),
            }
        )

    def save(self, path: Path) -> None:
        """Write a Parquet file, whole or not at all; provenance goes into its metadata.

        Raises:
            StorageError: the file cannot be written.
        """
        buffer = io.BytesIO()
        metadata = {**self.provenance, **{name: json.dumps(value) for name, value in self._arrays().items()}}
        self.frame().write_parquet(buffer, metadata=metadata)
        write_atomic(path, buffer.getvalue())

    def _arrays(self) -> dict[str, object]:
        prices = {name: values.tolist() for name, values in self.prices.items()}
        return {
            "nets": self.nets,
            "shares": self.shares.tolist(),
            "class_of_row": self.class_of_row.tolist(),
            "prices": prices,
        }

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
            lists = {name: json.loads(metadata.pop(name)) for name in _IN_METADATA}
            shares = np.array(lists["shares"], np.float64)
            return cls(
                weights=frame["weight"].to_numpy(),
                class_columns={name: np.array(frame[f"class_{name}"].to_list(), np.float64) for name in DYNAMIC},
                static_columns={name: frame[name].to_numpy() for name in _STATIC},
                batch_fj=np.array(frame["batch_fj"].to_list(), np.float64).reshape(len(frame), len(shares), -1),
                shares=shares,
                class_of_row=np.array(lists["class_of_row"], np.int64),
                pairs=frame["pairs"].to_numpy(),
                toggles=np.array(frame["net_toggles"].to_list(), np.int64),
                nets=tuple(lists["nets"]),
                prices={name: np.array(values, np.float64) for name, values in lists["prices"].items()},
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
    energy_error = relative(np.abs(second.dynamic_fj - first.dynamic_fj), first.dynamic_fj)
    return TableDifference(
        nets=len(first.nets),
        toggles=int(first.toggles.sum()),
        toggle_differences=int((first.toggles != second.toggles).sum()),
        worst_energy_error=float(energy_error.max()),
    )
