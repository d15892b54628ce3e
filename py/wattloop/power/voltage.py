"""From slack to supply: how far the voltage may fall at the same clock, and what that saves.

PowerPruning spends the slack that its selection leaves on a lower supply (*documented*: arXiv 2303.13997, abstract);
how is *inferred*: here by a stated law of delay (`delay_laws`). All that a period holds is taken to slow down alike:
clock-to-output and set-up times as well as gates. Dynamic energy goes with V^2, internal (short-circuit) energy and
clock included. Leakage power is V times a current of exp(k (V - nominal)); k = 0, a constant current, overstates it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wattloop.errors import ConfigError
from wattloop.power.delay_laws import DelayLaw
from wattloop.power.oracle import EnergyBreakdown

Limit = Literal["delay", "minimum", "model"]

_HALVINGS = 60  # of an interval of a volt: below the resolution of a float


@dataclass(frozen=True)
class Supply:
    """A supply and what it changes against the nominal one.

    Attributes:
        voltage_v: the supply, V.
        nominal_v: the one that delays and energies were found at, V.
        delay_factor: delay over that at the nominal supply.
        dynamic_factor: dynamic energy over that at the nominal supply.
        leakage_factor: leakage energy of the same time over that at the nominal supply.
        limit: what kept it from falling further: "delay" (the slack is spent), "minimum" (the stated one), "model" (the
            delay law holds no further down).
        origin: the delay law and the leakage in words.
    """

    voltage_v: float
    nominal_v: float
    delay_factor: float
    dynamic_factor: float
    leakage_factor: float
    limit: Limit
    origin: str

    def scaled(self, energy: EnergyBreakdown) -> EnergyBreakdown:
        """What `energy`, found at the nominal supply and the same clock, is at this one; fJ."""
        dynamic = self.dynamic_factor
        return EnergyBreakdown(
            comb_switching_fj=dynamic * energy.comb_switching_fj,
            comb_internal_fj=dynamic * energy.comb_internal_fj,
            register_fj=dynamic * energy.register_fj,
            clock_fj=dynamic * energy.clock_fj,
            leakage_fj=self.leakage_factor * energy.leakage_fj,
        )


def supply_for(
    law: DelayLaw,
    needed_ps: float,
    available_ps: float,
    *,
    minimum_v: float,
    step_v: float = 0.01,
    leakage_per_v: float = 0.0,
) -> Supply:
    """The least supply at which what is needed still fits.

    Args:
        law: how delay follows the supply.
        needed_ps: greatest delay at the nominal supply, set-up time included, ps.
        available_ps: the clock period, less whatever margin is held back, ps.
        minimum_v: supply that memories, regulators or noise allow at least, V.
        step_v: supplies are multiples of it, rounded up; 0 for any supply.
        leakage_per_v: k in the leakage current exp(k (V - nominal)), 1/V.

    Raises:
        ConfigError: more is needed than is available at the nominal supply, or numbers that cannot be.
    """
    if not (0 < needed_ps <= available_ps < math.inf):
        raise ConfigError(
            f"{needed_ps:g} ps are needed and {available_ps:g} ps available: there is no slack to spend; lower the"
            " delay bound or the clock"
        )
    if not 0 < minimum_v <= law.nominal_v or step_v < 0 or leakage_per_v < 0:
        raise ConfigError(
            f"minimum_v = {minimum_v:g}, step_v = {step_v:g}, leakage_per_v = {leakage_per_v:g}: give a minimum up to"
            f" {law.nominal_v:g} V and the others 0 or more"
        )
    floor_v = max(minimum_v, law.least_v)
    least_v, limit = _least(lambda v: law.delay_factor(v) * needed_ps <= available_ps, floor_v, law.nominal_v)
    voltage_v = least_v if step_v == 0 else min(law.nominal_v, _rounded_up(least_v, step_v))
    ratio = voltage_v / law.nominal_v
    return Supply(
        voltage_v=voltage_v,
        nominal_v=law.nominal_v,
        delay_factor=law.delay_factor(voltage_v),
        dynamic_factor=ratio**2,
        leakage_factor=ratio * math.exp(leakage_per_v * (voltage_v - law.nominal_v)),
        limit="delay" if not limit else "minimum" if minimum_v >= law.least_v else "model",
        origin=f"{law.origin}; leakage current exp({leakage_per_v:g} (V - {law.nominal_v:g}))",
    )


def _least(fits: Callable[[float], bool], low: float, high: float) -> tuple[float, bool]:
    """The least number that fits, given that `high` does and that fitting never ends upwards; whether it is `low`."""
    if fits(low):
        return low, True
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high, False


def _rounded_up(value: float, step: float) -> float:
    """The next multiple of `step`; a value that is one but for the rounding of floats stays."""
    return max(value, round(math.ceil(value / step - 1e-9) * step, 12))
