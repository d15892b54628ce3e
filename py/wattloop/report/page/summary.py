"""The head of a page: what a run found, in a sentence and the figures that it is opened for."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from wattloop.compression.rows import Row
from wattloop.report import estimates, verdict
from wattloop.report.energies import figures, sources
from wattloop.report.inputs import Compression, StoredRun, present
from wattloop.report.page.blocks import Fact
from wattloop.report.page.stacked import dynamic_fj
from wattloop.report.units import energy_unit, percent, root_sum_square, saving, with_error
from wattloop.report.value_curves import curves_of

Head = tuple[str, tuple[Fact, ...]]


def head(run: StoredRun) -> Head:
    """Lede and facts, of the most telling of a run's results."""
    for part, said in _HEADS.items():
        if present(getattr(run, part)):
            return said(run)
    return "", ()


def above(run: StoredRun) -> str:
    """The command, and what it was about."""
    network = _settings(run).get("network", {})
    parts = [run.provenance.get("command", "run"), network.get("model"), network.get("dataset")]
    return " · ".join(str(part) for part in parts if part)


def _settings(run: StoredRun) -> Mapping[str, Any]:
    try:
        return tomllib.loads(run.settings)
    except tomllib.TOMLDecodeError:
        return {}


def best_row(found: Compression) -> Row | None:
    """The row of the network that the figures are of; None without one."""
    best = found.summary["best"]
    return found.rows[best] if found.rows and best is not None else None


def drop(found: Compression) -> tuple[float, float]:
    """Test accuracy lost, points, and its standard error if the images of both figures were independent."""
    before, after = (found.summary[f"test_{stage}"] for stage in ("before", "after"))
    errors = [math.sqrt(q["accuracy"] * (1 - q["accuracy"]) / q["images"]) for q in (before, after)]
    return 100 * (before["accuracy"] - after["accuracy"]), 100 * root_sum_square(errors)


def saved(found: Compression) -> tuple[float, float, str]:
    """Energy saved by the best network, its standard error, and the accounting: by tiles where they ran."""
    source = sources(found)[-1]
    stages = [figures(found, source, stage).values() for stage in ("int8", "compressed")]
    sums = [sum(dynamic_fj(row) for row in rows) for rows in stages]
    errors = [root_sum_square(row["standard_error_fj"] for row in rows) for rows in stages]
    accounting = next(iter(stages[0]))["accounting"]
    return *saving(*sums, *errors), f"{accounting}, {'simulated tiles' if source == 'tiles' else 'by table'}"


def _compression(run: StoredRun) -> Head:
    found = run.compression
    assert found is not None
    lost, spread = drop(found)
    before, after = (found.summary[f"test_{stage}"]["accuracy"] for stage in ("before", "after"))
    part, error, accounting = saved(found)
    row = best_row(found)
    facts = [
        Fact(f"energy saved ({accounting})", f"{100 * part:.1f} %", f"± {100 * error:.2f}" if error else ""),
        Fact("test accuracy", f"{-lost:+.2f}".replace("-", "−"), f"points ± {spread:.2f}", f"{percent(before)} to {percent(after)}"),
    ]
    if row is not None:
        facts += [Fact(f"saved, {name}", f"{100 * getattr(row, f'{name}_saving'):.1f} %", "", note) for name, note in _OTHERS]
        facts.append(
            Fact("weight values a layer", str(row.max_values_per_layer), "of 256", f"{percent(row.sparsity)} of the weights are 0")
        )
    return _said(found, row, part, lost), tuple(facts)


_OTHERS = (
    ("total", "with clock and leakage"),
    ("functional", "without glitches"),
    ("array", "idle PEs included"),
)


def _said(found: Compression, row: Row | None, part: float, lost: float) -> str:
    if found.summary["best"] is None:
        return "No network keeps to the bound and costs less: the int8 one is left as it was."
    which = "The network" if row is None else f"{row.network} on {row.dataset}, by {row.method} ({row.setting}),"
    change = f"loses {lost:.2f} points" if lost > 0 else f"gains {-lost:.2f} points" if lost < 0 else "loses nothing"
    spent = " The hours were spent before the methods were done: this is the best so far." * found.summary["out_of_time"]
    of = f", the best of {len(found.rows)} networks" if len(found.rows) > 1 else ""
    return (
        f"{which} draws {100 * part:.1f} % less energy than int8 and {change} of test accuracy{of}. "
        f"Decisions were taken on validation images, with {percent(found.summary['bound'])} as the bound; "
        f"the test set was looked at once, at the end.{spent}"
    )


