"""How much slower a cell gets as the supply falls.

- `AlphaPower`: delay ~ V / (V - V_t)^alpha (Sakurai and Newton, IEEE JSSC 25 (2), 1990), a law of strong inversion.
  Near the threshold cells are far slower than it says, so supplies below V_t plus a stated overdrive are refused.
- `Corners`: between delays of one path at several supplies, such as Liberty corners of one process and temperature
  give. Straight lines through log delay over log supply; wherever delay follows an alpha-power law they lie above it.
  Beyond the outermost corners nothing is said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from wattloop.errors import ConfigError


class DelayLaw(Protocol):
    """How delay follows the supply."""

    @property
    def nominal_v(self) -> float:
        """Supply that delays and energies were found at, V."""

    @property
    def least_v(self) -> float:
        """Least supply that the law holds for, V."""

    @property
    def origin(self) -> str:
        """The law and its parameters in words; goes with every figure."""

    def delay_factor(self, supply_v: float) -> float:
        """Delay at `supply_v` over that at the nominal supply; falls with the supply.

        Raises:
            ConfigError: the law does not hold there.
        """


@dataclass(frozen=True)
class AlphaPower:
    """Delay ~ V / (V - threshold)^alpha.

    The defaults are assumptions for a 15 nm FinFET process of 0.8 V, whose library states neither number: alpha of a
    velocity-saturated transistor, and a threshold on the high side, which asks for more supply.

    Attributes:
        nominal_v: supply of the library, V.
        threshold_v: threshold voltage V_t, V.
        alpha: velocity saturation index, 1 to 2.
        overdrive_v: least V - V_t at which the law is trusted, V.

    Raises:
        ConfigError: parameters that no law has.
    """

    nominal_v: float = 0.8
    threshold_v: float = 0.3
    alpha: float = 1.3
    overdrive_v: float = 0.15

    def __post_init__(self) -> None:
        if not 1 <= self.alpha <= 2:
            raise ConfigError(f"alpha = {self.alpha!r} is illegal; legal: 1 (velocity saturation) to 2 (square law)")
        if not (self.threshold_v > 0 and self.overdrive_v > 0 and self.nominal_v >= self.least_v):
            raise ConfigError(
                f"a threshold of {self.threshold_v} V and an overdrive of {self.overdrive_v} V must be above 0 and"
                f" leave room below the nominal {self.nominal_v} V"
            )

    @property
    def least_v(self) -> float:
        """See `DelayLaw`."""
        return self.threshold_v + self.overdrive_v

    @property
    def origin(self) -> str:
        """See `DelayLaw`."""
        return f"alpha-power law, V_t {self.threshold_v:g} V, alpha {self.alpha:g}, nominal {self.nominal_v:g} V"

    def delay_factor(self, supply_v: float) -> float:
        """See `DelayLaw`.

        >>> round(AlphaPower().delay_factor(0.6), 3)
        1.457
        """
        if not self.least_v <= supply_v < math.inf:
            raise ConfigError(
                f"the alpha-power law does not hold at {supply_v:g} V, below V_t + {self.overdrive_v:g} V ="
                f" {self.least_v:g} V: give delays of Liberty corners down there"
            )
        return self._delay(supply_v) / self._delay(self.nominal_v)

    def _delay(self, supply_v: float) -> float:
        return supply_v / math.pow(supply_v - self.threshold_v, self.alpha)


@dataclass(frozen=True)
class Corners:
    """Between delays of the same path at several supplies, of one process and one temperature.

    Attributes:
        nominal_v: supply that delays and energies were found at, V; among the corners' or between them.
        delays_ps: (supply V, delay ps) of each corner, ascending in supply.

    Raises:
        ConfigError: fewer than two corners, delays that do not fall with the supply, or a nominal supply beyond them.
    """

    nominal_v: float
    delays_ps: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        rising = all(a[0] < b[0] and a[1] > b[1] for a, b in pairwise(self.delays_ps))
        positive = all(0 < number < math.inf for corner in self.delays_ps for number in corner)
        if len(self.delays_ps) < 2 or not rising or not positive:
            raise ConfigError(
                f"corners {self.delays_ps}: give two or more (supply, delay), ascending in supply, falling in delay"
            )
        self.delay_factor(self.nominal_v)

    @property
    def least_v(self) -> float:
        """See `DelayLaw`."""
        return self.delays_ps[0][0]

    @property
    def origin(self) -> str:
        """See `DelayLaw`."""
        listed = ", ".join(f"{delay:g} ps at {supply:g} V" for supply, delay in self.delays_ps)
        return f"between corners: {listed}; nominal {self.nominal_v:g} V"

    def delay_factor(self, supply_v: float) -> float:
        """See `DelayLaw`."""
        return self._delay(supply_v) / self._delay(self.nominal_v)

    def _delay(self, supply_v: float) -> float:
        for (low_v, slow_ps), (high_v, fast_ps) in pairwise(self.delays_ps):
            if low_v <= supply_v <= high_v:
                share = math.log(supply_v / low_v) / math.log(high_v / low_v)
                return slow_ps * math.pow(fast_ps / slow_ps, share)
        raise ConfigError(
            f"{supply_v:g} V lies beyond the corners, {self.least_v:g} to {self.delays_ps[-1][0]:g} V: add a corner"
            " there"
        )
