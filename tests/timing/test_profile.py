"""What a delay profile answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wattloop.errors import ConfigError, StorageError
from wattloop.timing.profile import DelayProfile

PROFILE = DelayProfile(
    method="worst",
    netlist="0",
    weights=np.array([-1, 0, 3]),
    activations=np.arange(2),
    settling_ps=np.array([[[0, 12], [11, 0]], [[0, 0], [0, 0]], [[5, 9], [17, 5]]], np.uint16),
    held_ps=np.array([12.0, 4.0, 20.0]),
    static_ps=21.0,
    psum_ps=np.zeros(3),
    step_ps=1.0,
)


def test_what_exceeds_a_bound_settles_after_it() -> None:
    late = PROFILE.exceeding(11)
    assert [tuple(map(int, place)) for place in np.argwhere(late)] == [(0, 0, 1), (2, 1, 0)]
    assert not PROFILE.exceeding(17).any()
    assert PROFILE.latest_ps == 17
    assert PROFILE.of(3).tolist() == [[5, 9], [17, 5]]


def test_the_spread_is_that_of_each_weight() -> None:
    assert PROFILE.spread().tolist() == [[0, 5.5, 12], [0, 0, 0], [5, 7, 17]]


def test_the_histogram_counts_every_transition_once() -> None:
    edges, counts = PROFILE.histogram(5)
    assert edges.tolist() == [0, 5, 10, 15]
    assert counts.tolist() == [[2, 0, 2, 0], [4, 0, 0, 0], [0, 3, 0, 1]]


def test_a_part_is_that_of_some_weights_and_activations() -> None:
    part = PROFILE.restricted(np.array([0, 3]), np.array([1]))
    assert part.settling_ps.tolist() == [[[0]], [[5]]]
    assert part.held_ps.tolist() == [4.0, 20.0]
    with pytest.raises(ConfigError, match="weight 1 is not in the profile"):
        PROFILE.restricted(np.array([0, 1]), np.array([1]))
    with pytest.raises(ConfigError, match="weight 1 is not"):
        PROFILE.of(1)


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    PROFILE.save(tmp_path / "profile.npz")
    again = DelayProfile.load(tmp_path / "profile.npz")
    for name, value in vars(PROFILE).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert again.settling_ps.dtype == np.uint16
    (tmp_path / "profile.npz").write_bytes(b"no profile")
    with pytest.raises(StorageError):
        DelayProfile.load(tmp_path / "profile.npz")
