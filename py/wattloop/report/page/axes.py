"""Axes of the page's plots: where a value lies, and which ticks say so."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import MaxNLocator

from wattloop.report.units import signed

Float = npt.NDArray[np.float64]

# Plots are drawn in a square of so many units, which the page stretches to the room there is.
SPAN = 1000.0
_TICKS = 5


@dataclass(frozen=True)
class Tick:
    """A tick: `at` per cent of the axis from its start, and what stands there."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """An axis of a plot.

    Attributes:
        label: what it shows, with its unit.
        low, high: its ends.
        log: logarithmic; both ends are positive then.
        backwards: runs from `high` to `low`.
        names: of places 0, 1, ...; empty on an axis of numbers.
    """

    label: str
    low: float
    high: float
    log: bool = False
    backwards: bool = False
    names: tuple[str, ...] = ()

    def places(self, values: npt.ArrayLike) -> Float:
        """Where values lie, from 0 to 1; those beyond an end lie at it."""
        low, high, found = (self._scaled(part) for part in (self.low, self.high, values))
        share = np.clip((found - low) / (high - low), 0.0, 1.0)
        return 1.0 - share if self.backwards else share

    def _scaled(self, values: npt.ArrayLike) -> Float:
        numbers = np.asarray(values, dtype=np.float64)
        return np.log10(np.maximum(numbers, self.low)) if self.log else numbers

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Ticks from its start to its end."""
        if self.names:
            marks = [(float(k), name) for k, name in enumerate(self.names)]
        else:
            marks = [(value, number(value)) for value in (self._decades() if self.log else self._steps())]
        at = self.places([value for value, _ in marks]) * 100
        return tuple(Tick(float(place), text) for place, (_, text) in zip(at, marks, strict=True))

    def _steps(self) -> list[float]:
        found = MaxNLocator(_TICKS, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        margin = (self.high - self.low) * 1e-9
        return [float(value) for value in found if self.low - margin <= value <= self.high + margin]

    def _decades(self) -> list[float]:
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        step = max(1, -(-(last - first) // _TICKS))
        return [10.0**k for k in range(first, last + 1, step)]


def number(value: float) -> str:
    """A tick's number, short.

    >>> number(0.25), number(1e-05), number(12000.0)
    ('0.25', '10⁻⁵', '12000')
    """
    if value and abs(value) < 1e-3:
        power = round(math.log10(abs(value)))
        return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return signed(f"{round(value, 9):.6g}")


def spanning(label: str, values: Iterable[float], *, zero: bool = False, margin: float = 0.05) -> Axis:
    """An axis that holds the finite values with some room to spare; `zero` has it start at 0."""
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    room = margin * ((high - low) or abs(high) or 1.0)
    return Axis(label, 0.0 if zero else low - room, high + room)


def values_axis() -> Axis:
    """The axis of int8 weight values."""
    return Axis("weight value", -130.0, 129.0)
