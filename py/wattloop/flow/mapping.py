"""From settings to layers laid onto the array at less cost: chosen on training images, measured on test images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import chain

from wattloop.activity.backend import backend
from wattloop.arith.layer import LayerTrace
from wattloop.arith.mapping import HardwareMapping
from wattloop.compression.mapping.archive import save_mappings
from wattloop.compression.mapping.choose import choose_mappings
from wattloop.compression.mapping.options import MappingOptions
from wattloop.compression.mapping.remembered import Remembered
from wattloop.compression.one_shot import one_shot
from wattloop.flow.estimation import tracer
from wattloop.flow.fitting import fit_facts
from wattloop.flow.inputs import check_inputs
from wattloop.flow.mapping_settings import MappingSettings
from wattloop.flow.preload import preload_fj_of
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import Trained, trained_network
from wattloop.power.oracle import IDENTITY, EnergyOracle
from wattloop.power.survey import Survey, TracedNetwork
from wattloop.power.tile_energies import TileEnergies, total_fj
from wattloop.power.tile_oracle import TileOracle
from wattloop.runs import Run
from wattloop.store import Store

MAPPING, SAVINGS = "mapping.json", "savings.json"
AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Measured:
    """The convolutions laid onto the array in one way; fJ per image, savings against the layers as they are.

    Attributes:
        option: what the mapping uses.
        layer: a layer, or "all".
        datapath_fj, total_fj, functional_fj, array_fj: by each accounting.
        datapath_saving, total_saving, functional_saving, array_saving: fractions.
        datapath_error_fj: standard error; 0 where all tiles ran.
        preload_fj: clock and leakage of the registers that hold the offsets, beside the array and in none of the above;
            0 where there are no offsets.
    """

    option: str
    layer: str
    datapath_fj: float
    total_fj: float
    functional_fj: float
    array_fj: float
    datapath_saving: float
    total_saving: float
    functional_saving: float
    array_saving: float
    datapath_error_fj: float
    preload_fj: float


@dataclass(frozen=True)
class MappingReport:
    """What mappings save.

    Attributes:
        rows: of all convolutions together and of each, option by option.
        images: test images.
        tiles: simulated tiles of each layer, or "all".
        mappings: of the option "all", by layer.
    """

    rows: tuple[Measured, ...]
    images: int
    tiles: int | str
    mappings: Mapping[str, HardwareMapping]


def mapping_flow(
    settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT
) -> MappingReport:
    """Choose mappings and measure them; the run gets `mapping.json`, `savings.json` and the report.

    The array gets registers for offsets (`psum_preload`), which its cells' energy does not depend on.

    Args:
        settings: hardware, network and `mapping`.
        run: where results go.
        store: cache.
        progress: told of every step.

    Raises:
        OverflowRangeError: a layer does not fit the array's partial sums.
    """
    check_inputs(settings, progress)
    hardware = replace(settings.hardware, array=replace(settings.hardware.array, psum_preload=True))
    with Simulator.working(replace(settings, hardware=hardware), store=store, progress=progress) as simulator:
        run.facts |= simulator.cell.facts
        trained = trained_network(settings, store=store, progress=progress)
        bench = _Bench(settings, simulator, trained, progress)
        run.facts |= fit_facts(bench.as_trained, hardware.array.mac, progress)
        run.facts |= {"network key": trained.key, "simulator": settings.mapping.simulator}
        found = bench.report()
    save_mappings(run.folder / MAPPING, found.mappings)
    run.write(SAVINGS, json.dumps({"rows": [asdict(row) for row in found.rows]}, indent=1) + "\n")
    report(run, progress)
    return found


def on_few_tiles(simulator: Simulator, traces: Sequence[LayerTrace], chosen: MappingSettings, by: str) -> TileOracle:
    """What measures filters on the tiles that mappings are chosen on; `by` is who simulates."""
    return replace(simulator.tiles(traces), backend=backend(by), tiles=chosen.chosen_tiles, seed=chosen.seed)


class _Bench:
    """One network on one array."""

    def __init__(self, settings: Settings, simulator: Simulator, trained: Trained, progress: Progress) -> None:
        from wattloop.nn.trace import trace

        self._chosen, self._simulator, self._progress = settings.mapping, simulator, progress
        data, mac = trained.dataset, settings.hardware.array.mac
        names = [name for name, layer in trained.network.layers.items() if layer.kind == "conv"]
        seen = data.train.images[: self._chosen.chosen_images]
        self.as_trained = trace(trained.network, seen[:1], layers=names)
        part = tracer(trained.network, seen, mac, names)
        self._train = [self._laid(one) for one in part(range(len(seen)))]
        shown = data.test.images[: self._chosen.images]
        test = tracer(trained.network, shown, mac, names)
        layers = [one.layer for one in self._train]
        weights = {layer.name: layer for layer in layers}

        def traced(numbers: Sequence[int]) -> list[LayerTrace]:
            return [replace(one, layer=weights[one.layer.name]) for one in test(numbers)]

        self._network = TracedNetwork(layers, len(shown), traced)

    def report(self) -> MappingReport:
        """Everything chosen and measured."""
        before = self._measured(AS_IT_IS, {})
        rows, found = self._rows(AS_IT_IS, before, before, {}), {}
        for title, options in self._chosen.variants.items():
            found = self._choose(title, options)
            rows += self._rows(title, self._measured(title, found), before, found)
        return MappingReport(tuple(rows), self._network.images, self._chosen.tiles, found)

    def _laid(self, trace: LayerTrace) -> LayerTrace:
        if not self._chosen.one_shot:
            return trace
        weight = one_shot(trace.layer.weight, self._chosen.prune, self._chosen.values)
        return replace(trace, layer=replace(trace.layer, weight=weight))

    def _choose(self, title: str, options: MappingOptions) -> dict[str, HardwareMapping]:
        tables: EnergyOracle | None = self._simulator.tables(self._train) if options.signs == "values" else None
        with self._progress.step(f"choosing {title}") as step:
            return choose_mappings(self._train, {}, tables, self._chooser, options, step, self._judge)

    @cached_property
    def _chooser(self) -> Remembered:
        return Remembered(on_few_tiles(self._simulator, self._train, self._chosen, self._chosen.chooser))

    @cached_property
    def _judge(self) -> Remembered:
        return Remembered(on_few_tiles(self._simulator, self._train, self._chosen, self._chosen.judge))

    def _measured(self, title: str, mappings: Mapping[str, HardwareMapping]) -> list[Sequence[TileEnergies]]:
        chosen = self._chosen
        meter = self._simulator.meter(backend(chosen.simulator))
        with self._progress.step(f"simulating {title}") as step:
            survey = Survey(self._network, meter, step, mappings)
            return list(survey.fixed(chosen.tiles_of_layer, chosen.seed, 0.95).layers)

    def _rows(
        self,
        title: str,
        after: list[Sequence[TileEnergies]],
        before: list[Sequence[TileEnergies]],
        mappings: Mapping[str, HardwareMapping],
    ) -> list[Measured]:
        layers = list(self._network.layers)
        preload = [preload_fj_of(self._simulator, layer, mappings.get(layer.name, IDENTITY)) for layer in layers]
        whole = _row(title, "all", list(chain(*after)), list(chain(*before)), self._network.images)
        rows = [replace(whole, preload_fj=sum(preload))]
        for layer, one, other, edge in zip(layers, after, before, preload, strict=True):
            rows.append(replace(_row(title, layer.name, one, other, self._network.images), preload_fj=edge))
        return rows


def _row(
    title: str, layer: str, after: Sequence[TileEnergies], before: Sequence[TileEnergies], images: int
) -> Measured:
    names = ("datapath", "total", "functional", "array")
    new, old = ({name: total_fj(part, name) for name in names} for part in (after, before))
    return Measured(
        option=title,
        layer=layer,
        **{f"{name}_fj": new[name].total / images for name in names},
        **{f"{name}_saving": 1 - new[name].total / (old[name].total or 1.0) for name in names},
        datapath_error_fj=new["datapath"].error / images,
        preload_fj=0.0,
    )
