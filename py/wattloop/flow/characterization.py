"""From a layer's statistics to its table of energy by weight value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wattloop.activity.backend import backend
from wattloop.arith.statistics import LayerStatistics, collect
from wattloop.errors import ModelError
from wattloop.flow.hardware import build_hardware
from wattloop.flow.inputs import check_inputs
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import Settings
from wattloop.flow.training import Trained, trained_network
from wattloop.power.characterize import characterize
from wattloop.power.energy_table import EnergyTable, TableDifference, compare
from wattloop.runs import Run
from wattloop.store import Store, content_key

# Part of the cache key: raise it when statistics change in a way that no setting shows.
_VERSION = 1


@dataclass(frozen=True)
class CharacterizeSummary:
    """What `wattloop characterize` tells.

    Attributes:
        layer: whose statistics were sampled.
        simulator: who counted the toggles.
        annotated: "N of N nets".
        pairs: transitions of each weight value.
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
    hardware = build_hardware(settings.hardware, store=store, progress=progress)
    run.facts |= hardware.facts
    if statistics is None:
        observed = profiled_layer(settings, store=store, progress=progress)
    else:
        observed = LayerStatistics.load(statistics)
    chosen = settings.characterize
    with progress.step(f"simulating {chosen.pairs} transitions of each weight on {chosen.simulator}") as step:
        table = characterize(
            hardware.netlist,
            settings.hardware.array.mac,
            observed,
            backend=backend(chosen.simulator),
            pairs=chosen.pairs,
            batches=chosen.batches,
            seed=chosen.seed,
            clock_ps=settings.hardware.clock_ps,
            load=settings.hardware.load,
            progress=step,
        )
    observed.save(run.folder / "statistics" / f"{observed.layer}.npz")
    table.save(run.folder / "tables" / f"{observed.layer}.parquet")
    run.facts |= {"annotated": table.provenance["annotated"], "statistics": observed.key}
    report(run, progress)
    return _summary(table, compare(table, EnergyTable.load(against)) if against is not None else None)


def profiled_layer(settings: Settings, *, store: Store | None = None, progress: Progress = SILENT) -> LayerStatistics:
    """Statistics of the layer that the settings name, on training images of their network."""
    from wattloop.nn.trace import trace

    trained = trained_network(settings, store=store, progress=progress)
    layer, chosen = _layer(settings, trained), settings.characterize
    key = content_key(_VERSION, trained.key, layer, settings.hardware.array, chosen.images, chosen.tiles, chosen.seed)

    def build(folder: Path) -> None:
        with progress.step(f"profiling {layer}") as step:
            (seen,) = trace(trained.network, trained.dataset.train.images[: chosen.images], layers=[layer])
            array = settings.hardware.array
            collect(seen, array, tiles=chosen.tiles, seed=chosen.seed, progress=step).save(folder / "layer.npz")

    return (store or Store()).load("statistics", key, build, lambda entry: LayerStatistics.load(entry / "layer.npz"))


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
        pairs=int(table.provenance["pairs"]),
        accounting=table.provenance["accounting"],
        mean_fj=float(energy.mean()),
        least_fj=float(energy.min()),
        greatest_fj=float(energy.max()),
        cheapest=tuple(table.weights[order[:8]].tolist()),
        dearest=tuple(table.weights[order[:-9:-1]].tolist()),
        worst_error=float((table.standard_error_fj / energy).max()),
        toggles=int(table.toggles.sum()),
        difference="" if difference is None else str(difference),
    )
