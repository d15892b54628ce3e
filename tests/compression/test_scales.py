"""The scale that serves few values best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.compression.remap import remap
from wattloop.compression.scales import least_squares_scale

FOUR_BIT = tuple(range(-128, 128, 16))


def squared_error(latent: np.ndarray, values: tuple[int, ...], factor: float) -> float:
    return float(np.square(factor * remap(latent / np.float32(factor), values).astype(float) - latent).sum())


@given(st.integers(0, 1000), st.floats(1.0, 60.0), st.floats(0.07, 1.9))
def test_no_other_scale_is_nearer(seed: int, spread: float, other: float) -> None:
    latent = np.random.default_rng(seed).normal(0.0, spread, 200).astype(np.float32)
    found = least_squares_scale(latent, FOUR_BIT)
    # Between two of the scales that are tried the error may lie a little lower.
    assert squared_error(latent, FOUR_BIT, found) <= 1.05 * squared_error(latent, FOUR_BIT, other)


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0])
def test_weights_that_lie_on_scaled_values_are_met_exactly(factor: float) -> None:
    latent = factor * np.array(FOUR_BIT, np.float32)
    found = least_squares_scale(latent, FOUR_BIT)
    assert squared_error(latent, FOUR_BIT, found) == 0.0
    assert found == pytest.approx(factor)


def test_weights_of_0_keep_their_scale() -> None:
    assert least_squares_scale(np.zeros(3, np.float32), FOUR_BIT) == 1.0
