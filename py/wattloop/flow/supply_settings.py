"""Settings of the supply that slack allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from wattloop.checks import require
from wattloop.errors import ConfigError
from wattloop.power.delay_laws import AlphaPower, Corners, DelayLaw
from wattloop.power.voltage import Supply, supply_for

_ASSUMED = AlphaPower()


@dataclass(frozen=True)
class SupplySettings:
    """How far the supply falls where a delay bound leaves slack.

    The nominal supply is the library's: energies and delays are found there.

    Attributes:
        law: how delay follows the supply: "alpha-power", or between "corners" (`power.delay_laws`).
        vt_v: threshold voltage of the alpha-power law, V; None for 0.3 V, an assumption for a library of 0.8 V and for
            no other.
        alpha: velocity saturation index of the alpha-power law.
        overdrive_v: least supply above the threshold at which the alpha-power law is trusted, V.
        corners: (supply V, delay ps) of one path at two or more supplies, ascending in supply.
        minimum_v: supply that memories, regulators or noise allow at least, V.
        step_v: supplies are multiples of it, rounded up; 0 for any supply.
        leakage_per_v: k in the leakage current exp(k (V - nominal)), 1/V.
        margin_ps: held back from the period for what is not simulated (wires, skew, variation), ps.
    """

    law: Literal["alpha-power", "corners"] = "alpha-power"
    vt_v: float | None = None
    alpha: float = _ASSUMED.alpha
    overdrive_v: float = _ASSUMED.overdrive_v
    corners: tuple[tuple[float, ...], ...] = ()
    minimum_v: float = 0.5
    step_v: float = 0.01
    leakage_per_v: float = 0.0
    margin_ps: float = 0.0

    def __post_init__(self) -> None:
        require(self.minimum_v > 0, "minimum_v", self.minimum_v, "above 0 V")
        for name in ("step_v", "leakage_per_v", "margin_ps"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        pairs = all(len(corner) == 2 for corner in self.corners)
        require(pairs, "corners", self.corners, "pairs of supply (V) and delay (ps)")
        needed = (self.law == "corners") == bool(self.corners)
        require(needed, "corners", self.corners, 'two or more with law = "corners", and none otherwise')

    def delay_law(self, nominal_v: float) -> DelayLaw:
        """The law around a library's supply.

        Raises:
            ConfigError: parameters that no law has, or none for this supply.
        """
        if self.minimum_v > nominal_v:
            raise ConfigError(f"supply.minimum_v = {self.minimum_v:g} is above the library's {nominal_v:g} V: lower it")
        if self.law == "corners":
            return Corners(nominal_v, tuple((supply_v, delay_ps) for supply_v, delay_ps in self.corners))
        if self.vt_v is None and nominal_v != _ASSUMED.nominal_v:
            raise ConfigError(
                f"the library's supply is {nominal_v:g} V, for which no threshold is assumed: set supply.vt_v (V), or"
                ' supply.law = "corners"'
            )
        threshold_v = _ASSUMED.threshold_v if self.vt_v is None else self.vt_v
        return AlphaPower(nominal_v, threshold_v, self.alpha, self.overdrive_v)

    def supply(self, law: DelayLaw, needed_ps: float, clock_ps: float) -> Supply:
        """The least supply at which what is needed still fits the period; the nominal one where there is no slack.

        Args:
            law: `delay_law`.
            needed_ps: greatest delay at the nominal supply, set-up time included, ps.
            clock_ps: the period.
        """
        available_ps = clock_ps - self.margin_ps
        words = f"{needed_ps:.1f} ps needed of {available_ps:g} ps"
        # Without slack nothing is gained and nothing scaled.
        fitting_ps = min(needed_ps, available_ps)
        found = supply_for(
            law,
            fitting_ps,
            available_ps,
            minimum_v=law.nominal_v if needed_ps > available_ps else self.minimum_v,
            step_v=self.step_v,
            leakage_per_v=self.leakage_per_v,
        )
        limit = "no slack: nominal supply" if needed_ps > available_ps else _LIMITS[found.limit]
        return replace(found, origin=f"{found.origin}; {words}; {limit}")


_LIMITS = {
    "delay": "the slack is spent",
    "minimum": "held up by supply.minimum_v",
    "model": "held up by what the law is trusted for",
}
