"""All networks of a campaign side by side: every accounting, and accuracy against energy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl
from matplotlib.figure import Figure

from wattloop.compression.rows import Row
from wattloop.report.bounded import columns, is_bounded
from wattloop.report.inputs import Compression
from wattloop.report.plotting import BLUE, RED, new_figure
from wattloop.report.units import energy_unit, percent, with_error

ACCOUNTINGS = ("datapath", "total", "functional", "array")

_MARKERS = "osD^vP*X<>hp"


def table(compression: Compression) -> pl.DataFrame:
    """One line a network: who made it, accuracies, savings by every accounting, and what its weights take."""
    bounded = is_bounded(compression.rows)
    lines = [_line(row, _mark(compression, k)) for k, row in enumerate(compression.rows)]
    return pl.DataFrame(
        [line | (columns(row) if bounded else {}) for line, row in zip(lines, compression.rows, strict=True)]
    )


def _mark(compression: Compression, number: int) -> str:
    if number == compression.summary["best"]:
        return "best"
    return "front" if number in compression.summary["front"] else ""


def _line(row: Row, mark: str) -> dict[str, str]:
    savings = {f"{name} saved": percent(getattr(row, f"{name}_saving")) for name in ACCOUNTINGS}
    savings["datapath saved"] = percent(row.datapath_saving, row.datapath_saving_error)
    return {
        "": mark,
        "method": row.method,
        "setting": label(row),
        "validation": percent(row.validation),
        "test": percent(row.accuracy),
        "drop, points": f"{row.drop_points:.2f}",
        **savings,
        "epochs": str(row.epochs),
        "values": str(row.max_values_per_layer),
        "bits a weight": f"{row.bits_per_weight:.2f}",
        "sparsity": percent(row.sparsity),
    }


def label(row: Row) -> str:
    """A network's setting, and whether it is laid onto the array at less cost."""
    return f"{row.setting} (laid out)" if row.mapped else row.setting


def energies(compression: Compression) -> pl.DataFrame:
    """The energies behind the savings, int8 first."""
    unit = energy_unit([row.array_int8_fj for row in compression.rows])
    lines = [_energies("int8", compression.rows[0], "_int8", unit.in_fj)]
    lines += [_energies(f"{row.method} {label(row)}", row, "", unit.in_fj) for row in compression.rows]
    return pl.DataFrame(lines).rename({name: f"{name}, {unit.name} per image" for name in ACCOUNTINGS})


def _energies(name: str, row: Row, stage: str, in_fj: float) -> dict[str, str]:
    return {"network": name} | {a: with_error(getattr(row, f"{a}{stage}_fj") / in_fj, 0.0) for a in ACCOUNTINGS}


def conventions(compression: Compression) -> str:
    """What the figures are of."""
    first = compression.rows[0]
    tiles = "all their tiles" if first.tiles == "all" else f"a sample of tiles ({first.tiles} of the first network)"
    return (
        f"Energies are of the convolutions of {first.images} test images, {tiles} run through the gates of the cell "
        f"`{first.mac}`, linear layers apart. `datapath`: combinational cells and registers' data on the active cells, "
        "glitches included; `total`: with clock and leakage; `functional`: `datapath` without glitches; `array`: "
        "`datapath` with the idle cells. Every saving is against the int8 network on the same hardware, images and "
        "accounting; ± is one standard error of sampling tiles. All networks were looked at on the test set once, when "
        f"everything was decided{_of_mapped(compression.rows)}. "
        "`best` (least energy within the bound) and `front` (beaten by no other) go by "
        "validation accuracy and by tiles of training images."
    )


def _of_mapped(rows: Sequence[Row]) -> str:
    if not any(row.mapped for row in rows):
        return ""
    return (
        "; those laid out compute the same as they do otherwise, and the registers at the array's edge that hold their"
        " offsets (clock and leakage) are in no saving: `wattloop map` states them"
    )


def accuracy_against_energy(compression: Compression) -> Figure:
    """Test accuracy against the energy that is left, every network, with the front joined."""
    rows = compression.rows
    figure = new_figure(7.0, 4.4)
    axes = figure.add_subplot()
    for marker, method in zip(_cycled(len(rows)), dict.fromkeys(row.method for row in rows), strict=False):
        own = [row for row in rows if row.method == method]
        axes.plot(*_places(own), marker, label=method, markersize=5)
    spread = 100 * math.sqrt(rows[0].accuracy_int8 * (1 - rows[0].accuracy_int8) / _tested(compression))
    axes.errorbar([100.0], [100 * rows[0].accuracy_int8], yerr=[spread], fmt="k.", capsize=3, label="int8")
    front = [rows[number] for number in compression.summary["front"]]
    axes.plot(*_places(front), "-", color=BLUE, linewidth=1, zorder=0, label="front (by validation)")
    bound = rows[0].accuracy_int8 - compression.summary["config"]["delta"] / 100
    axes.axhline(100 * bound, color=RED, linestyle="--", linewidth=1, label="int8 less the drop allowed")
    axes.set(xlabel="datapath energy left, % of int8", ylabel="test accuracy, %", title="Networks of the campaign")
    axes.invert_xaxis()
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def _cycled(count: int) -> Sequence[str]:
    return [_MARKERS[k % len(_MARKERS)] for k in range(count)]


def _places(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    return [100 * (1 - row.datapath_saving) for row in rows], [100 * row.accuracy for row in rows]


def _tested(compression: Compression) -> int:
    return int(compression.summary["test_before"]["images"])
