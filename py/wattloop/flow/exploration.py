"""The same layers on many cells: from a list of templates to area, timing and energy side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from wattloop import parallel
from wattloop.activity.backend import backend
from wattloop.arith.layer import LayerTrace
from wattloop.arith.representable import Fitted, fitted
from wattloop.compression.bit_exact import cheaper_signs, cheapest_offset, with_signs
from wattloop.compression.one_shot import one_shot
from wattloop.errors import ModelError
from wattloop.flow.hardware import build_hardware, is_built
from wattloop.flow.inputs import check_inputs
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import HardwareSettings, Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import Trained, trained_network
from wattloop.gates.multipliers import multiplier
from wattloop.gates.opensta import opensta_slack
from wattloop.gates.spec import MacSpec
from wattloop.gates.templates import chosen as chosen_templates
from wattloop.power.exploration import Exploration, LayerOnTemplate, TemplateHardware, rank_correlations
from wattloop.power.oracle import IDENTITY, HardwareMapping
from wattloop.power.tile_energies import TileEnergies, breakdown, total_fj
from wattloop.power.tile_oracle import TileOracle
from wattloop.runs import Run
from wattloop.store import Store, content_key

if TYPE_CHECKING:
    from wattloop.nn.network import QuantizedNetwork

EXPLORATION = "exploration"
REFERENCE, ALL = "reference", "all"

Int8 = npt.NDArray[np.int8]

# Part of the cache key: raise it when what is measured changes in a way that neither a setting nor the simulator shows.
_VERSION = 1
_FIGURES = "figures.json"
# Tiles that an offset of the partial sums is chosen on; others than these decide what it saves.
_OFFSET_TILES = 2


def explore_flow(
    settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT
) -> Exploration:
    """Price the layers on every template; the run gets the figures, the tables and the report.

    Args:
        settings: the network and its data, the array, the library and the clock, and `explore`.
        run: where results go.
        store: cache.
        progress: told of every step.

    Raises:
        SpecError: an unknown template.
        ModelError: an unknown layer.
        LibertyError: the library cannot build one of the cells.
    """
    check_inputs(settings, progress)
    cells = _cells(settings)
    trained = trained_network(settings, store=store, progress=progress)
    traces = _traced(settings, trained.network, trained)
    pairs = list(zip(traces, _compressed(settings, trained, traces), strict=True))
    candidates = _synthesised(settings, cells, store or Store(), progress)
    found = [candidate.explored(pairs, progress) for candidate in candidates]
    exploration = Exploration(
        templates=tuple(candidate.figures(traces) for candidate in candidates),
        energies=tuple(row for rows, _ in found for row in rows),
        ranks=rank_correlations({c.name: curve for c, (_, curve) in zip(candidates, found, strict=True)}),
        reference=_reference(settings, trained, traces),
    )
    exploration.save(run.folder / EXPLORATION)
    run.facts |= exploration.reference
    report(run, progress)
    return exploration


def _cells(settings: Settings) -> Mapping[str, MacSpec]:
    """The templates asked for, and the cells that the settings spell out."""
    own = settings.explore.cells
    names = settings.explore.templates
    return {**(chosen_templates(names) if names else {}), **own}


def _traced(settings: Settings, network: QuantizedNetwork, trained: Trained) -> list[LayerTrace]:
    """The layers of a network on the first test images."""
    from wattloop.nn.trace import trace

    convolutions = [name for name, layer in network.layers.items() if layer.kind == "conv"]
    names: list[str] = []
    for wanted in settings.explore.layers:
        # The second convolution, because the first sees raw pixels.
        known = {ALL: convolutions, REFERENCE: convolutions[:2][-1:]}.get(wanted, [wanted])
        names += [name for name in known if name not in names]
    unknown = [name for name in names if name not in network.layers]
    if unknown or not names:
        raise ModelError(
            f"the network has no layer {', '.join(unknown) or 'of the kind asked for'};"
            f" it has {', '.join(network.layers)}"
        )
    return trace(network, trained.dataset.test.images[: settings.explore.images], layers=names)


def _compressed(settings: Settings, trained: Trained, traces: Sequence[LayerTrace]) -> list[LayerTrace]:
    """The layers of the compressed network on the same images, or pruned and mapped here, on the same inputs."""
    chosen = settings.explore
    if chosen.compressed is not None:
        from wattloop.nn.checkpoint import load

        return _traced(settings, load(Path(chosen.compressed)), trained)
    weights = [one_shot(trace.layer.weight, chosen.prune, chosen.values) for trace in traces]
    return [_with(trace, weight) for trace, weight in zip(traces, weights, strict=True)]


def _with(trace: LayerTrace, weight: Int8) -> LayerTrace:
    return replace(trace, layer=replace(trace.layer, weight=weight))


def _reference(settings: Settings, trained: Trained, traces: Sequence[LayerTrace]) -> dict[str, str]:
    hardware, chosen = settings.hardware, settings.explore
    made = f"{chosen.prune:.0%} pruned, {chosen.values} values, one shot" if chosen.compressed is None else "checkpoint"
    return {
        "network": f"{settings.network.model} on {settings.network.dataset}",
        "network key": trained.key,
        "layers": ", ".join(trace.layer.name for trace in traces),
        "images": str(chosen.images),
        "tiles of a layer": str(chosen.tiles),
        "compressed": made,
        "array": f"{hardware.array.rows}x{hardware.array.cols}, {hardware.array.pixels} pixels",
        "library": hardware.library,
        "clock_ps": f"{hardware.clock_ps:g}",
        "load convention": hardware.load,
        "simulator": chosen.simulator,
        "seed": str(chosen.seed),
    }


def _synthesised(
    settings: Settings, cells: Mapping[str, MacSpec], store: Store, progress: Progress
) -> list[_Candidate]:
    """Every cell in gates; they are synthesised side by side."""
    base, chosen = settings.hardware, settings.explore
    hardware = {name: replace(base, array=replace(base.array, mac=cell)) for name, cell in cells.items()}
    _synthesise([one for one in hardware.values() if not is_built(one, store)], store, progress)
    characterize = replace(settings.characterize, simulator=chosen.simulator)
    estimate = replace(settings.estimate, tiles=chosen.tiles, seed=chosen.seed)
    return [
        _Candidate(name, Simulator(one, characterize, estimate, store), settings.explore.mapped)
        for name, one in hardware.items()
    ]


def _synthesise(missing: Sequence[HardwareSettings], store: Store, progress: Progress) -> None:
    """Put cells into the cache, a core for each: choosing among a cell's candidates takes as long as Yosys."""
    if not missing:
        return
    with progress.step(f"synthesising {len(missing)} cells") as step, parallel.processes(0) as workers:
        for done, _ in enumerate(workers.map(_build, [(one, store) for one in missing]), start=1):
            step(done, len(missing))


