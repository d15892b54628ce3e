"""Numbers with units and errors."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.report.units import energy_unit, percent, saving, with_error


@given(st.floats(1e-3, 1e15))
def test_the_unit_shows_the_largest_energy_as_one_to_a_thousand(
    value: float,
) -> None:
    unit = energy_unit([value, -value / 2])
    assert unit.in_fj == {"fJ": 1.0, "pJ": 1e3, "nJ": 1e6, "µJ": 1e9}[unit.name]
    assert unit.name == "fJ" or value / unit.in_fj >= 1
    assert unit.name == "µJ" or value / unit.in_fj < 1000


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e5))
def test_value_and_error_are_printed_to_the_same_digit_and_close(value: float, error: float) -> None:
    printed_value, printed_error = with_error(value, error).split(" ± ")
    digits = [len(re.sub(r"^-?\d+\.?", "", part)) for part in (printed_value, printed_error)]
    assert digits[0] == digits[1]
    assert float(printed_error) == pytest.approx(error, rel=0.06, abs=0.5 if error >= 10 else 0)
    assert abs(float(printed_value) - value) <= max(0.06 * error, 0.5 if error >= 10 else 0) + 1e-9 * abs(value)


def test_percentages_carry_their_error_or_a_dash() -> None:
    assert percent(0.1234) == "12.34 %"
    assert percent(0.1234, 0.005) == "12.34 ± 0.50 %"
    assert percent(None) == "-"


def test_the_error_of_a_saving_is_that_of_a_ratio_of_independent_figures() -> None:
    saved, error = saving(100.0, 50.0, 3.0, 2.0)
    assert saved == pytest.approx(0.5)
    assert error == pytest.approx(0.5 * (0.03**2 + 0.04**2) ** 0.5)
    assert saving(100.0, 0.0, 3.0, 0.0) == (1.0, 0.0)
