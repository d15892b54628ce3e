"""The delay profile that a compression under a delay bound rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from wattloop.compression.config import CompressConfig
from wattloop.errors import ConfigError
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.timing_settings import TimingSettings
from wattloop.store import content_key

if TYPE_CHECKING:
    from wattloop.timing.profile import DelayProfile


@dataclass(frozen=True, eq=False)
class Timed:
    """A cell that is timed when it is asked for.

    Attributes:
        profile: settling times of all its weights over all transitions of the activation; found once.
        facts: content key of all that they depend on beside the cell.
    """

    profile: Callable[[], DelayProfile]
    facts: str


def timed_cell(config: CompressConfig, simulator: Simulator, timing: TimingSettings | None = None) -> Timed | None:
    """When the cell of a simulator settles; None where no bound is set.

    Args:
        config: `timing` says what is timed.
        simulator: its cell, cache and progress.
        timing: grid, delays and loads; None for the defaults.

    Raises:
        ConfigError: settings that have no meaning under a bound.
    """
    if not config.timing.bound_ps:
        return None
    own = timing or TimingSettings()
    if own.layer is not None:
        # They would be those of the network before it is restricted.
        raise ConfigError("timing.layer: partial sums of a layer have no say in a delay bound; leave it out")

    @cache
    def profile() -> DelayProfile:
        from wattloop.flow.timing import CellTimer

        settings = Settings(hardware=simulator.hardware, timing=own)
        return CellTimer(settings, simulator.store, simulator.progress).profile(config.timing.profile)

    return Timed(profile, content_key("delays", own))
