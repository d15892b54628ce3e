"""From settings to the energy of a network's layers."""

from __future__ import annotations

from wattloop.flow.inputs import check_inputs
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.power.estimate import Estimate, estimate_layers
from wattloop.runs import Run
from wattloop.store import Store

ESTIMATE = "estimate.parquet"


def estimate_flow(settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT) -> Estimate:
    """Estimate every layer on test images; the run gets `estimate.parquet`, the tables and the report.

    Table and tiles see the same images, so that they differ by what a table leaves out and by sampling alone.

    Args:
        settings: hardware, network and sampling.
        run: where results go.
        store: cache.
        progress: told of every step.
    """
    from wattloop.nn.trace import trace

    check_inputs(settings, progress)
    simulator = Simulator.of(settings, store=store, progress=progress)
    run.facts |= simulator.cell.facts
    trained = trained_network(settings, store=store, progress=progress)
    images = trained.dataset.test.images[: settings.estimate.images]
    with progress.step(f"tracing {len(images)} images"):
        traces = trace(trained.network, images)
    estimate = estimate_layers(traces, settings.hardware.array, simulator.tables, simulator.tiles)
    estimate.save(run.folder / ESTIMATE)
    oracle = simulator.tables(traces)
    for name, table in oracle.tables.items():
        table.save(run.folder / "tables" / f"{name}.parquet")
    run.facts |= {"network key": trained.key, "simulator": simulator.backend.name}
    report(run, progress)
    return estimate
