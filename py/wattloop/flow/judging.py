"""What a delay bound is worth to a compressed network: a supply, and whether real tiles keep to the bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from wattloop.arith.layer import LayerTrace
from wattloop.compression.bound_facts import BoundFacts, Judged, TileCheck
from wattloop.compression.energies import ACCOUNTINGS, NetworkEnergies, saving
from wattloop.flow.estimation import tracer
from wattloop.flow.measure_settings import MeasureSettings
from wattloop.flow.supply_settings import SupplySettings
from wattloop.flow.timed import Timed
from wattloop.power.delay_laws import DelayLaw
from wattloop.power.oracle import IDENTITY, HardwareMapping
from wattloop.power.tile_energies import run_at
from wattloop.power.tile_sample import sample_tiles
from wattloop.power.voltage import Supply
from wattloop.timing.promise import Held, Promise
from wattloop.timing.tiles import COLUMNS, TileTiming, late_transitions

if TYPE_CHECKING:
    from wattloop.nn.network import QuantizedNetwork

Images = npt.NDArray[np.uint8]
Mappings = Mapping[str, HardwareMapping]

MOST_LISTED = 1000
"""Late transitions of a network that are listed; all are counted."""

_BY_PE = {"layer": pl.String, "row": pl.Int64, "col": pl.Int64, "late": pl.Int64, "latest_ps": pl.Float64}
_LATE = {"layer": pl.String} | {name: pl.Float64 if name == "settling_ps" else pl.Int64 for name in COLUMNS}


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges networks whose layers in scope were held to a delay bound; see `compression.run.Judge`.

    Attributes:
        timed: the cell.
        bound_ps: what values were chosen for.
        whole: whether linear layers are in scope, too.
        supply: how far the supply falls.
        images: test images, raw pixels.
        settings: which of their tiles are timed.
    """

    timed: Timed
    bound_ps: float
    whole: bool
    supply: SupplySettings
    images: Images
    settings: MeasureSettings

    def __call__(
        self, network: QuantizedNetwork, mappings: Mappings, int8: NetworkEnergies, found: NetworkEnergies
    ) -> Judged:
        """Supply, savings at it, and late transitions of real tiles."""
        traces = self._traces(network)
        seen = list(self._seen(traces, mappings))
        promise = self.timed.promises.with_layers(_held(network, traces, mappings))
        settling_ps = max(promise.settling_ps, *(one.timing.latest_ps for one in seen))
        supply = self._supply(settling_ps)
        facts = replace(
            savings_at(supply, int8, found),
            settling_ps=settling_ps,
            needed_ps=self._needed_ps(settling_ps),
            supply_v=supply.voltage_v,
            unselected_supply_v=self._unselected.voltage_v,
            supply_origin=f"{_words(promise)}; {supply.origin}",
            late_transitions=sum(one.timing.late for one in seen),
            timed_tiles=sum(one.timing.tiles for one in seen),
        )
        return Judged(facts, TileCheck(_by_pe(seen), _late(seen)))

    @cached_property
    def law(self) -> DelayLaw:
        """How delay follows the supply.

        Raises:
            ConfigError: the settings have none for the library.
        """
        return self.supply.delay_law(self.timed.timer.cell.netlist.library.voltage_v)

    def _needed_ps(self, settling_ps: float) -> float:
        return settling_ps * self.timed.correction + self.timed.timer.setup_ps

    def _supply(self, settling_ps: float) -> Supply:
        clock_ps = self.timed.timer.settings.hardware.clock_ps
        return self.supply.supply(self.law, self._needed_ps(settling_ps), clock_ps)

    @cached_property
    def _unselected(self) -> Supply:
        return self._supply(self.timed.promises.whole.settling_ps)

    def _traces(self, network: QuantizedNetwork) -> list[LayerTrace]:
        names = [name for name, layer in network.layers.items() if self.whole or layer.kind == "conv"]
        images = self.images[: self.settings.timed_images]
        return tracer(network, images, self.timed.timer.settings.hardware.array.mac, names)(range(len(images)))

    def _seen(self, traces: Sequence[LayerTrace], mappings: Mappings) -> Iterator[_Seen]:
        """Tiles of each layer, those of one shape together."""
        timer, settings = self.timed.timer, self.settings
        spec = timer.settings.hardware.array
        with timer.progress.step(f"timing tiles against {self.bound_ps:g} ps") as step:
            for number, trace in enumerate(traces):
                mapping = mappings.get(trace.layer.name, IDENTITY)
                for some in sample_tiles(trace, spec, settings.timed_tiles_of_layer, settings.seed):
                    if some.chosen:
                        runs = [run_at(trace, spec, index, mapping) for index in some.chosen]
                        timing = late_transitions(timer.engine, spec, runs, self.bound_ps, most=MOST_LISTED)
                        yield _Seen(trace.layer.name, np.array(some.chosen), timing)
                step(number + 1, len(traces))


