"""How long the exact energy of a whole network takes: every tile, every cycle, every cell of the array."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wattloop.activity.backend import ActivityBackend
from wattloop.activity.bitparallel import icarus
from wattloop.activity.bitparallel.backend import BitparallelBackend
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.bitparallel.execute import default_threads
from wattloop.activity.bitparallel.mac_vectors import shortened
from wattloop.activity.sources import tile_stimulus
from wattloop.arith.layer import LayerTrace
from wattloop.arith.tiling import tile_count
from wattloop.errors import ConfigError
from wattloop.flow.machine import forget_peak, machine, peak_rss_mb, seconds
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.power.energy_table import EnergyTable
from wattloop.power.survey import Survey, TracedNetwork
from wattloop.power.table_profiler import TableProfiler
from wattloop.power.tile_energies import run_at
from wattloop.power.tile_meter import TileMeter
from wattloop.power.tile_sample import sample_tiles
from wattloop.store import Store

Numbers = dict[str, float | int | str]

_TABLE_PRECISION = 0.01
_ICARUS_LANES = 32  # cells of a tile that Icarus is given, of those in use and of the others


@dataclass(frozen=True)
class Scope:
    """What is measured.

    Attributes:
        images: test images.
        runs: of each exact simulation; the best counts.
        delay_step_ps: grid of `exact_timed_s_per_image`.
        tables: time the tables, too.
        icarus: time Icarus on a few cells, too.
    """

    images: int = 1
    runs: int = 3
    delay_step_ps: float = 1.0
    tables: bool = True
    icarus: bool = True

    def __post_init__(self) -> None:
        if self.images < 1 or self.runs < 1:
            raise ConfigError(f"images = {self.images}, runs = {self.runs}: at least 1 of each is needed")


def bench_network(
    settings: Settings, scope: Scope | None = None, *, store: Store | None = None, progress: Progress = SILENT
) -> Numbers:
    """Every figure of `wattloop bench network`, on the convolutions of the settings' network.

    Exact means: all tiles of the images, load, stream, skew and drain, idle cells included, up to the energy of each
    tile.

    Args:
        settings: hardware, network and its data.
        scope: how much is measured.
        store: cache.
        progress: told of every step.

    Raises:
        ToolError: a tool is missing or failed.
    """
    from wattloop.nn.trace import trace

    scope, store = scope or Scope(), store or Store()
    simulator = Simulator.of(settings, store=store, progress=progress)
    netlist, spec = simulator.cell.netlist, settings.hardware.array
    trained = trained_network(settings, store=store, progress=progress)
    with progress.step(f"tracing {scope.images} images"):
        traced = trace(trained.network, trained.dataset.test.images[: scope.images])
    traces = [each for each in traced if each.layer.kind == "conv"]
    found: Numbers = {"network": settings.network.title, "netlist": netlist.name, "images": scope.images}
    found |= {"layers": len(traces), "threads": default_threads(), **machine(), **_size(traces, spec)}
    forget_peak()
    for key, title, timing in (
        ("exact_zero", "settled toggles", None),
        ("exact_timed", f"glitches on a {scope.delay_step_ps:g} ps grid", Timing(scope.delay_step_ps)),
        ("exact_timed_default_grid", "glitches on the default grid", Timing()),
    ):
        with progress.step(f"simulating all tiles: {title}"):
            found |= _exact(key, simulator, traces, _backend(timing), scope)
    if scope.tables:
        with progress.step("sampling the tables"):
            found |= _tables("table", simulator, traces, _backend(Timing(scope.delay_step_ps)))
            found |= _tables("table_zero", simulator, traces, _backend(None))
            found["table_statistics"] = settings.characterize.statistics
    found["peak_rss_mb"] = peak_rss_mb()
    if scope.icarus:
        with progress.step("timing Icarus on a few cells"):
            found |= _icarus(netlist, spec, traces, scope)
    return found | {"load_average_after": os.getloadavg()[0]}


def _backend(timing: Timing | None) -> BitparallelBackend:
    return BitparallelBackend("bitparallel" if timing is None else "bitparallel-timed", timing)


def _size(traces: Sequence[LayerTrace], spec: ArraySpec) -> Numbers:
    """Work of one image."""
    images = traces[0].images
    strata = [stratum for trace in traces for stratum in sample_tiles(trace, spec, None, 0)]
    cycles = sum(s.size * spec.rows * spec.cols * spec.cycles_of(s.pixels) for s in strata)
    used = sum(s.size * s.rows * s.cols * spec.cycles_of(s.pixels) for s in strata)
    return {
        "macs_per_image": sum(trace.layer.geometry.macs for trace in traces),
        "tiles_per_image": sum(tile_count(trace, spec) for trace in traces) // images,
        "pe_cycles_per_image": cycles // images,
        "used_pe_cycles_per_image": used // images,
    }


def _exact(
    key: str, simulator: Simulator, traces: Sequence[LayerTrace], backend: BitparallelBackend, scope: Scope
) -> Numbers:
    """Wall and processor time of all tiles, and what they cost; "further" is an image that finds the weights known."""
    hardware = simulator.hardware
    meter = TileMeter(simulator.cell.netlist, hardware.array, backend, hardware.clock_ps, hardware.load, idle=True)
    survey = Survey(TracedNetwork.of(traces), meter)
    total_fj = 0.0

    def simulate() -> None:
        nonlocal total_fj
        found = survey.fixed(None, 0, 0.95)
        total_fj = sum(float(tiles.by("datapath").sum()) for layer in found.layers for tiles in layer)

    def afresh() -> None:
        backend.forget_weights()
        simulate()

    simulate()  # kernels compiled, programs built
    walls, processors = zip(*(_timed(afresh) for _ in range(scope.runs)), strict=True)
    further = min(seconds(simulate) for _ in range(scope.runs))
    macs = sum(trace.layer.geometry.macs for trace in traces) * scope.images
    return {
        f"{key}_s_per_image": min(walls) / scope.images,
        f"{key}_cpu_s_per_image": min(processors) / scope.images,
        f"{key}_further_s_per_image": further / scope.images,
        f"{key}_dynamic_fj_per_mac": total_fj / macs,
    }


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and of all processors together."""
    before = time.process_time()
    return seconds(work), time.process_time() - before


