"""The best network of a campaign: what it saves, what it loses, and how that is said."""

from __future__ import annotations

import math

from wattloop.compression.rows import Row
from wattloop.report.energies import figures, sources
from wattloop.report.inputs import Compression, StoredRun
from wattloop.report.page.blocks import Fact
from wattloop.report.page.heads import Head
from wattloop.report.page.stacked import dynamic_fj
from wattloop.report.units import percent, root_sum_square, saving, signed


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


def compression(run: StoredRun) -> Head:
    """Energy saved and accuracy lost by the best network."""
    found = run.compression
    assert found is not None
    lost, spread = drop(found)
    before, after = (percent(found.summary[f"test_{stage}"]["accuracy"]) for stage in ("before", "after"))
    part, error, accounting = saved(found)
    row = best_row(found)
    points = signed(f"{-lost:+.2f}")
    facts = [
        Fact(f"energy saved ({accounting})", f"{100 * part:.1f} %", f"± {100 * error:.2f}" if error else ""),
        Fact("test accuracy", points, f"points ± {spread:.2f}", f"{before} to {after}"),
        *([] if row is None else _of_row(row)),
    ]
    return _said(found, row, part, lost), tuple(facts)


def _of_row(row: Row) -> list[Fact]:
    facts = [
        Fact(f"saved, {name}", f"{100 * getattr(row, f'{name}_saving'):.1f} %", "", note) for name, note in _OTHERS
    ]
    zeros = f"{percent(row.sparsity)} of the weights are 0"
    return [*facts, Fact("weight values a layer", str(row.max_values_per_layer), "of 256", zeros)]


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
    spent = (
        " The hours were spent before the methods were done: this is the best so far." * found.summary["out_of_time"]
    )
    of = f", the best of {len(found.rows)} networks" if len(found.rows) > 1 else ""
    return (
        f"{which} draws {100 * part:.1f} % less energy than int8 and {change} of test accuracy{of}. "
        f"Decisions were taken on validation images, with {percent(found.summary['bound'])} as the bound; "
        f"the test set was looked at once, at the end.{spent}"
    )
