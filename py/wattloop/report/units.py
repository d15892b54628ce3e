"""Numbers with their units and errors, as the report prints them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_SCALES = ((1e9, "µJ"), (1e6, "nJ"), (1e3, "pJ"))

NONE = "-"
MINUS = "\N{MINUS SIGN}"

ACCOUNTINGS = {
    "functional": "settled toggles of the combinational cells and of the registers' data, no glitches",
    "datapath": "switching of the combinational cells and of the registers' data, glitches included",
}


@dataclass(frozen=True)
class EnergyUnit:
    """A unit of energy: `name` stands for `in_fj` femtojoules."""

    name: str
    in_fj: float


def energy_unit(values_fj: Iterable[float]) -> EnergyUnit:
    """The unit in which the largest of `values_fj` is at least 1.

    >>> energy_unit([12.0, 4.5e6]).name
    'nJ'
    """
    largest = max((abs(value) for value in values_fj), default=0.0)
    for scale, name in _SCALES:
        if largest >= scale:
            return EnergyUnit(name, scale)
    return EnergyUnit("fJ", 1.0)


def with_error(value: float, error: float) -> str:
    """`value ± error`, to two digits of the error.

    >>> with_error(12.3456, 0.078), with_error(5.0, 0.0)
    ('12.346 ± 0.078', '5.000')
    """
    if not error > 0:
        return f"{value:.3f}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def percent(fraction: float | None, error: float = 0.0) -> str:
    """A fraction in per cent; `NONE` for None."""
    if fraction is None:
        return NONE
    return f"{100 * fraction:.2f} %" if not error > 0 else f"{100 * fraction:.2f} ± {100 * error:.2f} %"


def root_sum_square(errors: Iterable[float]) -> float:
    """Standard error of a sum of independent figures."""
    return math.sqrt(sum(error * error for error in errors))


def saving(before: float, after: float, error_before: float, error_after: float) -> tuple[float, float]:
    """1 - after / before, and its standard error if both figures are independent."""
    ratio = after / before
    relative = root_sum_square((error_before / before, error_after / after if after else 0.0))
    return 1.0 - ratio, ratio * relative


def signed(text: str) -> str:
    """Figures with the sign for minus in place of the hyphen.

    >>> signed("-3") == MINUS + "3"
    True
    """
    return text.replace("-", MINUS)


def cell(value: object) -> str:
    """What stands in a table for a value of any kind.

    >>> cell(0.123456), cell(None), cell(3)
    ('0.1235', '-', '3')
    """
    if value is None:
        return NONE
    return f"{value:.4g}" if isinstance(value, float) else str(value)