def _tables(key: str, simulator: Simulator, traces: Sequence[LayerTrace], backend: ActivityBackend) -> Numbers:
    """Tables of all layers and weights, statistics included, computed anew."""
    hardware, chosen = simulator.hardware, simulator.characterize
    effort = replace(chosen.effort, precision=_TABLE_PRECISION)
    profiler = TableProfiler(
        simulator.cell.netlist,
        hardware.array,
        backend,
        kind=simulator.kind,
        effort=effort,
        tiles=chosen.tiles,
        clock_ps=hardware.clock_ps,
        load=hardware.load,
    )
    tables, before = dict[str, EnergyTable](), time.process_time()
    taken = seconds(lambda: tables.update(profiler(traces).tables))
    errors = [np.max(table.standard_error_fj / table.dynamic_fj) for table in tables.values()]
    return {
        f"{key}_s": taken,
        f"{key}_cpu_s": time.process_time() - before,
        f"{key}_worst_standard_error": float(max(errors)),
    }


def _icarus(netlist: Netlist, spec: ArraySpec, traces: Sequence[LayerTrace], scope: Scope) -> Numbers:
    """What Icarus would take for an image: cells of one tile, in use and idle, times how many there are.

    The network's median layer, by work, stands for all.
    """
    trace = sorted(traces, key=lambda each: each.layer.geometry.macs)[len(traces) // 2]
    stratum = max(sample_tiles(trace, spec, None, 0), key=lambda each: each.size * each.rows * each.cols)
    streams = [run_at(trace, spec, stratum.chosen[len(stratum.chosen) // 2]).streams(spec)]
    engine = Engine(netlist, Timing(scope.delay_step_ps))
    taken: dict[bool, float] = {}
    for idle in (False, True):
        if idle and (stratum.rows, stratum.cols) == (spec.rows, spec.cols):
            taken[idle] = 0.0
            continue
        few = shortened(tile_stimulus(spec.mac, streams, stratum.rows, stratum.cols, idle=idle), _ICARUS_LANES)
        if engine.steps is None:
            raise ConfigError("the engine has no delays")
        with tempfile.TemporaryDirectory(prefix="wattloop-") as folder:
            seen = icarus.simulate(netlist, engine.circuit, engine.steps, few, Path(folder), one_assign=True)
        taken[idle] = seen.seconds / (few.lanes * (few.steps - 1))
    size = {name: float(value) for name, value in _size(traces, spec).items()}
    used, whole = size["used_pe_cycles_per_image"], size["pe_cycles_per_image"]
    return {
        "icarus_s_per_image_extrapolated": used * taken[False] + (whole - used) * taken[True],
        "icarus_used_pe_cycles_per_s": 1 / taken[False],
        "icarus_layer": trace.layer.name,
    }
