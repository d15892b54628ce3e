"""The cell that a compression under a delay bound rests on, and when it settles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from wattloop.compression.config import CompressConfig
from wattloop.errors import ConfigError
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.timing import CellTimer
from wattloop.flow.timing_settings import TimingSettings
from wattloop.gates.timing import critical_path
from wattloop.store import content_key
from wattloop.timing.profile import DelayProfile, Method
from wattloop.timing.profiler import Profiler
from wattloop.timing.promise import Promises


@dataclass(frozen=True, eq=False)
class Timed:
    """A cell that is timed when it is asked for, once.

    Attributes:
        timer: the cell.
        method: of the delay profile that values are chosen by.
        facts: content key of all that its times depend on beside the cell.
    """

    timer: CellTimer
    method: Method
    facts: str

    def profile(self) -> DelayProfile:
        """Settling times of all its weights over all transitions of the activation."""
        return self._profile

    @cached_property
    def _profile(self) -> DelayProfile:
        return self.timer.profile(self.method)

    @cached_property
    def promises(self) -> Promises:
        """What is sure for all partial sums, however values were chosen."""
        profile = self.profile() if self.method == "worst" else self.timer.profile("worst")
        return Promises.of(self._profiler, self.timer.settings.hardware.array.rows, profile)

    @cached_property
    def correction(self) -> float:
        """What settling times are multiplied by before a supply rests on them, 1 or more.

        Static timing with rise, fall and every arc apart may find a longer path than one delay a gate has it.
        """
        hardware, load = self.timer.settings.hardware, self.timer.settings.timing.load
        static = critical_path(self.timer.cell.netlist, clock_ps=hardware.clock_ps, load=load)
        return max(1.0, static.arrival_ps / self._profiler.longest_ps)

    @cached_property
    def _profiler(self) -> Profiler:
        return Profiler(self.timer.engine, self.timer.settings.hardware.array.mac)


def timed_cell(config: CompressConfig, simulator: Simulator, timing: TimingSettings | None = None) -> Timed | None:
    """When the cell of a simulator settles; None where no bound is set.

    Args:
        config: `timing` says what is timed.
        simulator: its cell, cache and progress.
        timing: grid, delays and loads; None for the defaults.

    Raises:
        ConfigError: settings that have no meaning under a bound.
    """
    return timed_by(config.timing.profile, simulator, timing) if config.timing.bound_ps else None


def timed_by(method: Method, simulator: Simulator, timing: TimingSettings | None = None) -> Timed:
    """The same for the profile that values are chosen by, whatever the bound.

    Raises:
        ConfigError: settings that have no meaning under a bound.
    """
    own = timing or TimingSettings()
    if own.layer is not None:
        # They would be those of the network before it is restricted.
        raise ConfigError("timing.layer: partial sums of a layer have no say in a delay bound; leave it out")
    settings = Settings(hardware=simulator.hardware, timing=own)
    timer = CellTimer(settings, simulator.store, simulator.progress)
    return Timed(timer, method, content_key("delays", own))
