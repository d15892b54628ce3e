"""How fast the activity engine is against Icarus and Verilator: one run, one netlist, the same vectors for all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wattloop.activity.bitparallel import icarus, kernels
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.bitparallel.execute import default_threads
from wattloop.activity.bitparallel.functions import library_functions
from wattloop.activity.bitparallel.limits import LANES, VECTOR_BYTES, Core, cost, measure_core, measure_scaling
from wattloop.activity.bitparallel.mac_vectors import random_vectors
from wattloop.activity.bitparallel.verilator import compile_yardstick
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import ConfigError
from wattloop.flow.hardware import build_hardware
from wattloop.flow.machine import forget_peak, machine, peak_rss_mb, seconds
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import Settings
from wattloop.flow.vectors import real_vectors
from wattloop.gates.netlist import Netlist
from wattloop.store import Store

Numbers = dict[str, float | int | str]

_RUNS = 7  # of everything but Icarus; the best counts, for all alike
_LEAST_S = 1.0  # and at least so long: other processes come and go
_SHORT = 1_000_000  # vectors of a run; without delays it takes 2 ms, a tenth of which is not shared among threads
_LONG = {"zero": 8_000_000, "timed": _SHORT}  # of a run that shows what threads gain
_PIXELS = 64  # steps of the random vectors


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        lanes: of the vectors that all engines are given.
        stream: vectors of the long stream that memory is watched over.
        delay_step_ps: grid of the timed mode.
    """

    lanes: int = 2048
    stream: int = 100_000_000
    delay_step_ps: float = 1.0

    def __post_init__(self) -> None:
        if self.lanes < 1 or self.stream < 1_000_000:
            raise ConfigError(f"lanes = {self.lanes}, stream = {self.stream}: at least 1 and 1000000 are needed")


def bench_activity(
    settings: Settings, size: Size | None = None, *, store: Store | None = None, progress: Progress = SILENT
) -> Numbers:
    """Every figure of `wattloop bench activity`; rates are vectors per second on one thread unless the key says more.

    Args:
        settings: the hardware, and the network whose layer gives the real vectors.
        size: how much is measured.
        store: cache.
        progress: told of every step.

    Raises:
        ToolError: Icarus, Verilator or Yosys is missing or failed.
    """
    size, store = size or Size(), store or Store()
    netlist = build_hardware(settings.hardware, store=store, progress=progress).netlist
    steps = _PIXELS + 1
    name, real = real_vectors(settings, size.lanes * steps, store=store, progress=progress)
    random = random_vectors(settings.hardware.array.mac, steps + 1, size.lanes)
    bench = _Bench(netlist, real, random, size, store)
    found: Numbers = {"netlist": netlist.name, "library": netlist.library.name, "nets": len(netlist.nets)}
    found |= {"real_vectors": name, "vectors": real.transitions, "delay_step_ps": size.delay_step_ps}
    found |= machine()
    for title, part in bench.parts():
        with progress.step(title):
            found |= part()
    return found | _ratios(found) | {"load_average_after": os.getloadavg()[0]}


