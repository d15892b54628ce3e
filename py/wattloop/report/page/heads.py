"""Lede and headline figures of the runs of each command but compressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wattloop.compression.energies import ACCOUNTINGS
from wattloop.report import estimates, verdict
from wattloop.report.inputs import StoredRun
from wattloop.report.page.blocks import Fact
from wattloop.report.units import energy_unit, percent, root_sum_square, with_error
from wattloop.report.value_curves import curves_of

Head = tuple[str, tuple[Fact, ...]]


def estimate(run: StoredRun) -> Head:
    """What the convolutions take, or else the linear layers."""
    assert run.estimate is not None
    tiles = [row for _, row in estimates.pairs_of(run.estimate)]
    convolutions = [row for row in tiles if row["kind"] == "conv"]
    rows = convolutions or tiles
    whole, error = _sum(rows, "dynamic_fj"), root_sum_square(row["standard_error_fj"] for row in rows)
    unit = energy_unit([whole])
    value, _, beside = with_error(whole / unit.in_fj, error / unit.in_fj).partition(" ")
    array, total = _sum(rows, "array_fj"), _sum(rows, "total_fj") / unit.in_fj
    what = f"{'convolutions' if convolutions else 'linear layers'}, {rows[0]['accounting']}"
    facts = [Fact(what, value, f"{beside} {unit.name}".strip(), "an image")]
    facts.append(Fact("total", f"{total:.4g}", unit.name, "with clock and leakage"))
    if rows[0]["accounting"] == "datapath" and whole:
        glitches = 100 * (1 - _sum(rows, "functional_fj") / whole)
        facts.append(Fact("glitches", f"{glitches:.1f} %", "", "of the datapath energy"))
    idle = 100 * _sum(rows, "idle_dynamic_fj") / array if array else 0.0
    facts.append(Fact("idle PEs", f"{idle:.1f} %", "", "of the array's dynamic energy"))
    every = sum(row["tiles"] * row["images"] for row in rows)
    facts.append(Fact("tiles simulated", f"{_sum(rows, 'simulated'):.0f}", f"of {every}"))
    return estimates.precision_of(run.estimate), tuple(facts)


def _sum(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    return float(sum(row[name] for row in rows))


def timing(run: StoredRun) -> Head:
    """Latest settling times."""
    assert run.timing is not None
    facts = [
        Fact(f"latest, {one.method}", f"{one.latest_ps:.0f}", "ps", f"{percent(one.late_share)} after the bound")
        for one in run.timing.methods
    ]
    bound = run.provenance.get("bound_ps")
    facts += [] if bound is None else [Fact("bound", f"{float(bound):.1f}", "ps after the clock edge")]
    return "When the cell has settled after every transition of its activation, weight by weight.", tuple(facts)


def transitions(run: StoredRun) -> Head:
    """How quiet the layers are."""
    facts = [
        Fact(
            one.layer,
            f"{100 * one.zero:.1f} %",
            "zero activations",
            f"{100 * one.quiet:.1f} % of transitions change nothing",
        )
        for one in run.seen[:6]
    ]
    return f"What the MACs of {len(run.seen)} layers see from cycle to cycle.", tuple(facts)


def tables(run: StoredRun) -> Head:
    """What weights cost on the mean, and the cheapest and the dearest."""
    facts = []
    for accounting, curves in curves_of(run.tables).items():
        for curve in curves[:4]:
            low, high = float(curve.energy_fj.min()), float(curve.energy_fj.max())
            order = np.argsort(curve.energy_fj, kind="stable")
            note = f"{low:.1f} fJ ({int(curve.values[order[0]])}) to {high:.1f} fJ ({int(curve.values[order[-1]])})"
            facts.append(
                Fact(
                    f"{curve.name}, mean of all weights",
                    f"{curve.energy_fj.mean():.1f}",
                    "fJ a MAC cycle",
                    f"{accounting}: {note}",
                )
            )
    return "What each weight value costs in a MAC cycle, measured on the gates of the cell.", tuple(facts)


def mappings(run: StoredRun) -> Head:
    """What the best way to lay layers out saves."""
    whole = [row for row in run.mappings if row["layer"] == "all"]
    best = max(whole, key=lambda row: float(row["datapath_saving"]))
    facts = [Fact(f"saved, {name}", f"{100 * best[f'{name}_saving']:.1f} %") for name in ACCOUNTINGS]
    said = f"Laid onto the array by “{best['option']}”, the convolutions compute the same, bit for bit, at less cost."
    return said, tuple(facts)


def history(run: StoredRun) -> Head:
    """Accuracy at the end of each stage."""
    facts = []
    for stage in dict.fromkeys(row["stage"] for row in run.history):
        last = [row for row in run.history if row["stage"] == stage][-1]
        accuracy = last.get("validation_accuracy")
        shown = "-" if accuracy is None else percent(accuracy)
        facts.append(Fact(f"{stage}, validation accuracy", shown, "", f"after {last['epoch']} epochs"))
    return "Trained in floating point, quantised to int8 and trained on.", tuple(facts)


def exhibit(run: StoredRun) -> Head:
    """How the paper's statements fare."""
    assert run.exhibit is not None
    agrees = [claim["agrees"] for claim in run.exhibit["claims"]]
    facts = [
        Fact(name, str(agrees.count(value)), "of the paper's statements")
        for name, value in (("agree", True), ("differ", False), ("not judged", None))
        if agrees
    ]
    return " ".join(run.exhibit["findings"][:1]), tuple(facts)


def exploration(run: StoredRun) -> Head:
    """The cells that cost least."""
    assert run.exploration is not None
    same = [cell for cell in run.exploration.templates if cell.same_network]
    known = [(cell.name, energy) for cell in same if (energy := run.exploration.per_mac(cell.name)) is not None]
    facts = [
        Fact(name, f"{energy.datapath_fj:.1f}", "fJ a MAC", "int8, datapath")
        for name, energy in sorted(known, key=lambda pair: pair[1].datapath_fj)[:4]
    ]
    return f"{len(run.exploration.templates)} cells side by side on the same layers.", tuple(facts)


def verdicts(run: StoredRun) -> Head:
    """Whether layer-aware statistics beat global ones."""
    return " ".join(verdict.in_words(run.verdict)), ()
