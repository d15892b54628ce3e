"""The estimate of a network: its layers in all accountings, by simulated tiles and by table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from wattloop.report.energies import DYNAMIC, ORIGINS, with_dynamic
from wattloop.report.plotting import BLUE, ORANGE, new_figure
from wattloop.report.units import NONE, EnergyUnit, energy_unit, percent, root_sum_square, saving, with_error

_GLITCHES = (
    "*Datapath*: switching and internal energy of the combinational cells and of the registers' data, glitches "
    "included; *functional*: the same without glitches; *total*: datapath with clock pins and leakage. These three are "
    "of the active PEs in all phases of a tile. *Array*: datapath of all PEs, idle ones in. Glitches are given as a "
    "share of datapath, idle PEs as a share of array."
)
_SETTLED = (
    "The simulator sees no glitches, and no column holds any. *Functional*: switching and internal energy of the "
    "combinational cells and of the registers' data; *functional total*: functional with clock pins and leakage. Both "
    "are of the active PEs in all phases of a tile. *Functional array*: functional of all PEs, idle ones in; idle PEs "
    "are given as a share of it."
)
_ERROR = "± is one standard error, that of tiles among all tiles of the images; without it every tile was simulated."
COMPARISON = (
    "Dynamic energy of the active PEs by table and by tiles, in the accounting named with it; ± is one standard error. "
    "*Total* adds clock and leakage to it: `rtl` over every cycle of the array, `paper` as the paper counts, mean "
    "power over 2 x rows cycles a tile (E = 2PT)."
)

Row = Mapping[str, Any]

_TIMED = "datapath"  # the accounting where glitches were simulated
_KINDS = {"conv": "all convolutions", "linear": "all linear layers"}
_SUMS = (
    *("share", "simulated", "tiles", "cycles", "paper_cycles", "dynamic_fj", "total_fj", "array_fj"),
    *("functional_fj", "idle_dynamic_fj", "paper_fj", *ORIGINS),
)
_ERRORS = ("standard_error_fj", "functional_error_fj", "total_error_fj", "array_error_fj", "paper_error_fj")


def pairs_of(estimate: pl.DataFrame) -> list[tuple[Row, Row]]:
    """Rows of each layer by table and by tiles, in the order of the network, and of each kind of several layers."""
    rows = with_dynamic(estimate).with_columns(
        pl.sum_horizontal(list(ORIGINS)).alias("total_fj"),
        pl.sum_horizontal([f"idle_{name}" for name in DYNAMIC]).alias("idle_dynamic_fj"),
    )
    rows = rows.with_columns((pl.col("dynamic_fj") + pl.col("idle_dynamic_fj")).alias("array_fj"))
    by_source = {source: rows.filter(source=source).to_dicts() for source in ("table", "tiles")}
    return list(zip(by_source["table"], by_source["tiles"], strict=True))


def with_sums(pairs: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
    """The pairs, and after them one for each kind that has several layers."""
    sums = []
    for kind in _KINDS:
        same = [pair for pair in pairs if pair[0]["kind"] == kind]
        if len(same) > 1:
            sums.append((_sum([table for table, _ in same]), _sum([tiles for _, tiles in same])))
    return [*pairs, *sums]


def _sum(rows: list[Row]) -> Row:
    total: dict[str, Any] = {**rows[0], "layer": _KINDS[rows[0]["kind"]]}
    total |= {name: sum(row[name] for row in rows) for name in _SUMS}
    return total | {name: root_sum_square(row[name] for row in rows) for name in _ERRORS}


def legend(estimate: pl.DataFrame) -> str:
    """What the columns of `by_layer` hold, which depends on whether glitches were simulated."""
    timed = (estimate.filter(source="tiles")["accounting"] == _TIMED).all()
    return f"Energy of one image by simulated tiles. {_GLITCHES if timed else _SETTLED} {_ERROR}"


def by_layer(estimate: pl.DataFrame) -> pl.DataFrame:
    """Accountings of every layer side by side, by tiles; then of all layers of a kind."""
    pairs = with_sums(pairs_of(estimate))
    unit = energy_unit(row["total_fj"] for _, row in pairs)
    return pl.DataFrame([_accountings(tiles, unit) for _, tiles in pairs])


def _accountings(row: Row, unit: EnergyUnit) -> dict[str, str]:
    timed = row["accounting"] == _TIMED
    prefix = "" if timed else "functional "
    return {
        "layer": row["layer"],
        "kind": row["kind"],
        "share of its kind": percent(row["share"]),
        f"datapath, {unit.name}": _value(row, "dynamic_fj", "standard_error_fj", unit) if timed else NONE,
        "functional": _value(row, "functional_fj", "functional_error_fj", unit),
        f"{prefix}total": _value(row, "total_fj", "total_error_fj", unit),
        f"{prefix}array": _value(row, "array_fj", "array_error_fj", unit),
        "glitches": _share(row["dynamic_fj"] - row["functional_fj"], row["dynamic_fj"]) if timed else NONE,
        "idle": _share(row["idle_dynamic_fj"], row["array_fj"]),
        "tiles simulated": f"{row['simulated']} of {row['tiles'] * row['images']}",
    }


def _share(part: float, whole: float) -> str:
    return percent(part / whole if whole else None)


def precision_of(estimate: pl.DataFrame) -> str:
    """How well the energy of each kind of layers is known, in a sentence each."""
    pairs = pairs_of(estimate)
    unit = energy_unit(row["total_fj"] for _, row in pairs)
    return " ".join(_sentence([row for _, row in pairs if row["kind"] == kind], unit) for kind in _kinds(pairs))


def _kinds(pairs: Iterable[tuple[Row, Row]]) -> list[str]:
    return list(dict.fromkeys(row["kind"] for _, row in pairs))


def _sentence(rows: list[Row], unit: EnergyUnit) -> str:
    whole, width = sum(row["dynamic_fj"] for row in rows), rows[0]["half_width_fj"]
    images, confidence = rows[0]["images"], f"{100 * rows[0]['confidence']:g} % confidence"
    simulated, tiles = (sum(row[name] for row in rows) for name in ("simulated", "tiles"))
    what = f"{_KINDS[rows[0]['kind']].capitalize()}, {rows[0]['accounting']}: {whole / unit.in_fj:.4g} {unit.name}"
    if simulated == tiles * images:
        return f"{what} an image, exact over all tiles of {_images(images)}."
    seen = f"from {simulated} of {tiles * images} tiles of {_images(images)}"
    if not math.isfinite(width):
        return f"{what} an image, with no telling how precisely: tiles were alike, {seen}."
    low, high = ((whole + sign * width) / unit.in_fj for sign in (-1, 1))
    relative = f" (± {100 * width / whole:.2f} %)" if whole else ""
    return f"{what} an image, with {confidence} between {low:.5g} and {high:.5g}{relative}, {seen}."


def _images(count: int) -> str:
    return f"{count} image{'s' * (count != 1)}"


def by_origin(estimate: pl.DataFrame) -> pl.DataFrame:
    """Energy of the active PEs by origin, as shares of the total; then of all layers of a kind."""
    rows = [tiles for _, tiles in with_sums(pairs_of(estimate))]
    return pl.DataFrame(
        [
            {"layer": row["layer"]} | {name: _share(row[field], row["total_fj"]) for field, name in ORIGINS.items()}
            for row in rows
        ]
    )


def table_against_tiles(estimate: pl.DataFrame) -> pl.DataFrame:
    """Both ways to know a layer's energy side by side, and both ways to count its cycles."""
    pairs = with_sums(pairs_of(estimate))
    unit = energy_unit(row["total_fj"] for pair in pairs for row in pair)
    return pl.DataFrame([_compared(table, tiles, unit) for table, tiles in pairs])


