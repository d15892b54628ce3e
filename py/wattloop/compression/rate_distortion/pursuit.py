"""From an energy that real tiles shall take to the budget that the prices are held to.

Prices are of the network as it was: partial sums grow quieter as weights vanish, so real tiles save more than prices
tell. What is left falls about as a power of what the prices leave; the power is learned as assignments are measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Before two measurements tell: real savings go ahead of predicted ones by about this power.
_POWER = 1.25
_POWERS = (0.5, 4.0)


@dataclass(frozen=True)
class Pursuit:
    """Budgets by what was measured so far.

    Attributes:
        priced_fj: energy by the prices of the network that was measured last.
        left: its energy by real tiles, as a share of the int8 network's.
        wanted: the share that is aimed at.
        least_fj: the least energy that the prices allow.
        power: d log(left) / d log(priced).
    """

    priced_fj: float
    left: float
    wanted: float
    least_fj: float
    power: float = _POWER

    @property
    def budget_fj(self) -> float:
        """What the prices shall add up to; never below what they allow."""
        factor = math.pow(self.wanted / self.left, 1.0 / self.power)
        return max(self.priced_fj * factor, 1.001 * self.least_fj)

    def after(self, priced_fj: float, left: float) -> Pursuit:
        """The pursuit with an assignment measured."""
        power, moved = self.power, math.log(priced_fj / self.priced_fj)
        if abs(moved) > 1e-4:
            power = min(max(math.log(left / self.left) / moved, _POWERS[0]), _POWERS[1])
        return replace(self, priced_fj=priced_fj, left=left, power=power)
