"""Budgets that lead to a measured target."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.compression.rate_distortion.pursuit import Pursuit


@given(st.floats(0.8, 3.0), st.floats(0.2, 0.95), st.floats(0.3, 1.0))
def test_a_power_law_is_met_at_the_second_budget(power: float, wanted: float, left: float) -> None:
    pursuit = Pursuit(100.0, left, wanted, 0.0)
    for _ in range(2):
        measured = left * (pursuit.budget_fj / 100.0) ** power
        pursuit = pursuit.after(pursuit.budget_fj, measured)
    assert left * (pursuit.budget_fj / 100.0) ** power == pytest.approx(wanted, rel=0.02)


def test_no_budget_lies_below_what_prices_allow() -> None:
    assert Pursuit(100.0, 1.0, 0.01, 40.0).budget_fj > 40.0


def test_a_measurement_that_moved_nothing_teaches_nothing() -> None:
    pursuit = Pursuit(100.0, 0.9, 0.5, 0.0)
    assert pursuit.after(100.0, 0.8).power == pursuit.power
