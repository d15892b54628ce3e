"""When the MAC cell has settled: delay profiles by weight, and real tiles against a bound."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl

from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.tiles import TileRun
from wattloop.arith.statistics import collect
from wattloop.errors import NetlistError, ToolError
from wattloop.flow.estimation import tracer
from wattloop.flow.hardware import Hardware, build_hardware
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import Settings
from wattloop.flow.training import trained_network
from wattloop.gates.loads import neighbour_ports
from wattloop.gates.opensta import opensta_slack
from wattloop.gates.timing import critical_path, longest_setup_ps
from wattloop.runs import Run
from wattloop.store import Store
from wattloop.timing.profile import DelayProfile, Method
from wattloop.timing.profiler import Profiler, uniform_psums
from wattloop.timing.summary import MethodTiming, histogram_rows, summary, weight_rows
from wattloop.timing.tiles import TileTiming, late_transitions
from wattloop.timing.transitions import Int32, activation_values

FOLDER = "timing"
ABSENT = "not installed (Debian's package opensta)"
_APART: Method = "multiplier"  # times the multiplier of a cell that keeps it apart


@dataclass(frozen=True, eq=False)
class CellTimer:
    """The cell of the settings, and when it settles.

    Attributes:
        settings: the hardware and `timing`; the network where partial sums are those of a layer.
        store: cache.
        progress: told of every step.
    """

    settings: Settings
    store: Store = field(default_factory=Store)
    progress: Progress = SILENT

    @cached_property
    def cell(self) -> Hardware:
        """The cell in gates."""
        return build_hardware(self.settings.hardware, store=self.store, progress=self.progress)

    @cached_property
    def apart(self) -> Hardware:
        """The same cell with the multiplier mapped apart, for the method that times the multiplier alone.

        It has no bypass, by which operands would get round the product. A user's cell is timed as it is, where its
        netlist has nets `product` that nothing gets round.
        """
        hardware = self.settings.hardware
        if hardware.own_mac is not None:
            return self.cell
        mac = replace(hardware.array.mac, multiplier="hierarchical")
        mac = replace(mac, bypass_zero_weight=False, bypass_zero_activation=False)
        array = replace(hardware.array, mac=mac)
        return build_hardware(replace(hardware, array=array), store=self.store, progress=self.progress)

    @cached_property
    def engine(self) -> Engine:
        """The cell with delays."""
        return Engine(self.cell.netlist, self.settings.timing.engine)

    @cached_property
    def setup_ps(self) -> float:
        """The longest set-up time of the cell's registers."""
        return longest_setup_ps(self.cell.netlist, load=self.settings.timing.load)

    @property
    def bound_ps(self) -> float:
        """The latest allowed settling time: as given, else the period less the set-up time."""
        given = self.settings.timing.bound_ps
        return self.settings.hardware.clock_ps - self.setup_ps if given is None else given

    def profile(self, method: Method) -> DelayProfile:
        """Settling times of all weights over all transitions of the activation.

        Raises:
            ConfigError: the grid is too fine.
            ModelError: no such layer.
        """
        apart = method == _APART
        hardware = self.apart if apart else self.cell
        engine = Engine(hardware.netlist, self.settings.timing.engine) if apart else self.engine
        psums = self._psums if method == "sampled" else None
        with self.progress.step(f"timing {hardware.netlist.name}, {method}") as step:
            profiler = Profiler(engine, hardware.settings.array.mac, step)
            if psums is not None:
                return profiler.sampled(psums)
            return self._of_multiplier(profiler) if apart else profiler.worst()

    def _of_multiplier(self, profiler: Profiler) -> DelayProfile:
        own = self.settings.hardware.own_mac
        try:
            return profiler.multiplier()
        except NetlistError as error:
            if own is None:
                raise
            raise NetlistError(f"{own.module} has no multiplier apart ({error}), or take another method") from error

    def methods(self) -> tuple[Method, ...]:
        """Those of the settings; of a user's cell whose product is no number of its own, those that need none."""
        chosen = self.settings.timing.methods
        if self.settings.hardware.own_mac is None or chosen == (_APART,):
            return chosen
        try:
            _ = Profiler(self.engine, self.settings.hardware.array.mac).paths.product
        except NetlistError:
            self.progress.tell("the product is no number of its own in this cell: its multiplier is not timed apart")
            return tuple(method for method in chosen if method != _APART)
        return chosen

    def tiles(self, tiles: Sequence[TileRun], bound_ps: float | None = None, *, most: int = 1000) -> TileTiming:
        """Which transitions of real tiles settle after a bound (that of the settings where none is given)."""
        bound = self.bound_ps if bound_ps is None else bound_ps
        with self.progress.step(f"timing {len(tiles)} tiles") as step:
            return late_transitions(self.engine, self.settings.hardware.array, tiles, bound, most=most, progress=step)

    @cached_property
    def _psums(self) -> Int32:
        chosen, mac = self.settings.timing, self.settings.hardware.array.mac
        if chosen.layer is None:
            return uniform_psums(mac, chosen.samples, chosen.seed)
        trained = trained_network(self.settings, store=self.store, progress=self.progress)
        images = trained.dataset.train.images[: self.settings.characterize.images]
        (trace,) = tracer(trained.network, images, mac, [chosen.layer])(range(len(images)))
        tiles = self.settings.characterize.tiles
        with self.progress.step(f"collecting the partial sums of {chosen.layer}") as step:
            seen = collect(trace, self.settings.hardware.array, tiles=tiles, seed=chosen.seed, progress=step)
        lanes = len(activation_values(mac)) ** 2
        _, _, before, after = seen.sample(chosen.samples * lanes, np.random.default_rng(chosen.seed))
        return np.stack([before.reshape(-1, lanes), after.reshape(-1, lanes)], axis=1).astype(np.int32)


