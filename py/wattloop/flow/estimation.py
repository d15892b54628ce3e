"""From settings to the energy of a network's layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import LayerTrace
from wattloop.arith.representable import fitted
from wattloop.flow.fitting import fit_facts
from wattloop.flow.inputs import check_inputs
from wattloop.flow.pe_map import Stage, dearest, keep_cells
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.gates.spec import MacSpec
from wattloop.power.estimate import Estimate
from wattloop.power.survey import TracedNetwork
from wattloop.runs import Run
from wattloop.store import Store

if TYPE_CHECKING:
    from wattloop.nn.network import QuantizedNetwork

ESTIMATE = "estimate.parquet"

Images = npt.NDArray[np.uint8]


def estimate_flow(settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT) -> Estimate:
    """Estimate every layer on test images; the run gets `estimate.parquet`, the tables and the report.

    Args:
        settings: hardware, network and sampling; `estimate.simulator` simulates for tables and tiles.
        run: where results go.
        store: cache.
        progress: told of every step.
    """
    check_inputs(settings, progress)
    chosen = settings.estimate
    settings = replace(settings, characterize=replace(settings.characterize, simulator=chosen.simulator))
    with Simulator.working(settings, store=store, progress=progress) as simulator:
        run.facts |= simulator.cell.facts
        trained = trained_network(settings, store=store, progress=progress)
        trace = tracer(trained.network, trained.dataset.test.images[: chosen.images], settings.hardware.array.mac)
        network, profiled = traced(trace, min(chosen.images, len(trained.dataset.test.images)), chosen.profiled)
        run.facts |= _fit(trained.network, trained.dataset.test.images, settings.hardware.array.mac, progress)
        estimate = simulator.estimated(network, profiled)
        estimate.save(run.folder / ESTIMATE)
        oracle = simulator.tables(profiled)
        for name, table in oracle.tables.items():
            table.save(run.folder / "tables" / f"{name}.parquet")
        layer = dearest({row.layer: row.by_tiles.energy.dynamic_fj for row in estimate.layers})
        (shown,) = (seen for seen in profiled if seen.layer.name == layer)
        keep_cells(run, simulator, simulator.backend, Stage("int8", shown))
        run.facts |= {
            "network key": trained.key,
            "simulator": simulator.backend.name,
            "workers": simulator.workers.name,
        }
    report(run, progress)
    return estimate


def _fit(network: QuantizedNetwork, images: Images, mac: MacSpec, progress: Progress) -> dict[str, str]:
    from wattloop.nn.trace import trace

    return fit_facts(trace(network, images[:1]), mac, progress)


def tracer(
    network: QuantizedNetwork, images: Images, mac: MacSpec, layers: Sequence[str] | None = None
) -> Callable[[Sequence[int]], list[LayerTrace]]:
    """What traces the images with given numbers, as the cell takes them."""
    from wattloop.nn.trace import trace

    def part(numbers: Sequence[int]) -> list[LayerTrace]:
        return [fitted(seen, mac).trace for seen in trace(network, images[list(numbers)], layers=layers)]

    return part


def traced(
    trace: Callable[[Sequence[int]], list[LayerTrace]], images: int, profiled: int
) -> tuple[TracedNetwork, list[LayerTrace]]:
    """The network on all images, and the traces of the first ones that tables are made from."""
    first = trace(range(min(profiled, images)))
    return TracedNetwork([seen.layer for seen in first], images, trace), first
