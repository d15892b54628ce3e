"""Selection problems: what is late, what may be kept, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from tests.compression.powerpruning.small import BOUND_PS, delay_tables, problems, table

from wattloop.compression.powerpruning.board import Board
from wattloop.compression.powerpruning.gains import Gains, by_count, by_use
from wattloop.compression.powerpruning.problem import Choice, DelayTable, Floors, Problem, late_transitions, problem
from wattloop.errors import ConfigError


@given(delay_tables())
def test_a_selection_is_possible_just_where_no_kept_transition_is_late(delays: DelayTable) -> None:
    weights, codes = delays.settling_ps.shape[:2]
    found = problem(delays, BOUND_PS, by_count(weights, codes))
    rng = np.random.default_rng(0)
    for _ in range(10):
        kept, values = rng.random(weights) < 0.6, rng.random(codes) < 0.6
        kept[weights // 2] = values[0] = True
        late = late_transitions(delays, BOUND_PS, found.choice(kept, values))
        assert found.possible(kept, values) == (late == 0)


def test_either_order_of_two_codes_is_a_conflict_once() -> None:
    settling = np.zeros((3, 4, 4))
    settling[0, 1, 2] = settling[0, 2, 1] = settling[2, 3, 1] = 101
    settling[2, 3, 3] = 101
    assert problem(table(settling), 100, by_count(3, 4)).conflicts == 3
    assert problem(table(settling), 101, by_count(3, 4)).conflicts == 0


def test_candidates_are_those_given_and_zero() -> None:
    settling = np.zeros((256, 4, 4), np.uint16)
    settling[128 + 7, 1, 2] = 9
    found = problem(table(settling), 8, by_count(256, 4), [7, -3])
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
        (lambda: problem(table(np.full((3, 2, 2), 9.0)), 8, by_count(3, 2)), "raise the bound"),
        (lambda: problem(table(np.zeros((3, 2, 3))), 8, by_count(3, 2)), "give times of shape"),
        (lambda: problem(table(np.zeros((3, 2, 2))), 8, by_count(2, 2)), "2 and 2 gains"),
        (lambda: problem(table(np.full((3, 2, 2), np.nan)), 8, by_count(3, 2)), "nan"),
        (lambda: problem(table(np.zeros((3, 2, 2))), 8, by_count(3, 2), [2]), r"weights \[2\] were not timed"),
        (lambda: problem(table(np.zeros((3, 2, 2))), 8, by_count(3, 2), floors=Floors(codes=3)), "floors"),
        (lambda: problem(table(np.zeros((3, 2, 2))), 8, by_count(3, 2), [1], floors=Floors(each_sign=1)), "0 negative"),
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
    delays = DelayTable(np.array([-4, 0, 9]), np.array([0, 3, 8]), np.arange(27).reshape(3, 3, 3))
    assert late_transitions(delays, 20.5, Choice((0, 9), (0, 8), 0)) == 2  # 24 and 26 of 8


def test_a_cell_that_holds_few_weights_is_timed_for_those() -> None:
    delays = DelayTable(np.array([-4, 0, 1, 8]), np.arange(3), np.arange(36).reshape(4, 3, 3))
    found = problem(delays, 30, by_count(4, 3), [8])
    assert found.weights.tolist() == [0, 8]
    # 27..35 under weight 8: from 1 to 1 is 31, and either order of two codes counts.
    assert found.late[1].tolist() == [[False, False, True], [False, True, True], [True, True, True]]