def _estimate(run: StoredRun) -> Head:
    assert run.estimate is not None
    tiles = [row for _, row in estimates.pairs_of(run.estimate)]
    kind = "conv" if any(row["kind"] == "conv" for row in tiles) else tiles[0]["kind"]
    rows = [row for row in tiles if row["kind"] == kind]
    whole, error = sum(row["dynamic_fj"] for row in rows), root_sum_square(row["standard_error_fj"] for row in rows)
    unit = energy_unit([whole])
    value, _, beside = with_error(whole / unit.in_fj, error / unit.in_fj).partition(" ")
    array = sum(row["array_fj"] for row in rows)
    idle = sum(row["idle_dynamic_fj"] for row in rows) / array if array else 0.0
    facts = [Fact(f"{'convolutions' if kind == 'conv' else 'linear layers'}, {rows[0]['accounting']}", value, f"{beside} {unit.name}", "an image")]
    total = sum(row["total_fj"] for row in rows)
    facts.append(Fact("total", f"{total / unit.in_fj:.4g}", unit.name, "with clock and leakage"))
    if rows[0]["accounting"] == "datapath" and whole:
        glitches = 1 - sum(row["functional_fj"] for row in rows) / whole
        facts.append(Fact("glitches", f"{100 * glitches:.1f} %", "", "of the datapath energy"))
    facts.append(Fact("idle PEs", f"{100 * idle:.1f} %", "", "of the array's dynamic energy"))
    seen = f"{sum(row['simulated'] for row in rows)} of {sum(row['tiles'] * row['images'] for row in rows)}"
    facts.append(Fact("tiles simulated", seen.split()[0], f"of {seen.split()[-1]}"))
    return estimates.precision_of(run.estimate), tuple(facts)


def _timing(run: StoredRun) -> Head:
    assert run.timing is not None
    facts = [
        Fact(f"latest, {one.method}", f"{one.latest_ps:.0f}", "ps", f"{percent(one.late_share)} after the bound")
        for one in run.timing.methods
    ]
    bound = run.provenance.get("bound_ps")
    facts += [] if bound is None else [Fact("bound", f"{float(bound):.1f}", "ps after the clock edge")]
    return "When the cell has settled after every transition of its activation, weight by weight.", tuple(facts)


def _transitions(run: StoredRun) -> Head:
    facts = [
        Fact(one.layer, f"{100 * one.zero:.1f} %", "zero activations", f"{100 * one.quiet:.1f} % of transitions change nothing")
        for one in run.seen[:6]
    ]
    return f"What the MACs of {len(run.seen)} layers see from cycle to cycle.", tuple(facts)


def _tables(run: StoredRun) -> Head:
    facts = []
    for accounting, curves in curves_of(run.tables).items():
        for curve in curves[:4]:
            low, high = float(curve.energy_fj.min()), float(curve.energy_fj.max())
            order = np.argsort(curve.energy_fj, kind="stable")
            note = f"{low:.1f} fJ ({int(curve.values[order[0]])}) to {high:.1f} fJ ({int(curve.values[order[-1]])})"
            facts.append(Fact(f"{curve.name}, mean of all weights", f"{curve.energy_fj.mean():.1f}", "fJ a MAC cycle", f"{accounting}: {note}"))
    return "What each weight value costs in a MAC cycle, measured on the gates of the cell.", tuple(facts)


def _mappings(run: StoredRun) -> Head:
    whole = [row for row in run.mappings if row["layer"] == "all"]
    best = max(whole, key=lambda row: float(row["datapath_saving"]))
    facts = [
        Fact(f"saved, {name}", f"{100 * best[f'{name}_saving']:.1f} %") for name in ("datapath", "total", "functional", "array")
    ]
    said = f"Laid onto the array by “{best['option']}”, the convolutions compute the same, bit for bit, at less cost."
    return said, tuple(facts)


def _history(run: StoredRun) -> Head:
    facts = []
    for stage in dict.fromkeys(row["stage"] for row in run.history):
        last = [row for row in run.history if row["stage"] == stage][-1]
        accuracy = last.get("validation_accuracy")
        shown = "-" if accuracy is None else percent(accuracy)
        facts.append(Fact(f"{stage}, validation accuracy", shown, "", f"after {last['epoch']} epochs"))
    return "Trained in floating point, quantised to int8 and trained on.", tuple(facts)


def _exhibit(run: StoredRun) -> Head:
    assert run.exhibit is not None
    agrees = [claim["agrees"] for claim in run.exhibit["claims"]]
    facts = [
        Fact(name, str(agrees.count(value)), "of the paper's statements")
        for name, value in (("agree", True), ("differ", False), ("not judged", None))
        if agrees
    ]
    return " ".join(run.exhibit["findings"][:1]), tuple(facts)


def _exploration(run: StoredRun) -> Head:
    assert run.exploration is not None
    same = [cell for cell in run.exploration.templates if cell.same_network]
    known = [(cell.name, energy) for cell in same if (energy := run.exploration.per_mac(cell.name)) is not None]
    facts = [
        Fact(name, f"{energy.datapath_fj:.1f}", "fJ a MAC", "int8, datapath")
        for name, energy in sorted(known, key=lambda pair: pair[1].datapath_fj)[:4]
    ]
    return f"{len(run.exploration.templates)} cells side by side on the same layers.", tuple(facts)


def _verdict(run: StoredRun) -> Head:
    return " ".join(verdict.in_words(run.verdict)), ()


_HEADS: Mapping[str, Callable[[StoredRun], Head]] = {
    "compression": _compression,
    "exhibit": _exhibit,
    "estimate": _estimate,
    "verdict": _verdict,
    "exploration": _exploration,
    "timing": _timing,
    "mappings": _mappings,
    "transitions": _transitions,
    "tables": _tables,
    "seen": _transitions,
    "history": _history,
}
