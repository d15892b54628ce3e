"""Selection problems: what is late, what may be kept, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from tests.compression.powerpruning.small import BOUND_PS, problems, settlings

from wattloop.compression.powerpruning.board import Board
from wattloop.compression.powerpruning.gains import Gains, by_count, by_use
from wattloop.compression.powerpruning.problem import Choice, Floors, Problem, late_transitions, problem
from wattloop.errors import ConfigError


@given(settlings())
def test_a_selection_is_possible_just_where_no_kept_transition_is_late(settling: np.ndarray) -> None:
    weights, codes = settling.shape[:2]
    found = problem(settling, BOUND_PS, by_count(weights, codes), least_weight=-(weights // 2))
    rng = np.random.default_rng(0)
    for _ in range(10):
        kept, values = rng.random(weights) < 0.6, rng.random(codes) < 0.6
        kept[weights // 2] = values[0] = True
        choice = found.choice(kept, values)
        late = late_transitions(settling, BOUND_PS, choice, least_weight=-(weights // 2))
        assert found.possible(kept, values) == (late == 0)


def test_either_order_of_two_codes_is_a_conflict_once() -> None:
    settling = np.zeros((3, 4, 4))
    settling[0, 1, 2] = settling[0, 2, 1] = settling[2, 3, 1] = 101
    settling[2, 3, 3] = 101
    found = problem(settling, 100, by_count(3, 4), least_weight=-1)
    assert found.conflicts == 3
    assert problem(settling, 101, by_count(3, 4), least_weight=-1).conflicts == 0


def test_candidates_are_those_given_and_zero() -> None:
    settling = np.zeros((256, 4, 4), np.uint16)
    settling[128 + 7, 1, 2] = 9
    found = problem(settling, 8, by_count(256, 4), [7, -3])
    assert found.weights.tolist() == [-3, 0, 7]
    assert np.argwhere(found.late).tolist() == [[2, 1, 2], [2, 2, 1]]


@given(problems())
@settings(max_examples=40)
def test_conflicts_are_counted_right_as_values_come_and_go(given_: Problem) -> None:
    board, rng = Board(given_), np.random.default_rng(0)
    for _ in range(8):
        code = int(rng.integers(len(given_.codes)))
        (board.drop_code if board.codes[code] else board.add_code)(code)
        board.weights = rng.random(len(given_.weights)) < 0.5
        kept, late = np.flatnonzero(board.codes), given_.late
        assert board.by_weight().tolist() == late[:, kept][:, :, kept].sum((1, 2)).tolist()
        for code, count in enumerate(board.by_code()):
            others = sorted({*kept.tolist(), code})
            assert count == late[board.weights][:, code, others].sum()


def test_gains_are_shares() -> None:
    gains = by_use([0, 3, 1], [9, 0], weight_share=0.25)
    assert gains.weights.sum() == pytest.approx(0.25) and gains.codes.sum() == pytest.approx(0.75)
    assert gains.weights[1] == pytest.approx(0.75 * 0.25, rel=1e-2)
    assert 0 < gains.weights[0] < 1e-3 and 0 < gains.codes[1] < 1e-3
    assert set(by_count(4, 2).weights) == {0.125}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: problem(np.full((3, 2, 2), 9.0), 8, by_count(3, 2), least_weight=-1), "raise the bound"),
        (lambda: problem(np.zeros((3, 2, 3)), 8, by_count(3, 2)), "expected"),
        (lambda: problem(np.full((3, 2, 2), np.nan), 8, by_count(3, 2), least_weight=-1), "nan"),
        (lambda: problem(np.zeros((3, 2, 2)), 8, by_count(3, 2), [2], least_weight=-1), r"-1\.\.1"),
        (lambda: problem(np.zeros((3, 2, 2)), 8, by_count(3, 2), floors=Floors(codes=3), least_weight=-1), "floors"),
        (
            lambda: problem(np.zeros((3, 2, 2)), 8, by_count(3, 2), [1], floors=Floors(each_sign=1), least_weight=-1),
            "0 n",
        ),
        (lambda: by_count(weight_share=1.0), "weight_share"),
        (lambda: by_use([1, -1], [1]), "0 or more"),
        (lambda: Gains(np.array([1.0, 0.0]), np.ones(2)), "above 0"),
    ],
)
def test_what_cannot_be_is_refused(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ConfigError, match=message):
        call()


def test_late_transitions_of_a_choice_are_counted_in_the_profile_itself() -> None:
    settling = np.arange(27.0).reshape(3, 3, 3)
    assert late_transitions(settling, 20.5, Choice((0, 1), (0, 2), 0), least_weight=-1) == 2  # 24 and 26 of 8