@dataclass(frozen=True)
class TimingSummary:
    """What `wattloop timing` tells; times in ps after the clock edge.

    Attributes:
        netlist, library: the cell.
        clock_ps, setup_ps: period, and the longest set-up time.
        bound_ps: latest allowed settling time.
        sta_ps: arrival on the critical path by static timing, rise and fall and every arc apart.
        longest_ps: longest path over the delays that settling times are found with.
        longest_over_sta: how much longer that is, as a share.
        opensta_ps: arrival by OpenSTA, at sign-off loads; None where it was not asked.
        sta_over_opensta, longest_over_opensta: how much longer the two above are than that, as a share.
        opensta: its version, or why it was not asked.
        methods: one each.
    """

    netlist: str
    library: str
    clock_ps: float
    setup_ps: float
    bound_ps: float
    sta_ps: float
    longest_ps: float
    longest_over_sta: float
    opensta_ps: float | None
    sta_over_opensta: float | None
    longest_over_opensta: float | None
    opensta: str
    methods: tuple[MethodTiming, ...]


def timing_flow(
    settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT
) -> TimingSummary:
    """Time the cell; the run gets a profile a method, figures by weight, histograms and the report.

    Args:
        settings: hardware, `timing`, and the network where partial sums are those of a layer.
        run: where results go.
        store: cache.
        progress: told of every step.

    Raises:
        LibertyError: the library cannot build the cell.
        ModelError: no such layer.
    """
    timer = CellTimer(settings, store or Store(), progress)
    run.facts |= timer.cell.facts
    theirs, told = _opensta(timer)
    methods = _profiles(timer, run)
    static = critical_path(timer.cell.netlist, clock_ps=settings.hardware.clock_ps, load=settings.timing.load)
    longest = Profiler(timer.engine, settings.hardware.array.mac).longest_ps
    found = TimingSummary(
        timer.cell.netlist.name,
        timer.cell.netlist.library.name,
        settings.hardware.clock_ps,
        timer.setup_ps,
        timer.bound_ps,
        static.arrival_ps,
        longest,
        longest / static.arrival_ps - 1,
        theirs,
        None if theirs is None else static.arrival_ps / theirs - 1,
        None if theirs is None else longest / theirs - 1,
        told,
        methods,
    )
    times = {name: value for name, value in asdict(found).items() if name.endswith("_ps") and value is not None}
    run.facts |= {name: f"{value:.2f}" for name, value in times.items()}
    run.facts |= {"delays": str(settings.timing.engine), "opensta": told}
    report(run, progress)
    return found


def _profiles(timer: CellTimer, run: Run) -> tuple[MethodTiming, ...]:
    """Time the cell by every method of the settings; the run gets profiles and figures."""
    methods, weights, histograms = [], [], []
    for method in timer.methods():
        profile = timer.profile(method)
        profile.save(run.folder / FOLDER / f"{method}.npz")
        run.facts[f"netlist digest, {method}"] = profile.netlist
        methods.append(summary(profile, timer.bound_ps))
        weights.append(weight_rows(profile, timer.bound_ps))
        histograms.append(histogram_rows(profile))
    _write(run, "methods", pl.DataFrame([asdict(one) for one in methods]))
    _write(run, "weights", pl.concat(weights))
    _write(run, "histogram", pl.concat(histograms))
    return tuple(methods)


def _opensta(timer: CellTimer) -> tuple[float | None, str]:
    """Arrival on the critical path by OpenSTA, and its version; None and why it was not asked or does not answer."""
    if timer.settings.timing.load != "signoff":
        return None, 'not asked: it takes sign-off loads (timing.load = "signoff")'
    netlist, clock_ps = timer.cell.netlist, timer.settings.hardware.clock_ps
    with timer.progress.step("asking OpenSTA"):
        try:
            found = opensta_slack(netlist, clock_ps=clock_ps, context="array" if neighbour_ports(netlist) else "alone")
        except ToolError as error:
            return None, f"no answer: {error}"
    return (None, ABSENT) if found is None else (found.arrival_ps, found.version)


def _write(run: Run, name: str, frame: pl.DataFrame) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    run.write(f"{FOLDER}/{name}.parquet", buffer.getvalue())