@dataclass(frozen=True, eq=False)
class _Seen:
    """Tiles of a layer, their numbers in its trace, and when they settled."""

    layer: str
    numbers: npt.NDArray[np.int64]
    timing: TileTiming


def savings_at(supply: Supply, int8: NetworkEnergies, found: NetworkEnergies) -> BoundFacts:
    """Savings of the convolutions by accounting, those of `found` at a supply, against int8 at the nominal one."""
    after = {name: supply.dynamic_factor * found.fj(name) for name in ACCOUNTINGS}
    parts = (layer.by_tiles.energy for layer in found.layers if layer.kind == "conv")
    after["total"] = sum(supply.scaled(part).total_fj for part in parts)
    saved = {name: saving(int8.fj(name), fj)[0] for name, fj in after.items()}
    return BoundFacts(
        datapath_saving_at_supply=saved["datapath"],
        total_saving_at_supply=saved["total"],
        functional_saving_at_supply=saved["functional"],
        array_saving_at_supply=saved["array"],
    )


def _held(network: QuantizedNetwork, traces: Sequence[LayerTrace], mappings: Mappings) -> Iterator[Held]:
    """What each layer brings to the array, its weights as they are laid onto it."""
    from wattloop.nn.input_codes import input_codes_of

    for layer in (trace.layer for trace in traces):
        laid = mappings.get(layer.name, IDENTITY).negated(layer.weight, layer.name)
        yield Held(laid, input_codes_of(network, layer.name))


def _words(promise: Promise) -> str:
    return (
        f"settled by {promise.settling_ps:g} ps for all partial sums (weights held {promise.streaming_ps:g}, being"
        f" loaded {promise.loading_ps:g})"
    )


def _by_pe(seen: Sequence[_Seen]) -> pl.DataFrame:
    rows = []
    for one in seen:
        for row, col in np.argwhere(one.timing.late_by_pe).tolist():
            found = (int(one.timing.late_by_pe[row, col]), float(one.timing.latest_by_pe_ps[row, col]))
            rows.append((one.layer, row, col, *found))
    whole = pl.DataFrame(rows, schema=_BY_PE, orient="row")
    together = whole.group_by("layer", "row", "col", maintain_order=True)
    return together.agg(pl.col("late").sum(), pl.col("latest_ps").max())


def _late(seen: Sequence[_Seen]) -> pl.DataFrame:
    frames = []
    for one in seen:
        tile = one.numbers[one.timing.listed["tile"].astype(np.int64)]
        frame = pl.DataFrame(dict(one.timing.listed) | {"tile": tile, "layer": [one.layer] * len(tile)})
        frames.append(frame.select(pl.col(name).cast(kind) for name, kind in _LATE.items()))
    whole = pl.concat([pl.DataFrame(schema=_LATE), *frames])
    return whole.sort("settling_ps", descending=True, maintain_order=True).head(MOST_LISTED)
