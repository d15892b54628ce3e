"""Supplies from slack: monotone, consistent with their delay laws, never below what is stated."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.errors import ConfigError
from wattloop.power.delay_laws import AlphaPower, Corners, DelayLaw
from wattloop.power.oracle import EnergyBreakdown
from wattloop.power.voltage import supply_for

LAWS = st.builds(
    AlphaPower,
    nominal_v=st.floats(0.7, 1.2),
    threshold_v=st.floats(0.15, 0.4),
    alpha=st.floats(1.0, 2.0),
    overdrive_v=st.floats(0.05, 0.25),
)
SHARES = st.floats(0.01, 1.0)


def corners_of(law: AlphaPower, supplies: list[float]) -> Corners:
    """What Liberty corners of a process that follows `law` would say."""
    return Corners(law.nominal_v, tuple((v, 80 * law.delay_factor(v)) for v in sorted({*supplies, law.nominal_v})))


@st.composite
def laws(draw: st.DrawFn) -> DelayLaw:
    law = draw(LAWS)
    if draw(st.booleans()):
        return law
    room = law.nominal_v - law.least_v
    return corners_of(law, [law.least_v, law.least_v + 0.4 * room, law.nominal_v + 0.1])


@given(laws(), SHARES, SHARES)
def test_delay_falls_as_the_supply_rises(law: DelayLaw, one: float, other: float) -> None:
    room = law.nominal_v - law.least_v
    low, high = sorted(law.least_v + share * room for share in (one, other))
    assert law.delay_factor(low) >= law.delay_factor(high) >= 1 - 1e-12
    if high - low > 1e-6:
        assert law.delay_factor(low) > law.delay_factor(high)
    assert law.delay_factor(law.nominal_v) == 1


@given(laws(), SHARES)
def test_the_supply_that_a_delay_asks_for_has_that_delay(law: DelayLaw, share: float) -> None:
    """Inverse of the law: slow down to some supply, give just that slack, and get the supply back."""
    wanted_v = law.least_v + share * (law.nominal_v - law.least_v)
    found = supply_for(law, 100, 100 * law.delay_factor(wanted_v), minimum_v=0.1, step_v=0)
    assert found.voltage_v == pytest.approx(wanted_v, abs=1e-9)
    assert found.limit == ("delay" if share < 1 else found.limit)


@given(laws(), st.floats(1, 6), st.floats(0.1, 0.7), st.sampled_from([0, 0.005, 0.01, 0.05]))
def test_what_is_needed_fits_and_no_step_less_would(law: DelayLaw, slack: float, minimum_v: float, step: float) -> None:
    found = supply_for(law, 100, 100 * slack, minimum_v=minimum_v, step_v=step)
    assert found.delay_factor * 100 <= 100 * slack
    assert max(minimum_v, law.least_v) <= found.voltage_v <= law.nominal_v
    below = found.voltage_v - (step or 1e-6) * 1.001
    if below >= max(minimum_v, law.least_v):
        assert law.delay_factor(below) > slack
    else:
        assert found.limit != "delay" or found.voltage_v - max(minimum_v, law.least_v) <= (step or 1e-6) * 1.001


@given(laws(), st.floats(1, 4), st.floats(1, 4))
def test_more_slack_never_asks_for_more_supply_or_energy(law: DelayLaw, one: float, other: float) -> None:
    less, more = sorted((one, other))
    first, second = (supply_for(law, 100, 100 * slack, minimum_v=0.3, leakage_per_v=2) for slack in (less, more))
    assert second.voltage_v <= first.voltage_v
    assert second.dynamic_factor <= first.dynamic_factor <= 1
    assert second.leakage_factor <= first.leakage_factor <= 1


@given(LAWS, SHARES, st.lists(SHARES, max_size=3))
def test_between_corners_no_less_delay_is_told_than_the_law_behind_them_has(
    law: AlphaPower, share: float, between: list[float]
) -> None:
    room = law.nominal_v - law.least_v
    seen = corners_of(law, [law.least_v, *(law.least_v + s * room for s in between)])
    supply_v = law.least_v + share * room
    assert seen.delay_factor(supply_v) >= law.delay_factor(supply_v) * (1 - 1e-9)


def test_corners_are_met_exactly() -> None:
    law = Corners(0.8, ((0.6, 150.0), (0.7, 110.0), (0.8, 90.0)))
    assert law.delay_factor(0.7) == pytest.approx(110 / 90)
    assert supply_for(law, 100, 100 * 110 / 90, minimum_v=0.5).voltage_v == pytest.approx(0.7)


def test_the_alpha_power_law_is_that_of_the_paper() -> None:
    """0.8 V to 0.6 V at V_t 0.3 V and alpha 1.3, by hand: (0.6 / 0.3^1.3) / (0.8 / 0.5^1.3) = 2.870 / 1.970."""
    found = supply_for(AlphaPower(), 100, 145.7, minimum_v=0.5)
    assert found.voltage_v == pytest.approx(0.61) and found.limit == "delay"
    assert supply_for(AlphaPower(), 100, 145.8, minimum_v=0.5).voltage_v == pytest.approx(0.6)
    assert found.dynamic_factor == pytest.approx((0.61 / 0.8) ** 2)


def test_without_slack_the_supply_stays() -> None:
    found = supply_for(AlphaPower(), 200, 200, minimum_v=0.5)
    assert (found.voltage_v, found.delay_factor, found.dynamic_factor, found.leakage_factor) == (0.8, 1, 1, 1)


def test_what_stops_the_supply_is_told() -> None:
    assert supply_for(AlphaPower(), 10, 200, minimum_v=0.55).limit == "minimum"
    assert supply_for(AlphaPower(), 10, 200, minimum_v=0.55).voltage_v == 0.55
    near = supply_for(AlphaPower(), 10, 200, minimum_v=0.2)
    assert near.limit == "model" and near.voltage_v == pytest.approx(0.45)
    assert supply_for(Corners(0.8, ((0.7, 2.0), (0.8, 1.0))), 10, 200, minimum_v=0.2).voltage_v == 0.7


def test_energy_is_scaled_by_its_origin() -> None:
    energy = EnergyBreakdown(1, 2, 4, 8, 16)
    supply = supply_for(AlphaPower(), 100, 145.8, minimum_v=0.5, leakage_per_v=2.0)
    scaled = supply.scaled(energy)
    assert scaled.dynamic_fj == pytest.approx(7 * 0.75**2)
    assert scaled.clock_fj == pytest.approx(8 * 0.75**2)
    assert scaled.leakage_fj == pytest.approx(16 * 0.75 * math.exp(-0.4))
    assert "alpha 1.3" in supply.origin and "exp(2 (V - 0.8))" in supply.origin
    assert replace(supply, dynamic_factor=1, leakage_factor=1).scaled(energy) == energy


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: AlphaPower().delay_factor(0.44), "corners"),
        (lambda: AlphaPower().delay_factor(math.nan), "does not hold"),
        (lambda: AlphaPower(alpha=0.9), "alpha"),
        (lambda: AlphaPower(threshold_v=0.7), "room"),
        (lambda: Corners(0.8, ((0.8, 1.0),)), "two or more"),
        (lambda: Corners(0.8, ((0.7, 1.0), (0.8, 1.5))), "falling"),
        (lambda: Corners(0.9, ((0.7, 2.0), (0.8, 1.5))), "beyond the corners"),
        (lambda: Corners(0.8, ((0.7, 2.0), (0.8, 1.5))).delay_factor(0.69), "add a corner"),
        (lambda: supply_for(AlphaPower(), 201, 200, minimum_v=0.5), "no slack"),
        (lambda: supply_for(AlphaPower(), 0, 200, minimum_v=0.5), "no slack"),
        (lambda: supply_for(AlphaPower(), 100, 200, minimum_v=0.9), "minimum"),
    ],
)
def test_what_does_not_hold_is_refused_in_one_line(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ConfigError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
