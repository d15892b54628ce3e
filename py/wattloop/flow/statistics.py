"""`wattloop statistics`: what the layers' MACs see, and how much the paper's groups tell of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.arith.kinds import KINDS, Sampling, SavedModel
from wattloop.arith.layer import LayerTrace
from wattloop.arith.statistics import LayerStatistics, collect
from wattloop.flow.estimation import tracer
from wattloop.flow.inputs import check_inputs
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.power.energy import EnergyModel
from wattloop.power.grouping import GroupingQuality, Probe, bit_costs, grouping_quality
from wattloop.runs import Run
from wattloop.store import Store

QUALITY = "grouping.parquet"
COSTS = "bit_costs.parquet"


@dataclass(frozen=True)
class LayerSummary:
    """What `wattloop statistics` tells of a layer.

    Attributes:
        layer: its name.
        transitions: of all its MACs on the images.
        zero: share of the activations that are 0.
        quiet: share of the activation transitions that change nothing.
        groups: cells of the 50 x 50 matrix that hold anything.
        stability_0, explained_0: of the 50 groups at weight 0: stability ratio, share of the variance explained.
        stability, explained: their means over weights other than 0.
        magnitude_0: share of the variance that the same groups of absolute values explain at weight 0.
    """

    layer: str
    transitions: int
    zero: float
    quiet: float
    groups: int
    stability_0: float
    explained_0: float
    stability: float
    explained: float
    magnitude_0: float


def statistics_flow(
    settings: Settings,
    run: Run,
    *,
    layers: Sequence[str] | None = None,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> tuple[LayerSummary, ...]:
    """Collect the statistics of the network's layers on training images, and judge the groups on them.

    The run gets the statistics (`statistics/*.npz`), the quality of the groupings, the costs by bits (the paper's
    figure 2), activation heat maps (its figure 3) and the report. Energies include glitches.

    Args:
        settings: hardware, network, and `characterize.images` and `characterize.tiles`.
        run: where results go.
        layers: names; None for all.
        store: cache.
        progress: told of every step.

    Raises:
        ModelError: no such layer.
    """
    check_inputs(settings, progress)
    chosen, array = settings.characterize, settings.hardware.array
    simulator = Simulator.of(settings, store=store, progress=progress)
    run.facts |= simulator.cell.facts
    trained = trained_network(settings, store=store, progress=progress)
    netlist = simulator.cell.netlist
    model = EnergyModel(netlist, settings.hardware.clock_ps, settings.hardware.load)
    probe = Probe(Engine(netlist, Timing()), array.mac, model)
    images = min(chosen.images, len(trained.dataset.train.images))
    traces = tracer(trained.network, trained.dataset.train.images[:images], array.mac, layers)(range(images))
    rows: list[GroupingQuality] = []
    found: list[LayerSummary] = []
    for trace in traces:
        with progress.step(f"collecting the transitions of {trace.layer.name}") as step:
            seen = collect(trace, array, tiles=chosen.tiles, seed=chosen.seed, progress=step)
        seen.save(run.folder / "statistics" / f"{trace.layer.name}.npz")
        with progress.step(f"measuring transitions of {trace.layer.name} one by one"):
            mine = list(grouping_quality(_joint(trace, settings), probe, seed=chosen.seed))
        rows += mine
        found.append(_summary(seen, mine))
    with progress.step("measuring random partial sums"):
        costs = list(bit_costs(_joint(traces[0], settings), probe, seed=chosen.seed))
    for name, values in ((QUALITY, rows), (COSTS, costs)):
        buffer = io.BytesIO()
        pl.DataFrame([asdict(value) for value in values]).write_parquet(buffer)
        run.write(name, buffer.getvalue())
    report(run, progress)
    return tuple(found)


def _joint(trace: LayerTrace, settings: Settings) -> SavedModel:
    sampling = Sampling(settings.characterize.tiles, settings.characterize.seed)
    return KINDS["joint"].collect((trace,), settings.hardware.array, sampling)


def _summary(seen: LayerStatistics, rows: Sequence[GroupingQuality]) -> LayerSummary:
    counts = seen.activation_counts
    total = int(counts.sum())

    def mean(grouping: str, zero: bool, field: str) -> float:
        values = [getattr(row, field) for row in rows if row.grouping == grouping and (row.weight == 0) == zero]
        return float(np.mean(values))

    return LayerSummary(
        layer=seen.layer,
        transitions=seen.transitions,
        zero=int(counts[:, 0].sum()) / total,
        quiet=int(np.trace(counts)) / total,
        groups=int((seen.group_counts > 0).sum()),
        stability_0=mean("50 groups", True, "stability"),
        explained_0=mean("50 groups", True, "explained"),
        stability=mean("50 groups", False, "stability"),
        explained=mean("50 groups", False, "explained"),
        magnitude_0=mean("by magnitude", True, "explained"),
    )