def _build(hardware: HardwareSettings, store: Store) -> None:
    build_hardware(hardware, store=store)


@dataclass(frozen=True, eq=False)
class _Candidate:
    """One cell, and what prices layers on it.

    Attributes:
        name: of the template.
        simulator: the array of this cell.
        mapped: also look for signs of filters and offsets of partial sums that cost less.
    """

    name: str
    simulator: Simulator
    mapped: bool

    @property
    def mac(self) -> MacSpec:
        """The cell."""
        return self.simulator.hardware.array.mac

    def figures(self, traces: Sequence[LayerTrace]) -> TemplateHardware:
        """Area and timing, and what the cell cannot hold of the layers."""
        synthesis, clock_ps = self.simulator.cell.synthesis, self.simulator.hardware.clock_ps
        netlist, timing = synthesis.netlist, synthesis.timing
        signoff = opensta_slack(netlist, clock_ps=clock_ps, context=timing.context)
        sizes = [trace.layer.weight.size for trace in traces]
        changed = [fitted(trace, self.mac).changed_weights for trace in traces]
        return TemplateHardware(
            name=self.name,
            module=netlist.name,
            multiplier=multiplier(self.mac.multiplier).title,
            cells=len(netlist.instances),
            area_um2=netlist.area_um2,
            arrival_ps=timing.arrival_ps,
            setup_ps=timing.setup_ps,
            slack_ps=timing.slack_ps,
            opensta_slack_ps=None if signoff is None else signoff.slack_ps,
            changed_weights=float(np.average(changed, weights=sizes)),
        )

    def explored(
        self, pairs: Sequence[tuple[LayerTrace, LayerTrace]], progress: Progress
    ) -> tuple[list[LayerOnTemplate], dict[int, float]]:
        """Energies of the layers, and E(w) on the last of them; from the cache where they were measured before."""
        key = content_key(_VERSION, self.simulator.key, self.simulator.estimate, self.mapped, list(pairs))

        def build(folder: Path) -> None:
            rows: list[LayerOnTemplate] = []
            with progress.step(f"pricing {self.name}") as step:
                for done, (before, after) in enumerate(pairs, start=1):
                    rows += self._layer(before, after)
                    step(done, len(pairs))
                curve = self._curve(fitted(pairs[-1][0], self.mac))
            figures = {"rows": [asdict(row) for row in rows], "curve": [[w, e] for w, e in curve.items()]}
            (folder / _FIGURES).write_text(json.dumps(figures))

        def read(folder: Path) -> tuple[list[LayerOnTemplate], dict[int, float]]:
            figures = json.loads((folder / _FIGURES).read_text())
            return [LayerOnTemplate(**row) for row in figures["rows"]], {int(w): e for w, e in figures["curve"]}

        rows, curve = self.simulator.store.load("exploration", key, build, read)
        return [replace(row, template=self.name) for row in rows], curve

    def _layer(self, before: LayerTrace, after: LayerTrace) -> list[LayerOnTemplate]:
        less = fitted(after, self.mac).trace
        rows = [self._row("int8", fitted(before, self.mac).trace), self._row("compressed", less)]
        return [*rows, self._mapped(less)] if self.mapped else rows

    def _mapped(self, trace: LayerTrace) -> LayerOnTemplate:
        """The layer with the signs of its filters and the offset of its partial sums that cost least."""
        name, weight = trace.layer.name, trace.layer.weight
        flipped = cheaper_signs(weight, self.simulator.tables([trace]).value_energy_fj(name))
        signed = _with(trace, with_signs(weight, flipped))
        quick = replace(self._oracle(signed), backend=backend("bitparallel"), tiles=_OFFSET_TILES, idle=False)
        offset = cheapest_offset(quick, name, signed.layer.weight)
        return self._row("mapped", signed, HardwareMapping(psum_offset=offset), int(flipped.sum()))

    def _row(
        self, stage: str, trace: LayerTrace, mapping: HardwareMapping = IDENTITY, flipped: int = 0
    ) -> LayerOnTemplate:
        name, images = trace.layer.name, trace.images
        measured = self._oracle(trace).simulate(name, trace.layer.weight, mapping)
        origins = breakdown(measured)
        datapath = total_fj(measured, "datapath")
        return LayerOnTemplate(
            template=self.name,
            layer=name,
            stage=stage,
            macs=trace.layer.geometry.macs,
            pe_cycles=_pe_cycles(measured) // images,
            datapath_fj=datapath.total / images,
            functional_fj=total_fj(measured, "functional").total / images,
            clock_fj=origins.clock_fj / images,
            leakage_fj=origins.leakage_fj / images,
            idle_fj=total_fj(measured, "idle").total / images,
            error_fj=datapath.error / images,
            psum_offset=mapping.psum_offset,
            flipped_filters=flipped,
        )

    def _oracle(self, trace: LayerTrace) -> TileOracle:
        return replace(self.simulator.tiles([trace]), idle=True)

    def _curve(self, found: Fitted) -> dict[int, float]:
        """E(w) of every weight value that the cell can hold."""
        name = found.trace.layer.name
        table = self.simulator.tables([found.trace]).tables[name]
        return dict(zip(table.weights.tolist(), table.dynamic_fj.tolist(), strict=True))


def _pe_cycles(measured: Sequence[TileEnergies]) -> int:
    """Clock cycles of the active cells of all tiles."""
    return sum(m.stratum.size * m.stratum.rows * m.stratum.cols * m.cycles for m in measured)
