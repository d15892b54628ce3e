"""Multipliers that lead to a measured target."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.compression.rate_distortion.pursuit import Measurement, next_multiplier

Law = Callable[[float], float]


def followed(law: Law, start: float, wanted: float, steps: int) -> float:
    """The measured share that is nearest to what is wanted after so many steps."""
    measured = [Measurement(start, law(start))]
    for _ in range(steps):
        multiplier = next_multiplier(measured, wanted)
        measured.append(Measurement(multiplier, law(multiplier)))
    return min((one.left for one in measured), key=lambda left: abs(left - wanted))


@given(st.floats(-0.9, -0.1), st.floats(1.2, 10.0), st.floats(0.15, 0.85))
def test_a_power_law_is_met_between_two_measurements(slope: float, apart: float, share: float) -> None:
    low, high = (Measurement(multiplier, 0.5 * multiplier**slope) for multiplier in (1.0, apart))
    assert next_multiplier([low, high], 0.5 * apart ** (share * slope)) == pytest.approx(apart**share)


@given(st.floats(-0.9, -0.1), st.floats(0.1, 10.0).filter(lambda step: abs(step - 1.0) > 0.01))
def test_a_power_law_is_met_beyond_two_measurements(slope: float, step: float) -> None:
    measured = [Measurement(multiplier, 0.5 * multiplier**slope) for multiplier in (1.0, 1.2)]
    nearest = 1.0 if step < 1.0 else 1.2
    wanted = 0.5 * (nearest * step) ** slope
    assert next_multiplier(measured, wanted) == pytest.approx(nearest * step, rel=1e-6)


@given(st.floats(0.08, 0.8), st.floats(1e-3, 1e3), st.floats(1.0, 4.0))
def test_a_saving_that_comes_ever_faster_is_met_within_a_few_trials(wanted: float, start: float, bend: float) -> None:
    """As real tiles do: at small multipliers nothing moves, at great ones all falls to what is left of no weights."""

    def law(multiplier: float) -> float:
        return 0.04 + 0.96 / (1.0 + multiplier ** (0.3 * bend))

    assert abs(followed(law, start, wanted, 12) - wanted) < 0.02


def test_too_little_saved_asks_for_more_and_too_much_for_less() -> None:
    assert next_multiplier([Measurement(2.0, 0.8)], 0.5) > 2.0
    assert next_multiplier([Measurement(2.0, 0.3)], 0.5) < 2.0
    inside = next_multiplier([Measurement(2.0, 0.8), Measurement(5.0, 0.3)], 0.5)
    assert 2.0 < inside < 5.0
