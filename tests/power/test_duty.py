"""Probabilities of functions of independent pins."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wattloop.gates.logic import And, Const, Expr, Not, Or, Var, Xor, evaluate, parse, variables
from wattloop.power.duty import Duty

PINS = ("A", "B", "C", "D")
EXPRESSIONS: st.SearchStrategy[Expr] = st.recursive(
    st.sampled_from([*map(Var, PINS), Const(True), Const(False)]),
    lambda inner: st.one_of(
        inner.map(Not),
        *(
            st.lists(inner, min_size=2, max_size=3).map(lambda args, node=node: node(tuple(args)))
            for node in (And, Or, Xor)
        ),
    ),
    max_leaves=8,
)
DUTIES = st.fixed_dictionaries({pin: st.floats(0, 1) for pin in PINS})


def enumerated(expr: Expr, duties: dict[str, float]) -> float:
    """Sum of the probabilities of all states in which `expr` is 1."""
    return sum(
        math.prod(duties[pin] if bit else 1 - duties[pin] for pin, bit in zip(PINS, state, strict=True))
        for state in itertools.product((0, 1), repeat=len(PINS))
        if evaluate(expr, dict(zip(PINS, state, strict=True)), 1)
    )


def probability(duty: Duty, duties: dict[str, float]) -> float:
    return float(duty.probability([np.array([duties[pin]]) for pin in duty.pins]).ravel()[0])


@given(EXPRESSIONS, DUTIES)
def test_probability_is_the_sum_over_all_states(expr: Expr, duties: dict[str, float]) -> None:
    assert math.isclose(probability(Duty.of(expr), duties), enumerated(expr, duties), abs_tol=1e-12)


@given(EXPRESSIONS, DUTIES)
def test_the_difference_is_where_the_pin_decides(expr: Expr, duties: dict[str, float]) -> None:
    for pin in variables(expr):
        low, high = (enumerated_xor(expr, pin, duties, side) for side in (0.0, 1.0))
        found = probability(Duty.of_difference(expr, pin), duties)
        assert math.isclose(found, low, abs_tol=1e-12)
        assert math.isclose(found, high, abs_tol=1e-12)  # whatever the pin itself does


def enumerated_xor(expr: Expr, pin: str, duties: dict[str, float], side: float) -> float:
    low, high = (_with(expr, pin, Const(value)) for value in (False, True))
    return enumerated(Xor((low, high)), duties | {pin: side})


def _with(expr: Expr, pin: str, value: Const) -> Expr:
    match expr:
        case Var(name):
            return value if name == pin else expr
        case Const():
            return expr
        case Not(arg):
            return Not(_with(arg, pin, value))
        case And(args) | Or(args) | Xor(args):
            return type(expr)(tuple(_with(arg, pin, value) for arg in args))


def test_probabilities_keep_the_shape_of_the_duties() -> None:
    duties = [np.array([[0.5, 1.0], [0.0, 0.25]]), np.array([[0.5, 0.5], [1.0, 1.0]])]
    np.testing.assert_allclose(Duty.of(parse("A B")).probability(duties), [[0.25, 0.5], [0.0, 0.25]])
    assert Duty.of(Const(True)).probability([]).shape == ()
