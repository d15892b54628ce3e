"""The simulator as the other rooms want it: profilers on one array, library and backend, built once."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from wattloop import resources
from wattloop.activity.backend import ActivityBackend, backend
from wattloop.arith.kinds import KINDS, SavedModel, Scope, StatisticsKind
from wattloop.arith.layer import LayerTrace
from wattloop.flow.hardware import Hardware, build_hardware
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import CharacterizeSettings, EstimateSettings, HardwareSettings, Settings
from wattloop.parallel import SERIAL, Workers
from wattloop.power.characterize import pricing_facts
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import EnergyTable
from wattloop.power.estimate import Estimate, estimated
from wattloop.power.survey import Survey, TracedNetwork
from wattloop.power.table_oracle import TableOracle
from wattloop.power.table_profiler import TableProfiler
from wattloop.power.tile_meter import TileMeter
from wattloop.power.tile_oracle import TileOracle
from wattloop.power.weight_load import LoadTable, load_table
from wattloop.store import Store, content_key

_TABLE = "table.parquet"
_LOADS = "loads.npz"
# Who counts the toggles of loading weights in place of a simulator that would take minutes for all pairs.
_NATIVE = {name: name for name in ("bitparallel", "bitparallel-timed", "bitparallel-coarse")}
_CODE = (".py", ".h", ".j2")


@functools.cache
def code_key() -> str:
    """Content key of the code that tables come from, in Python, C++ and HDL: a cached one never outlives it."""
    package = Path(__file__).resolve().parent.parent
    rooms = [package / room for room in ("arith", "gates", "activity", "power")]
    folders = [*rooms, resources.folder("rtl"), resources.folder("testbenches")]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in _CODE)
    return content_key(*(path.read_bytes() for path in files))


@dataclass(frozen=True, eq=False)
class Simulator:
    """A systolic array in gates, and how its energy is measured.

    Attributes:
        hardware: array, library, clock.
        characterize: how the tables of energy by weight value are sampled, and which backend simulates.
        estimate: which real tiles are simulated.
        store: cache of synthesis, benches and tables.
        progress: told of every step.
        workers: who does the work; the results do not depend on it.
    """

    hardware: HardwareSettings = field(default_factory=HardwareSettings)
    characterize: CharacterizeSettings = field(default_factory=CharacterizeSettings)
    estimate: EstimateSettings = field(default_factory=EstimateSettings)
    store: Store = field(default_factory=Store)
    progress: Progress = SILENT
    workers: Workers = SERIAL

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        store: Store | None = None,
        progress: Progress = SILENT,
        workers: Workers = SERIAL,
    ) -> Simulator:
        """The simulator of the settings."""
        return cls(settings.hardware, settings.characterize, settings.estimate, store or Store(), progress, workers)

    @classmethod
    @contextmanager
    def working(
        cls, settings: Settings, *, store: Store | None = None, progress: Progress = SILENT
    ) -> Iterator[Simulator]:
        """The simulator of the settings with the workers that `settings.parallel` names, while the context lasts.

        Raises:
            ConfigError: Dask is not installed.
            WorkerError: no scheduler answers.
        """
        with settings.parallel.start() as workers:
            yield cls.of(settings, store=store, progress=progress, workers=workers)

    @cached_property
    def cell(self) -> Hardware:
        """The MAC cell in gates, synthesised on first use.

        Raises:
            LibertyError: the library is unknown, damaged, or cannot build the cell.
            ToolError: Yosys is missing or failed.
        """
        return build_hardware(self.hardware, store=self.store, progress=self.progress)

    @cached_property
    def backend(self) -> ActivityBackend:
        """Who counts toggles.

        Raises:
            ConfigError: unknown.
        """
        return backend(self.characterize.simulator)

    @property
    def key(self) -> str:
        """Content key of all that its tables depend on beside the traces."""
        chosen = replace(self.characterize, layer=None, images=1)
        meaning = self.hardware.array.mac.meaning  # one's own multiplier may change it without a gate
        return content_key(code_key(), self.cell.netlist.digest, self.hardware, meaning, chosen, self.backend.name)

    @property
    def facts(self) -> Mapping[str, str]:
        """What the provenance of its tables says of all that moves their figures beside statistics and sampling."""
        hardware, spec, netlist = self.hardware, self.hardware.array, self.cell.netlist
        return pricing_facts(netlist, EnergyModel(netlist, hardware.clock_ps, hardware.load)) | {
            "array": f"{spec.rows} x {spec.cols} cells, {spec.pixels} pixels",
            "meaning": content_key(spec.mac.meaning),
            "simulator": self.backend.name,
            "delays": str(getattr(self.backend, "timing", None)),
            "code": code_key(),
        }

    def _signed(self, table: EnergyTable) -> EnergyTable:
        return replace(table, provenance={**table.provenance, **self.facts})

    def tables(self, traces: Sequence[LayerTrace]) -> TableOracle:
        """Tables of energy by weight value on the transitions of `traces`; a `Profiler`, cached by content.

        Raises:
            OverflowRangeError: a layer does not fit the array's partial sums.
        """
        profiler = self._profiler
        tables: dict[str, EnergyTable] = {}
        for scope in profiler.kind.scopes(traces):
            tables |= dict.fromkeys((trace.layer.name for trace in scope), self._table(scope))
        return profiler.oracle(traces, tables)

    def _table(self, scope: Scope) -> EnergyTable:
        chosen, first = self.characterize, scope[0].layer.name
        title = first if len(scope) == 1 else f"{first} and {len(scope) - 1} other layers together"

        def build(folder: Path) -> None:
            with self.progress.step(f"characterising {title}: {chosen.pairs} transitions of each weight") as step:
                replace(self._profiler, progress=step).table(scope).save(folder / _TABLE)

        key = content_key(self.key, scope)
        return self._signed(self.store.load("table", key, build, lambda entry: EnergyTable.load(entry / _TABLE)))

    @property
    def pooled(self) -> Simulator:
        """The same simulator with one table for all layers."""
        return replace(self, characterize=replace(self.characterize, statistics="global"))

    @property
    def kind(self) -> StatisticsKind:
        """How transitions are modelled."""
        return KINDS[self.characterize.statistics]

    def statistics(self, scope: Scope) -> SavedModel:
        """The model that the layers of a scope share: what their table rests on."""
        return self._profiler.statistics(scope)

    def characterized(self, statistics: SavedModel) -> EnergyTable:
        """A table on statistics alone, whatever layer they are of: priced as if all weights were equally frequent."""
        with self.progress.step(f"characterising {statistics.layer}") as step:
            return self._signed(replace(self._profiler, progress=step).characterized(statistics))

    @cached_property
    def loads(self) -> LoadTable:
        """Toggles of loading weights, by the native engine, which agrees with the other simulators; cached."""
        named = _NATIVE.get(self.backend.name, "bitparallel")
        netlist, mac = self.cell.netlist, self.hardware.array.mac

        def build(folder: Path) -> None:
            with self.progress.step("characterising the loading of weights"):
                load_table(netlist, mac, backend(named)).save(folder / _LOADS)

        key = content_key(code_key(), netlist.digest, mac, mac.meaning, named)
        return self.store.load("loads", key, build, lambda entry: LoadTable.load(entry / _LOADS))

    @cached_property
    def _profiler(self) -> TableProfiler:
        hardware, chosen = self.hardware, self.characterize
        return TableProfiler(
            self.cell.netlist,
            hardware.array,
            self.backend,
            kind=self.kind,
            effort=chosen.effort,
            tiles=chosen.tiles,
            loads=self.loads,
            clock_ps=hardware.clock_ps,
            load=hardware.load,
            workers=self.workers,
        )

    def tiles(self, traces: Sequence[LayerTrace]) -> TileOracle:
        """Simulation of real tiles of `traces`; a `Profiler`. Nothing is simulated before it is asked."""
        hardware, chosen = self.hardware, self.estimate
        return TileOracle(
            self.cell.netlist,
            hardware.array,
            {trace.layer.name: trace for trace in traces},
            self.backend,
            tiles=chosen.tiles_of_layer,
            seed=chosen.seed,
            clock_ps=hardware.clock_ps,
            load=hardware.load,
            workers=self.workers,
            watch=lambda layer: self.progress.step(f"simulating tiles of {layer}"),
        )

    def estimated(self, network: TracedNetwork, profiled: Sequence[LayerTrace]) -> Estimate:
        """Energy of every layer by table and by tiles of the network's images, as `estimate` says.

        Args:
            network: the layers and their images.
            profiled: traces of the same layers that tables are characterised on.

        Raises:
            OverflowRangeError: a layer does not fit the array's partial sums.
        """
        chosen, spec = self.estimate, self.hardware.array
        by_table = self.tables(profiled)
        with self.progress.step("simulating tiles") as step:
            survey = Survey(network, self.meter(self.backend, idle=self.estimate.idle), step)
            if chosen.rule is not None:
                surveyed = survey.precise(chosen.rule, chosen.seed)
            else:
                surveyed = survey.fixed(chosen.tiles_of_layer, chosen.seed, chosen.confidence)
        return estimated(network, surveyed, spec, by_table, f"tiles/{self.backend.name}", chosen.confidence)

    def meter(self, by: ActivityBackend, *, idle: bool = True) -> TileMeter:
        """Measures tiles on this hardware; `by` counts toggles, of `idle` cells too if wanted."""
        hardware = self.hardware
        return TileMeter(
            self.cell.netlist, hardware.array, by, hardware.clock_ps, hardware.load, idle=idle, workers=self.workers
        )
