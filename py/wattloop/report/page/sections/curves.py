"""E(w): energy of a MAC cycle by weight value, from the characterisation tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from wattloop.report.energy_plots import Curve
from wattloop.report.inputs import StoredRun
from wattloop.report.page.axes import spanning, values_axis
from wattloop.report.page.blocks import Block, Section, section
from wattloop.report.page.charts import COLOURS, Band, Chart, Line, Plots
from wattloop.report.page.sections import weights
from wattloop.report.units import ACCOUNTINGS, with_error
from wattloop.report.value_curves import curves_of

# More curves than that in one plot are told apart by nobody.
_TOGETHER = len(COLOURS)


def by_value(run: StoredRun) -> Section | None:
    """The section on what weight values cost."""
    blocks: list[Block | None] = [of_curves(curves, name) for name, curves in curves_of(run.tables).items()]
    if run.compression is not None:
        blocks.append(weights.curves(run.compression))
    return section("values", "Energy by weight value", blocks)


def of_curves(curves: Sequence[Curve], accounting: str) -> Plots:
    """Curves of one accounting: in one plot where they are few, else each in its own."""
    axis = spanning(f"{accounting} energy, fJ per MAC cycle", [fj for c in curves for fj in c.energy_fj], zero=True)
    says = f"Energy by weight value of {', '.join(curve.name for curve in curves)}"
    if len(curves) <= _TOGETHER:
        marks = [mark for k, curve in enumerate(curves) for mark in _marks(curve, COLOURS[k])]
        panels = [Chart("", says, values_axis(), axis, marks)]
    else:
        panels = [Chart(c.name, f"E(w) of {c.name}", values_axis(), axis, _marks(c, COLOURS[0])) for c in curves]
    band = " (band: ± 2 standard errors)" if any(curve.error_fj is not None for curve in curves) else ""
    meaning = ACCOUNTINGS.get(accounting, "as named by its origin")
    caption = f"Dynamic energy of one MAC cycle by the weight that the cell holds{band}. {accounting}: {meaning}."
    return Plots(panels, caption, pl.DataFrame([_line(curve) for curve in curves]), tall=len(panels) == 1)


def _marks(curve: Curve, colour: str) -> list[Band | Line]:
    line = Line(curve.name, curve.values, curve.energy_fj, colour)
    if curve.error_fj is None:
        return [line]
    low, high = (curve.energy_fj + sign * 2 * curve.error_fj for sign in (-1, 1))
    return [Band("", curve.values, low, high, colour), line]


def _line(curve: Curve) -> dict[str, str]:
    order = np.argsort(curve.energy_fj, kind="stable")
    worst = "" if curve.error_fj is None else f"{100 * float((curve.error_fj / curve.energy_fj).max()):.2f} %"
    return {
        "layer": curve.name,
        "mean, fJ": with_error(float(curve.energy_fj.mean()), 0.0),
        "cheapest values": ", ".join(str(int(curve.values[k])) for k in order[:6]),
        "dearest": ", ".join(str(int(curve.values[k])) for k in order[:-7:-1]),
        "greatest relative error": worst,
    }