@dataclass(frozen=True)
class _Bench:
    netlist: Netlist
    real: Stimulus
    random: Stimulus
    size: Size
    store: Store

    def parts(self) -> Iterator[tuple[str, Callable[[], Numbers]]]:
        yield "compiling the kernels", self._compilation
        yield "timing the engine", self._engine
        yield f"streaming {self.size.stream} vectors", self._memory
        yield "timing Verilator", self._verilator
        yield "timing Icarus", self._icarus

    def _new_engine(self, timed: bool, threads: int = 1) -> Engine:
        return Engine(self.netlist, Timing(self.size.delay_step_ps) if timed else None, threads)

    def _compilation(self) -> Numbers:
        """The first compile, into an empty cache; and a start with everything in the cache, to the first result."""
        wanted = library_functions(self.netlist.library) | {g.function for g in self._new_engine(False).circuit.gates}
        with tempfile.TemporaryDirectory(prefix="wattloop-") as folder:
            first = seconds(lambda: kernels.load(wanted, Store(Path(folder))))
        _ = self._new_engine(False).kernels  # compiled for good, if it was not
        kernels.forget()
        few = _shortest(self.random)
        return {
            "compile_s": first,
            "warm_start_zero_s": seconds(lambda: self._new_engine(False).measure([few])),
            "warm_start_timed_s": seconds(lambda: self._new_engine(True).measure([few])),
        }

    def _engine(self) -> Numbers:
        found: Numbers = {}
        threads = default_threads()
        core = measure_core(self._new_engine(False).kernels)
        for mode in ("zero", "timed"):
            alone, together = (self._new_engine(mode == "timed", n) for n in (1, threads))
            key = f"bitparallel_{mode}"
            rate = _rate(alone, self.real)
            found[f"{key}_vectors_per_s"] = rate
            found[f"{key}_random_vectors_per_s"] = _rate(alone, self.random)
            found[f"{key}_threads_vectors_per_s"] = _rate(together, self.real)
            long = _LONG[mode]
            found[f"{key}_long_vectors_per_s"] = _rate(alone, self.real, long)
            found[f"{key}_long_threads_vectors_per_s"] = _rate(together, self.real, long)
            found |= _limit(key, alone, core, rate)
        scaling = measure_scaling(self._new_engine(False).kernels, threads)
        return found | {"threads": threads, "threads_speedup_of_plain_arithmetic": scaling}

    def _memory(self) -> Numbers:
        """Peak memory over a short and a long stream of stimuli that exist one at a time."""
        engine = self._new_engine(False, threads=0)
        engine.measure([self.real])  # what is compiled and cached is there before
        forget_peak()
        engine.measure(_stream(self.real, 1_000_000))
        short_mb = peak_rss_mb()
        forget_peak()
        taken = seconds(lambda: engine.measure(_stream(self.real, self.size.stream)))
        return {
            "peak_rss_mb_1e6": short_mb,
            "peak_rss_mb": peak_rss_mb(),
            "stream_vectors": self.size.stream,
            "stream_vectors_per_s": self.size.stream / taken,
        }

    def _verilator(self) -> Numbers:
        found: Numbers = {}
        circuit = self._new_engine(False).circuit
        for key, counting in (("verilator_plain", False), ("verilator_toggle", True)):
            yardstick = compile_yardstick(self.netlist, circuit, counting=counting, store=self.store)
            for kind, stimulus in (("", self.real), ("random_", self.random)):
                with tempfile.TemporaryDirectory(prefix="wattloop-") as folder:
                    runs = [yardstick.run(stimulus, Path(folder))]
                    while len(runs) < _RUNS or sum(run.seconds for run in runs) < _LEAST_S:
                        runs.append(yardstick.run(stimulus, Path(folder)))
                found[f"{key}_{kind}vectors_per_s"] = max(run.vectors / run.seconds for run in runs)
        return found

    def _icarus(self) -> Numbers:
        """Its quickest form, with and without counters; and its exact form, which the error is taken against."""
        engine = self._new_engine(True)
        found: Numbers = {}
        for kind, stimulus in (("", self.real), ("random_", self.random)):
            seen = self._simulate(engine, stimulus, one_assign=True)
            found[f"icarus_timed_{kind}vectors_per_s"] = _vectors(stimulus) / seen.seconds
        bare = self._simulate(engine, self.real, one_assign=True, counting=False)
        found["icarus_timed_not_counting_vectors_per_s"] = _vectors(self.real) / bare.seconds
        exact = self._simulate(engine, self.real)
        ours = engine.measure([self.real])
        changes = ours.toggles if ours.glitches is None else ours.toggles + ours.glitches
        found["toggles_per_vector"] = int(ours.toggles.sum()) / self.real.transitions
        found["changes_per_vector"] = int(changes.sum()) / self.real.transitions
        error = int(np.abs(changes - exact.changes).sum()) / int(exact.changes.sum())
        return found | {"toggle_error_vs_icarus": error}

    def _simulate(
        self, engine: Engine, stimulus: Stimulus, *, one_assign: bool = False, counting: bool = True
    ) -> icarus.IcarusResult:
        if engine.steps is None:
            raise ConfigError("the engine has no delays")
        with tempfile.TemporaryDirectory(prefix="wattloop-") as folder:
            return icarus.simulate(
                self.netlist,
                engine.circuit,
                engine.steps,
                stimulus,
                Path(folder),
                one_assign=one_assign,
                counting=counting,
            )


