"""From a layer's statistics to its table of energy by weight value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wattloop.arith.kinds import SavedModel, load_statistics
from wattloop.arith.layer import LayerTrace
from wattloop.arith.representable import fitted
from wattloop.errors import ModelError, StorageError
from wattloop.flow.fitting import fit_facts
from wattloop.flow.inputs import check_inputs
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import Settings, load
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import Trained, trained_network
from wattloop.power.energy_table import EnergyTable, TableDifference, compare
from wattloop.power.freshness import require_fresh
from wattloop.runs import SETTINGS, Run, facts_of
from wattloop.store import Store


@dataclass(frozen=True)
class CharacterizeSummary:
    """What `wattloop characterize` tells.

    Attributes:
        layer: whose statistics were sampled.
        simulator: who counted the toggles.
        annotated: "N of N nets".
        statistics: how its transitions are modelled.
        pairs: most transitions of a weight value.
        accounting: what the energies include.
        mean_fj, least_fj, greatest_fj: over the weight values, dynamic energy per MAC cycle.
        cheapest, dearest: weight values.
        worst_error: greatest relative standard error of a weight's energy.
        toggles: on all nets, over all weights.
        difference: from the table it was compared with, in words.
    """

    layer: str
    simulator: str
    annotated: str
    statistics: str
    pairs: int
    accounting: str
    mean_fj: float
    least_fj: float
    greatest_fj: float
    cheapest: tuple[int, ...]
    dearest: tuple[int, ...]
    worst_error: float
    toggles: int
    difference: str


def characterize_flow(
    settings: Settings,
    run: Run,
    *,
    statistics: Path | None = None,
    against: Path | None = None,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> CharacterizeSummary:
    """Characterise the MAC cell for all weights; the run gets the table, the statistics and the report with figure 1.

    Args:
        settings: hardware, sampling, and the network whose layer is profiled.
        run: where results go.
        statistics: a file of `LayerStatistics`; None profiles `settings.characterize.layer` of the trained network.
        against: a table to compare with, of the same netlist.
        store: cache.
        progress: told of every step.
    """
    if statistics is None:
        check_inputs(settings, progress)
    with Simulator.working(settings, store=store, progress=progress) as simulator:
        run.facts |= simulator.cell.facts
        if statistics is None:
            trained = trained_network(settings, store=store, progress=progress)
            ((table, observed),) = characterized_layers(
                simulator, _traces(settings, trained, [_layer(settings, trained)], run, progress), run
            )
        else:
            observed = load_statistics(statistics)
            table = simulator.characterized(observed)
            _keep(run, table, observed.layer)
            observed.save(run.folder / "statistics" / f"{observed.layer}.npz")
    run.facts |= {"annotated": table.provenance["annotated"], "statistics": observed.key}
    report(run, progress)
    return _summary(table, compare(table, EnergyTable.load(against)) if against is not None else None)


def characterize_network(
    settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT
) -> tuple[CharacterizeSummary, ...]:
    """Characterise the MAC cell for all weights on every layer of the network; the run gets tables and statistics.

    Args:
        settings: hardware, sampling, and the network.
        run: where results go.
        store: cache.
        progress: told of every step.
    """
    check_inputs(settings, progress)
    with Simulator.working(settings, store=store, progress=progress) as simulator:
        run.facts |= simulator.cell.facts
        trained = trained_network(settings, store=store, progress=progress)
        found = characterized_layers(
            simulator, _traces(settings, trained, list(trained.network.layers), run, progress), run
        )
    report(run, progress)
    return tuple(_summary(table, None) for table, _ in found)


def check_tables(
    settings: Settings, folder: Path, *, store: Store | None = None, progress: Progress = SILENT
) -> tuple[str, ...]:
    """Names of the layers whose tables in a run folder hold for the settings: network, hardware, simulator, and code.

    Statistics are collected anew, as that run collected them, from the network as it is now.

    Args:
        settings: network, hardware and simulator at hand.
        folder: of a run of `wattloop characterize`.
        store: cache.
        progress: told of every step.

    Raises:
        StaleTableError: some do not; names them and what changed.
        StorageError: the folder is of another command, or no tables are there.
    """
    _require_characterize(folder)
    tables = {path.stem: EnergyTable.load(path) for path in sorted((folder / "tables").glob("*.parquet"))}
    if not tables:
        raise StorageError(f"{folder} holds no tables/*.parquet: give a folder of `wattloop characterize`")
    sampling = load(folder / SETTINGS).characterize
    settings = replace(settings, characterize=replace(sampling, simulator=settings.characterize.simulator))
    simulator = Simulator.of(settings, store=store, progress=progress)
    trained = trained_network(settings, store=store, progress=progress)
    models = {
        trace.layer.name: model
        for scope in simulator.kind.scopes(_traces(settings, trained, list(tables)))
        for model in [simulator.statistics(scope)]
        for trace in scope
    }
    require_fresh(tables, models, simulator.facts)
    return tuple(tables)


def _require_characterize(folder: Path) -> None:
    """Tables of other commands rest on other images, which the settings of a check do not tell."""
    command = facts_of(folder).get("command", "characterize")
    if command != "characterize":
        raise StorageError(
            f"{folder} is a run of `wattloop {command}`: --check takes a folder of `wattloop characterize`"
        )


def _traces(
    settings: Settings, trained: Trained, layers: list[str], run: Run | None = None, progress: Progress = SILENT
) -> list[LayerTrace]:
    """The layers on training images, with what the cell can hold of them; the run notes what it cannot."""
    from wattloop.nn.trace import trace

    seen = trace(trained.network, trained.dataset.train.images[: settings.characterize.images], layers=layers)
    if run is not None:
        run.facts |= fit_facts(seen, settings.hardware.array.mac, progress)
    return [fitted(layer, settings.hardware.array.mac).trace for layer in seen]


def characterized_layers(
    simulator: Simulator, traces: Sequence[LayerTrace], run: Run
) -> list[tuple[EnergyTable, SavedModel]]:
    """The table of each layer, and what it rests on; both are kept in the run."""
    oracle, found = simulator.tables(traces), []
    for scope in simulator.kind.scopes(traces):
        observed = simulator.statistics(scope)
        observed.save(run.folder / "statistics" / f"{observed.layer}.npz")
        for trace in scope:
            table = oracle.tables[trace.layer.name]
            _keep(run, table, trace.layer.name)
            found.append((table, observed))
    return found


def _keep(run: Run, table: EnergyTable, name: str) -> None:
    table.save(run.folder / "tables" / f"{name}.parquet")


def _layer(settings: Settings, trained: Trained) -> str:
    """The layer asked for, or the second convolution (the first sees raw pixels), or the only one."""
    layers = trained.network.layers
    if settings.characterize.layer is not None:
        if settings.characterize.layer not in layers:
            raise ModelError(f"the network has no layer {settings.characterize.layer!r}; it has {', '.join(layers)}")
        return settings.characterize.layer
    convolutions = [name for name, layer in layers.items() if layer.kind == "conv"] or list(layers)
    return convolutions[:2][-1]


def _summary(table: EnergyTable, difference: TableDifference | None) -> CharacterizeSummary:
    energy = table.dynamic_fj
    order = np.argsort(energy, kind="stable")
    return CharacterizeSummary(
        layer=table.layer,
        simulator=table.provenance["backend"],
        annotated=table.provenance["annotated"],
        statistics=table.provenance["statistics kind"],
        pairs=int(table.provenance["pairs"]),
        accounting=table.provenance["accounting"],
        mean_fj=float(energy.mean()),
        least_fj=float(energy.min()),
        greatest_fj=float(energy.max()),
        cheapest=tuple(table.weights[order[:8]].tolist()),
        dearest=tuple(table.weights[order[:-9:-1]].tolist()),
        worst_error=table.worst_error,
        toggles=int(table.toggles.sum()),
        difference="" if difference is None else str(difference),
    )
