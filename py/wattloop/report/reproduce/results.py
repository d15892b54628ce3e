"""Measured networks, and the columns that every table of them has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from wattloop.compression.energies import ACCOUNTINGS
from wattloop.compression.row_files import SCHEMA
from wattloop.compression.rows import Row
from wattloop.report.bounded import columns, is_bounded
from wattloop.report.reproduce.words import points, share
from wattloop.report.units import NONE

INT8, LAYERWISE, GLOBAL, NAIVE, RATE_DISTORTION = "int8", "layerwise", "global", "naive", "rate-distortion"
PRUNE, SET, POWERPRUNING = "prune", "set", "powerpruning"
DEFAULT_MAC = "array"

CONVENTIONS = (
    "Savings against the int8 network on the same cell and images, of all convolutions, the stem included, by"
    " simulating their real tiles. datapath: combinational cells and registers' data, glitches included, of the active"
    " PEs in all phases; total: with clock and leakage; functional: datapath without glitches; array: datapath with"
    " the PEs that tiles leave idle. Mapped networks compute the same; the registers at the array's edge that hold"
    " their offsets (clock and leakage) are in no saving, `wattloop map` states them. Accuracies on test images. Bits:"
    " of an index into the layer's set, mean over the weights."
)


@dataclass(frozen=True)
class LayerFacts:
    """A convolution of a compressed network beside the int8 one.

    Attributes:
        layer: its name.
        macs: multiply-accumulates of one image.
        weights: how many it has.
        values: size of its set.
        zeros: how many of its weights are 0.
        int8_fj, fj: energy per image by accounting, before and after.
    """

    layer: str
    macs: int
    weights: int
    values: int
    zeros: int
    int8_fj: Mapping[str, float]
    fj: Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """A measured network.

    Attributes:
        row: its figures.
        layers: its convolutions.
    """

    row: Row
    layers: tuple[LayerFacts, ...]

    @property
    def setting(self) -> dict[str, str]:
        """Parts of the row's setting by name.

        >>> settings("ratio=0.5 values=16")
        {'ratio': '0.5', 'values': '16'}
        """
        return settings(self.row.setting)


def settings(text: str) -> dict[str, str]:
    """Parts of a setting by name; words without a name are left out.

    >>> settings("plain")
    {}
    """
    return dict(part.split("=", 1) for part in text.split() if "=" in part)


def saved(layers: Iterable[LayerFacts], accounting: str = "datapath") -> float:
    """What some layers save together, a fraction."""
    some = list(layers)
    before = sum(layer.int8_fj[accounting] for layer in some)
    return 1.0 - sum(layer.fj[accounting] for layer in some) / before if before else 0.0


def as_rows(results: Iterable[Result]) -> list[dict[str, Any]]:
    """For programs: every column of `Row`."""
    return [asdict(result.row) for result in results]


def as_frame(results: Iterable[Result]) -> pl.DataFrame:
    """The same as a frame, `tiles` as text."""
    rows = [row | {"tiles": str(row["tiles"])} for row in as_rows(results)]
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=SCHEMA)


def shown(rows: Sequence[Row]) -> pl.DataFrame:
    """For readers; the same columns in every table of networks."""
    bounded = is_bounded(rows)
    return pl.DataFrame([_cells(row) | (columns(row) if bounded else {}) for row in rows])


def _cells(row: Row) -> dict[str, str]:
    plain = row.method == INT8 and row.datapath_fj == row.datapath_int8_fj
    savings = {name: getattr(row, f"{name}_saving") for name in ACCOUNTINGS}
    return {
        "network": f"{row.network}, {row.dataset}",
        "method": f"{row.method} {row.setting}".strip(),
        "cell": row.mac + (", mapped" if row.mapped else ""),
        "seed": str(row.seed),
        "int8": share(row.accuracy_int8),
        "accuracy": share(row.accuracy),
        "change": NONE if plain else points(row.accuracy - row.accuracy_int8),
        **{name: NONE if plain else share(saving) for name, saving in savings.items()},
        "against the array's int8": _over_array(row),
        "epochs": NONE if plain else str(row.epochs),
        "values": str(row.max_values_per_layer),
        "bits": f"{row.bits_per_weight:.2f}",
        "zeros": share(row.sparsity),
        "images": f"{row.images}" + ("" if row.tiles == "all" else f", {row.tiles} tiles"),
    }


def _over_array(row: Row) -> str:
    return NONE if row.datapath_saving_over_array is None else share(row.datapath_saving_over_array)


def named(row: Row) -> str:
    """Method, setting, delay bound, and whether layers are laid out otherwise than as they are."""
    bound = "" if row.delay_bound_ps is None else f" within {row.delay_bound_ps:g} ps"
    return f"{row.method} {row.setting}".strip() + bound + (" (mapped)" if row.mapped else "")


@dataclass(frozen=True)
class Seeds:
    """Networks that differ in the seed alone.

    Attributes:
        rows: one a seed.
    """

    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """What they have in common; see `named`."""
        return named(self.rows[0])

    def mean(self, figure: str) -> float:
        """Mean of a column of `Row`."""
        return float(np.mean([getattr(row, figure) for row in self.rows]))

    @property
    def change(self) -> float:
        """Mean change of test accuracy, a fraction."""
        return self.mean("accuracy") - self.mean("accuracy_int8")

    @property
    def validation_change(self) -> float:
        """Mean change of validation accuracy, a fraction: what choices rest on."""
        return self.mean("validation") - self.mean("validation_int8")

    def loses_at_most(self, lost: float) -> bool:
        """Whether the loss of validation accuracy is no greater, a fraction."""
        return -self.validation_change <= lost + 1e-9

    def spread(self, saved: str = "datapath_saving") -> str:
        """Standard deviations of a saving and of the change of accuracy over the seeds, where there are several."""
        if len(self.rows) == 1:
            return ""
        saving = np.std([getattr(row, saved) for row in self.rows], ddof=1)
        change = np.std([row.accuracy - row.accuracy_int8 for row in self.rows], ddof=1)
        return f"; means of {len(self.rows)} seeds, deviations {100 * saving:.1f} and {100 * change:.1f} points"


def by_seeds(results: Iterable[Result]) -> list[Seeds]:
    """Compressed networks, those that differ in the seed alone together."""
    grouped: dict[tuple[object, ...], list[Row]] = {}
    for row in (result.row for result in results if result.row.method != INT8):
        kind = (row.network, row.dataset, row.method, row.setting, row.mac, row.mapped, row.delay_bound_ps)
        grouped.setdefault(kind, []).append(row)
    return [Seeds(tuple(rows)) for rows in grouped.values()]


def best(results: Iterable[Result], most_lost: float, mac: str | None = None) -> Seeds | None:
    """What saves most (`datapath`) and loses no more validation accuracy than `most_lost`, means over seeds.

    Test accuracy has no say in the choice: it would be the best of many then, and no test.

    Args:
        results: to choose from.
        most_lost: validation accuracy that may be lost, a fraction.
        mac: of networks on this cell alone; None of all.
    """
    able = [
        seeds
        for seeds in by_seeds(results)
        if seeds.loses_at_most(most_lost) and (mac is None or seeds.rows[0].mac == mac)
    ]
    return max(able, key=lambda seeds: seeds.mean("datapath_saving"), default=None)