def _shortest(stimulus: Stimulus) -> Stimulus:
    """The first steps and lanes of a stimulus."""
    signals = {
        name: values[:, :2, :1] if values.ndim == 3 and values.shape[1] > 1 else values[..., :1]
        for name, values in stimulus.signals.items()
    }
    return Stimulus(signals, stimulus.widths, np.array([False, True]), 1, 2, 1)


def _vectors(stimulus: Stimulus) -> int:
    """All vectors, the uncounted first steps included: every engine evaluates them."""
    return stimulus.groups * stimulus.steps * stimulus.lanes


def _rate(engine: Engine, stimulus: Stimulus, least: int = _SHORT) -> float:
    """Vectors per second, the best of several runs over the stimulus side by side with itself, `least` vectors."""
    times = -(-least // _vectors(stimulus))
    signals = {
        name: np.tile(values, (1, 1, times)) if values.ndim == 3 and values.shape[2] > 1 else values
        for name, values in stimulus.signals.items()
    }
    long = Stimulus(signals, stimulus.widths, stimulus.counted, 1, stimulus.steps, stimulus.lanes * times)
    engine.measure([long])
    taken: list[float] = []
    while len(taken) < _RUNS or sum(taken) < _LEAST_S:
        taken.append(seconds(lambda: engine.measure([long])))
    return _vectors(long) / min(taken)


def _limit(key: str, engine: Engine, core: Core, rate: float) -> Numbers:
    """Operations and bytes of a vector, and the rate at which this core could do them."""
    work = cost(engine.program(), engine.kernels)
    limit = LANES / core.least_seconds(work)
    return {
        f"{key}_operations_per_vector": (work.logic + work.counts) / LANES,
        f"{key}_bytes_per_vector": (work.loads + work.stores) * VECTOR_BYTES / LANES,
        f"{key}_limit_vectors_per_s": limit,
        f"{key}_share_of_limit": rate / limit,
    }


def _ratios(found: Numbers) -> Numbers:
    def over(top: str, bottom: str) -> float:
        return float(found[f"{top}_vectors_per_s"]) / float(found[f"{bottom}_vectors_per_s"])

    return {
        "threads_speedup": over("bitparallel_timed_long_threads", "bitparallel_timed_long"),
        "threads_speedup_zero": over("bitparallel_zero_long_threads", "bitparallel_zero_long"),
        "threads_speedup_zero_short": over("bitparallel_zero_threads", "bitparallel_zero"),
        "zero_over_verilator_toggle": over("bitparallel_zero", "verilator_toggle"),
        "zero_over_verilator_plain": over("bitparallel_zero", "verilator_plain"),
        "zero_over_verilator_toggle_random": over("bitparallel_zero_random", "verilator_toggle_random"),
        "zero_over_verilator_plain_random": over("bitparallel_zero_random", "verilator_plain_random"),
        "timed_over_icarus": over("bitparallel_timed", "icarus_timed"),
        "timed_over_icarus_random": over("bitparallel_timed_random", "icarus_timed_random"),
        "timed_over_icarus_not_counting": over("bitparallel_timed", "icarus_timed_not_counting"),
        "timed_threads_over_icarus": over("bitparallel_timed_threads", "icarus_timed"),
    }


def _stream(stimulus: Stimulus, vectors: int) -> Iterator[Stimulus]:
    """Fresh stimuli, one at a time, `vectors` in all or a few more."""
    for k in range(-(-vectors // _vectors(stimulus))):
        signals = {name: values.copy() for name, values in stimulus.signals.items()}
        signals["a_i"] ^= signals["a_i"].dtype.type(k & 0x7F)
        yield Stimulus(signals, stimulus.widths, stimulus.counted, *stimulus.shape)
