"""A stimulus refuses what does not fit together."""

from __future__ import annotations

import numpy as np
import pytest

from wattloop.activity.stimulus import Stimulus
from wattloop.errors import StimulusError

COUNTED = np.array([False, True, True])


def test_transitions_are_counted_steps_times_lanes() -> None:
    stimulus = Stimulus({"a": np.zeros((1, 3, 1), np.int64)}, {"a": 4}, np.array([False, True, False]), 5, 3, 7)
    assert stimulus.transitions == 7
    assert stimulus.shape == (5, 3, 7)


@pytest.mark.parametrize("value", [-8, 15])
def test_signed_and_unsigned_values_of_the_width_are_legal(value: int) -> None:
    Stimulus({"a": np.full((1, 3, 1), value)}, {"a": 4}, COUNTED, 1, 3, 2)


@pytest.mark.parametrize("value", [-9, 16])
def test_a_value_beyond_the_width_is_refused(value: int) -> None:
    with pytest.raises(StimulusError, match=r"signal a holds .* beyond 4 bits"):
        Stimulus({"a": np.full((1, 3, 1), value)}, {"a": 4}, COUNTED, 1, 3, 2)


def test_a_signal_of_another_shape_is_refused() -> None:
    with pytest.raises(StimulusError, match=r"signal a has shape \(1, 2, 2\)"):
        Stimulus({"a": np.zeros((1, 2, 2), np.int64)}, {"a": 4}, COUNTED, 1, 3, 2)


@pytest.mark.parametrize("counted", [[True, True, True], [False, True]])
def test_the_first_step_has_no_transition_to_count(counted: list[bool]) -> None:
    with pytest.raises(StimulusError, match="starting with False"):
        Stimulus({"a": np.zeros((1, 3, 1), np.int64)}, {"a": 4}, np.array(counted), 1, 3, 2)


def test_signals_and_widths_name_the_same_signals() -> None:
    with pytest.raises(StimulusError, match=r"\['a', 'b'\]"):
        Stimulus({"a": np.zeros((1, 3, 1), np.int64)}, {"b": 4}, COUNTED, 1, 3, 2)
