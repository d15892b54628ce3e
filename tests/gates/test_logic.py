"""Expressions against Python's own operators, which share nothing with the parser and the printers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.errors import LibertyError
from wattloop.gates.logic import (
    And,
    Const,
    Expr,
    Not,
    Or,
    Var,
    Xor,
    evaluate,
    parse,
    to_liberty,
    to_verilog,
    truth_table,
    variables,
)

NAMES = ("A", "B1", "CI", "D_2", "bus[3]")


def _several(parts: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    args = st.lists(parts, min_size=2, max_size=4).map(tuple)
    return st.one_of(parts.map(Not), args.map(And), args.map(Or), args.map(Xor))


EXPRESSIONS = st.recursive(
    st.one_of(st.sampled_from(NAMES).map(Var), st.booleans().map(Const)), _several, max_leaves=12
)


def value(expr: Expr, assignment: dict[str, bool]) -> bool:
    """Value by the meaning of each node, on booleans."""
    match expr:
        case Var(name):
            return assignment[name]
        case Const(constant):
            return constant
        case Not(arg):
            return not value(arg, assignment)
        case And(args):
            return all(value(arg, assignment) for arg in args)
        case Or(args):
            return any(value(arg, assignment) for arg in args)
        case Xor(args):
            return sum(value(arg, assignment) for arg in args) % 2 == 1


def assignments() -> list[dict[str, bool]]:
    """In the order of a truth table's bits: variable k is bit k of the index."""
    return [dict(zip(NAMES, bits[::-1], strict=True)) for bits in itertools.product((False, True), repeat=len(NAMES))]


@given(EXPRESSIONS)
def test_truth_table_is_the_value_under_every_assignment(expr: Expr) -> None:
    table = truth_table(expr, NAMES)
    assert [bool(table >> i & 1) for i in range(32)] == [value(expr, assignment) for assignment in assignments()]


@given(EXPRESSIONS)
def test_what_is_printed_is_read_back_as_the_same_function(expr: Expr) -> None:
    text = to_liberty(expr)
    again = parse(text)
    assert truth_table(again, NAMES) == truth_table(expr, NAMES)
    assert set(variables(again)) == set(variables(expr))
    assert parse(to_liberty(again)) == again


@given(EXPRESSIONS, st.integers(0, 31))
def test_verilog_means_the_same_to_python_which_shares_its_operators(expr: Expr, row: int) -> None:
    assignment = assignments()[row]
    renamed = {name: f"v{k}" for k, name in enumerate(NAMES)}
    text = to_verilog(expr, rename=renamed.__getitem__)
    assert "~~" not in text  # Icarus rejects it
    scope = {renamed[name]: int(bit) for name, bit in assignment.items()}
    got = eval(text.replace("1'b0", "0").replace("1'b1", "1"), {"__builtins__": {}}, scope)
    assert bool(got & 1) == value(expr, assignment)


@given(EXPRESSIONS, st.lists(st.integers(0, 2**64 - 1), min_size=len(NAMES), max_size=len(NAMES)))
def test_words_and_arrays_of_words_agree_lane_by_lane(expr: Expr, words: list[int]) -> None:
    ones = 2**64 - 1
    plain = evaluate(expr, dict(zip(NAMES, words, strict=True)), ones)
    arrays = {name: np.array([word], np.uint64) for name, word in zip(NAMES, words, strict=True)}
    assert evaluate(expr, arrays, np.array([ones], np.uint64))[0] == plain
    for lane in (0, 1, 63):
        bits = {name: bool(word >> lane & 1) for name, word in zip(NAMES, words, strict=True)}
        assert bool(plain >> lane & 1) == value(expr, bits)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("A B1", And((Var("A"), Var("B1")))),
        ("A*B1", And((Var("A"), Var("B1")))),
        ("A' + !B1", Or((Not(Var("A")), Not(Var("B1"))))),
        ("A & B1 | CI", Or((And((Var("A"), Var("B1"))), Var("CI")))),
        ("A | B1 ^ CI", Or((Var("A"), Xor((Var("B1"), Var("CI")))))),
        ("A B1 ^ CI", And((Var("A"), Xor((Var("B1"), Var("CI")))))),
        ("!A'", Var("A")),
        ("(A B1)'", Not(And((Var("A"), Var("B1"))))),
        (" 1 ", Const(True)),
        ("!0", Not(Const(False))),
    ],
)
def test_precedence_is_libertys(text: str, meaning: Expr) -> None:
    assert parse(text) == meaning


@pytest.mark.parametrize("text", ["", "  ", "A &", "& A", "(A", "A)", "A ? B", "!", "A | | B1", "2", "(" * 200 + "A"])
def test_what_is_not_an_expression_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(LibertyError, match=r"correct the Liberty file$") as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.text(alphabet="AB01!'&*|+^() \t", max_size=30))
def test_any_text_is_an_expression_or_a_liberty_error(text: str) -> None:
    try:
        expr = parse(text)
    except LibertyError:
        return
    assert parse(to_liberty(expr)) is not None


def test_a_variable_without_a_value_is_missed_loudly() -> None:
    with pytest.raises(KeyError):
        evaluate(parse("A & B1"), {"A": 1}, 1)
