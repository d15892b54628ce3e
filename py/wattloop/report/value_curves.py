"""E(w) curves from characterisation tables and from compression results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from wattloop.errors import StorageError
from wattloop.report.energies import DYNAMIC
from wattloop.report.energy_plots import Curve
from wattloop.report.inputs import Compression, Table

_NEEDED = {"weight", *DYNAMIC, "standard_error_fj"}


def curves_of(tables: Sequence[Table]) -> dict[str, list[Curve]]:
    """The curves of `tables` by accounting.

    Raises:
        StorageError: a table lacks a column.
    """
    found: dict[str, list[Curve]] = {}
    for table in tables:
        accounting = table.metadata.get("accounting", "functional")
        found.setdefault(accounting, []).append(_curve(table))
    return found


def _curve(table: Table) -> Curve:
    missing = sorted(_NEEDED - set(table.rows.columns))
    if missing:
        raise StorageError(f"table {table.name}.parquet has no column {missing[0]}: characterise again")
    rows = table.rows.sort("weight")
    energy = rows.select(pl.sum_horizontal(DYNAMIC)).to_series()
    name = table.metadata.get("layer", table.name)
    return Curve(name, rows["weight"].to_numpy(), energy.to_numpy(), rows["standard_error_fj"].to_numpy())


def layer_curves(compression: Compression) -> list[Curve]:
    """E(w) of each layer of the int8 network, as the compression used it; its standard errors are not stored."""
    curves = []
    for layer in compression.layers:
        rows = compression.values.filter(layer=layer).sort("value")
        rows = rows.filter(pl.col("curve_before").is_finite())  # what the cell cannot hold has no energy
        values, energy = rows["value"].to_numpy(), rows["curve_before"].to_numpy()
        curves.append(Curve(layer, values.astype(np.int64), energy, None))
    return curves
