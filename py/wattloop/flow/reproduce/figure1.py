"""Figure 1: power of the MAC by weight value."""

from __future__ import annotations

from wattloop.flow.progress import Progress
from wattloop.flow.reproduce.profiled import profiled, simulated_by
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.report.reproduce import figure1
from wattloop.report.reproduce.exhibit import Exhibit
from wattloop.runs import Run
from wattloop.store import Store


def make(settings: Settings, run: Run, store: Store, progress: Progress) -> Exhibit:
    """Characterise the layers; the run gets their tables, too."""
    settings = simulated_by(settings)
    traces = profiled(settings, run, store, progress)
    with Simulator.working(settings, store=store, progress=progress) as simulator:
        run.facts |= simulator.cell.facts | {"simulator": simulator.backend.name}
        tables = simulator.tables(traces).tables
    for name, table in tables.items():
        table.save(run.folder / "tables" / f"{name}.parquet")
    return figure1.exhibit(tables, settings.hardware.clock_ps)
