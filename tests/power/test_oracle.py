"""Energies add and scale field by field."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.power.energy_table import DYNAMIC, ORIGINS
from wattloop.power.oracle import EnergyBreakdown

BREAKDOWNS = st.builds(EnergyBreakdown, *(st.floats(0, 1e12) for _ in fields(EnergyBreakdown)))


@given(BREAKDOWNS, BREAKDOWNS, st.floats(0, 1e3))
def test_totals_are_linear(one: EnergyBreakdown, two: EnergyBreakdown, factor: float) -> None:
    for name in ("dynamic_fj", "total_fj", *ORIGINS):
        assert getattr(one + factor * two, name) == pytest.approx(getattr(one, name) + factor * getattr(two, name))


@given(BREAKDOWNS)
def test_dynamic_energy_leaves_out_clock_and_leakage(energy: EnergyBreakdown) -> None:
    assert energy.dynamic_fj == pytest.approx(sum(getattr(energy, name) for name in DYNAMIC))
    assert energy.total_fj == pytest.approx(sum(getattr(energy, name) for name in ORIGINS))
    assert set(ORIGINS) - set(DYNAMIC) == {"clock_fj", "leakage_fj"}