def _compared(table: Row, tiles: Row, unit: EnergyUnit) -> dict[str, str]:
    sums, errors = ([row[name] for row in (tiles, table)] for name in ("dynamic_fj", "standard_error_fj"))
    off, error = saving(*sums, *errors) if sums[0] else (None, 0.0)
    return {
        "layer": tiles["layer"],
        "accounting": tiles["accounting"],
        f"by table, {unit.name}": _value(table, "dynamic_fj", "standard_error_fj", unit),
        "by tiles": _value(tiles, "dynamic_fj", "standard_error_fj", unit),
        "table against tiles": percent(None if off is None else -off, error),
        "tiles an image": str(tiles["tiles"]),
        "cycles, rtl": str(tiles["cycles"]),
        "total, rtl": _value(tiles, "total_fj", "total_error_fj", unit),
        "cycles, paper": str(tiles["paper_cycles"]),
        "total, paper": _value(tiles, "paper_fj", "paper_error_fj", unit),
    }


def _value(row: Row, name: str, error: str, unit: EnergyUnit) -> str:
    value, deviation = row[name] / unit.in_fj, row[error] / unit.in_fj
    return with_error(value, deviation) if deviation else f"{value:.4g}"


def energy_of_layers(estimate: pl.DataFrame) -> Figure:
    """Dynamic energy of each layer by table and by tiles, with two standard errors."""
    pairs = pairs_of(estimate)
    unit = energy_unit(row["dynamic_fj"] for pair in pairs for row in pair)
    figure = new_figure(7.0, 0.45 * len(pairs) + 1.6)
    axes = figure.add_subplot()
    for side, colour in ((0, BLUE), (1, ORANGE)):
        rows = [pair[side] for pair in pairs]
        places = np.arange(len(rows)) + 0.36 * side - 0.18
        values = [row["dynamic_fj"] / unit.in_fj for row in rows]
        errors = [2 * row["standard_error_fj"] / unit.in_fj for row in rows]
        axes.barh(places, values, 0.34, xerr=errors, color=colour, capsize=2, label=f"by {rows[0]['origin']}")
    axes.set_yticks(range(len(pairs)), [table["layer"] for table, _ in pairs], fontsize=8)
    axes.set_ylim(len(pairs) - 0.45, -0.55)
    axes.set_xlabel(f"{pairs[0][1]['accounting']} energy, {unit.name} per image (bars: ± 2 standard errors)")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    return figure
