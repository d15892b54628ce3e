"""One cell of an exploration: its figures, and the energies of the same layers on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import backend
from wattloop.arith.layer import LayerTrace
from wattloop.arith.representable import changed_shares, fitted
from wattloop.compression.mapping.filters import channels, cheaper_signs, cheapest_offset
from wattloop.errors import ConfigError
from wattloop.flow.progress import Progress, Step
from wattloop.flow.simulator import Simulator
from wattloop.gates.multipliers import multiplier
from wattloop.gates.opensta import opensta_slack
from wattloop.gates.spec import MacSpec
from wattloop.power.edge import preload_fj
from wattloop.power.exploration import LayerOnTemplate, TemplateHardware
from wattloop.power.oracle import HardwareMapping
from wattloop.power.tile_energies import TileEnergies, breakdown, total_fj
from wattloop.power.tile_oracle import TileOracle
from wattloop.store import content_key

Int8 = npt.NDArray[np.int8]

# Part of the cache key: raise it when what is measured changes in a way that neither a setting nor the simulator shows.
_VERSION = 3
_FIGURES = "figures.json"
# Tiles that an offset of the partial sums is chosen on.
_OFFSET_TILES = 2
_WEIGHT_BITS = 8


@dataclass(frozen=True, eq=False)
class _Laid:
    """A layer as it is laid onto the array: its weights, what enters row 0, and which filters run negated."""

    layer: str
    weight: Int8
    psum_offset: int = 0
    flipped_filters: tuple[int, ...] = ()

    @property
    def mapping(self) -> HardwareMapping:
        return HardwareMapping(psum_offset=self.psum_offset, flipped_filters=self.flipped_filters)


def _weight(oracle: TileOracle, name: str) -> Int8:
    return oracle.traces[name].layer.weight


@dataclass(frozen=True, eq=False)
class Candidate:
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

    @property
    def _title(self) -> str:
        own = self.simulator.hardware.own_mac
        return multiplier(self.mac.multiplier).title if own is None else "as the files of hardware.own_mac say"

    def figures(self, traces: Sequence[LayerTrace]) -> TemplateHardware:
        """Area and timing, and what the cell cannot hold of the layers."""
        synthesis, clock_ps = self.simulator.cell.synthesis, self.simulator.hardware.clock_ps
        netlist, timing = synthesis.netlist, synthesis.timing
        signoff = opensta_slack(netlist, clock_ps=clock_ps, context=timing.context)
        array = replace(self.simulator.hardware.array, psum_preload=True)
        preload = preload_fj(netlist, array, clock_ps=clock_ps, load=self.simulator.hardware.load)
        changed_weights, changed_inputs = changed_shares(traces, self.mac)
        return TemplateHardware(
            name=self.name,
            module=netlist.name,
            multiplier=self._title,
            cells=len(netlist.instances),
            area_um2=netlist.area_um2,
            arrival_ps=timing.arrival_ps,
            setup_ps=timing.setup_ps,
            slack_ps=timing.slack_ps,
            opensta_slack_ps=None if signoff is None else signoff.slack_ps,
            preload_fj=preload.total_fj / (array.rows * array.cols),
            changed_weights=changed_weights,
            changed_inputs=changed_inputs,
        )

    def explored(
        self, pairs: Sequence[tuple[LayerTrace, LayerTrace]], progress: Progress
    ) -> tuple[list[LayerOnTemplate], dict[int, float]]:
        """Energies of the layers, and E(w) on the last of them; from the cache where they were measured before."""
        key = content_key(_VERSION, self.simulator.key, self.simulator.estimate, self.mapped, list(pairs))

        def build(folder: Path) -> None:
            with progress.step(f"pricing {self.name}") as step:
                rows, curve = self._priced(pairs, step)
            figures = {"rows": [asdict(row) for row in rows], "curve": [[w, e] for w, e in curve.items()]}
            (folder / _FIGURES).write_text(json.dumps(figures))

        def read(folder: Path) -> tuple[list[LayerOnTemplate], dict[int, float]]:
            figures = json.loads((folder / _FIGURES).read_text())
            return [LayerOnTemplate(**row) for row in figures["rows"]], {int(w): e for w, e in figures["curve"]}

        rows, curve = self.simulator.store.load("exploration", key, build, read)
        return [replace(row, template=self.name) for row in rows], curve

    def _priced(
        self, pairs: Sequence[tuple[LayerTrace, LayerTrace]], step: Step
    ) -> tuple[list[LayerOnTemplate], dict[int, float]]:
        before, after = ([fitted(pair[k], self.mac).trace for pair in pairs] for k in (0, 1))
        stages = {"int8": self._oracle(before), "compressed": self._oracle(after)}
        quick = replace(stages["compressed"], backend=backend("bitparallel"), tiles=_OFFSET_TILES, idle=False)
        rows: list[LayerOnTemplate] = []
        for done, name in enumerate(stages["int8"].layers, start=1):
            rows += [self._row(stage, oracle, _Laid(name, _weight(oracle, name))) for stage, oracle in stages.items()]
            if self.mapped:
                rows.append(self._row("mapped", stages["compressed"], self._cheapest(quick, name)))
            step(done, len(pairs))
        return rows, self._curve(before[-1])

    def _cheapest(self, quick: TileOracle, name: str) -> _Laid:
        """The layer with the signs of its filters and the offset of its partial sums that cost least."""
        weight = _weight(quick, name)
        flipped = cheaper_signs(weight, self.simulator.tables([quick.traces[name]]).value_energy_fj(name))
        signed = HardwareMapping(flipped_filters=channels(flipped))
        return _Laid(name, weight, cheapest_offset(quick, name, weight, mapping=signed), channels(flipped))

    def _row(self, stage: str, oracle: TileOracle, laid: _Laid) -> LayerOnTemplate:
        trace = oracle.traces[laid.layer]
        measured = oracle.simulate(laid.layer, laid.weight, laid.mapping)
        origins, datapath = breakdown(measured), total_fj(measured, "datapath")
        if any(part.accounting != "datapath" for part in measured):
            raise ConfigError(
                f"explore.simulator = {oracle.backend.name!r} sees no glitches, which decide between cells:"
                " use bitparallel-timed"
            )
        return LayerOnTemplate(
            template=self.name,
            layer=laid.layer,
            stage=stage,
            macs=trace.layer.geometry.macs,
            pe_cycles=_pe_cycles(measured) // trace.images,
            datapath_fj=datapath.total / trace.images,
            functional_fj=total_fj(measured, "functional").total / trace.images,
            clock_fj=origins.clock_fj / trace.images,
            leakage_fj=origins.leakage_fj / trace.images,
            idle_fj=total_fj(measured, "idle").total / trace.images,
            error_fj=datapath.error / trace.images,
            psum_offset=laid.psum_offset,
            flipped_filters=len(laid.flipped_filters),
        )

    def _oracle(self, traces: Sequence[LayerTrace]) -> TileOracle:
        return replace(self.simulator.tiles(traces), idle=True)

    def _curve(self, trace: LayerTrace) -> dict[int, float]:
        """E(w) of every weight value that the cell can hold, on the scale of 8 bits."""
        table = self.simulator.tables([trace]).tables[trace.layer.name]
        weights = table.weights << (_WEIGHT_BITS - self.mac.weight_bits)
        return dict(zip(weights.tolist(), table.dynamic_fj.tolist(), strict=True))


def _pe_cycles(measured: Sequence[TileEnergies]) -> int:
    """Clock cycles of the active cells of all tiles."""
    return sum(m.stratum.size * m.stratum.rows * m.stratum.cols * m.cycles for m in measured)
