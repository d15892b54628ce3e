"""Boolean expressions of Liberty functions and `when` conditions: parse, evaluate, print."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from wattloop.errors import LibertyError

Words = TypeVar("Words", int, npt.NDArray[np.uint64])


@dataclass(frozen=True)
class Var:
    """A pin."""

    name: str


@dataclass(frozen=True)
class Const:
    """0 or 1."""

    value: bool


@dataclass(frozen=True)
class Not:
    """Complement."""

    arg: Expr


@dataclass(frozen=True)
class And:
    """Conjunction of two or more."""

    args: tuple[Expr, ...]


@dataclass(frozen=True)
class Or:
    """Disjunction of two or more."""

    args: tuple[Expr, ...]


@dataclass(frozen=True)
class Xor:
    """Exclusive or of two or more."""

    args: tuple[Expr, ...]


Expr = Var | Const | Not | And | Or | Xor

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {And: operator.and_, Or: operator.or_, Xor: operator.xor}
_TOKEN = re.compile(r"\s*(?:([A-Za-z_][\w.]*(?:\[\d+\])?)|([01])(?!\w)|([!'&*|+^()]))")
_MAX_NESTING = 100


def parse(text: str) -> Expr:
    """Expression of a Liberty `function` or `when` string.

    From strongest to weakest: `!` before and `'` behind, `^`, then `&` or `*` or juxtaposition, then `|` or `+`.

    Raises:
        LibertyError: not an expression, or nested deeper than any function of a cell.

    >>> to_liberty(parse("(A B)+!C ^ D'"))
    '((A & B) | (!C ^ !D))'
    """
    return _Parser(text).parse()


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._at = 0
        self._nesting = 0

    def parse(self) -> Expr:
        expr = self._or()
        if self._peek():
            raise self._error(f"unexpected {self._peek()!r}")
        return expr

    def _error(self, what: str) -> LibertyError:
        shown = self._text if len(self._text) <= 80 else self._text[:77] + "..."
        return LibertyError(f"{what} in the Boolean expression {shown!r}: correct the Liberty file")

    def _split(self, text: str) -> list[str]:
        tokens, end = [], len(text.rstrip())
        position = 0
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._error(f"unexpected {text[position:].strip()[:1]!r}")
            tokens.append(match.group().strip())
            position = match.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _chain(self, operators: str, part: Callable[[], Expr], node: Callable[[tuple[Expr, ...]], Expr]) -> Expr:
        args = [part()]
        while self._peek() and self._peek() in operators:
            self._take()
            args.append(part())
        return args[0] if len(args) == 1 else node(tuple(args))

    def _or(self) -> Expr:
        return self._chain("|+", self._and, Or)

    def _and(self) -> Expr:
        args = [self._xor()]
        while self._peek() and self._peek() not in "|+)":
            if self._peek() in "&*":
                self._take()
            args.append(self._xor())
        return args[0] if len(args) == 1 else And(tuple(args))

    def _xor(self) -> Expr:
        return self._chain("^", self._unary, Xor)

    def _unary(self) -> Expr:
        complement = False
        while self._peek() == "!":
            self._take()
            complement = not complement
        expr = self._atom()
        while self._peek() == "'":
            self._take()
            complement = not complement
        return Not(expr) if complement else expr

    def _atom(self) -> Expr:
        token = self._take()
        if token == "(":
            self._nesting += 1
            if self._nesting > _MAX_NESTING:
                raise self._error(f"more than {_MAX_NESTING} nested parentheses")
            expr = self._or()
            if self._take() != ")":
                raise self._error("a parenthesis is not closed")
            self._nesting -= 1
            return expr
        if token in ("0", "1"):
            return Const(token == "1")
        if not token or token in "!'&*|+^)":
            raise self._error(
                f"an operand is missing before {token!r}" if token else "an operand is missing at the end"
            )
        return Var(token)


def variables(expr: Expr) -> tuple[str, ...]:
    """Names of the variables of `expr`, each once, in the order of their first use."""
    return tuple(dict.fromkeys(_walk(expr)))


def _walk(expr: Expr) -> list[str]:
    match expr:
        case Var(name):
            return [name]
        case Const():
            return []
        case Not(arg):
            return _walk(arg)
        case And(args) | Or(args) | Xor(args):
            return [name for arg in args for name in _walk(arg)]


def evaluate(expr: Expr, values: Mapping[str, Words], ones: Words) -> Words:
    """Bitwise value of `expr`.

    Args:
        expr: the expression.
        values: a word for each variable: a Python int, or an array of machine words.
        ones: the word with every lane at 1 (`1` for single bits, `(1 << n) - 1` for n lanes).

    Raises:
        KeyError: a variable has no value.

    >>> evaluate(parse("A !B"), {"A": 0b1100, "B": 0b1010}, 0b1111)
    4
    """
    match expr:
        case Var(name):
            return values[name]
        case Const(value):
            return ones if value else ones ^ ones
        case Not(arg):
            return evaluate(arg, values, ones) ^ ones
        case And(args) | Or(args) | Xor(args):
            return reduce(_OPERATORS[type(expr)], (evaluate(arg, values, ones) for arg in args))


def truth_table(expr: Expr, names: Sequence[str]) -> int:
    """Truth table of `expr` as an integer: bit i is its value where variable k is bit k of i.

    >>> bin(truth_table(parse("A B"), ("A", "B")))
    '0b1000'
    """
    return evaluate(expr, variable_columns(names), (1 << (1 << len(names))) - 1)


def variable_columns(names: Sequence[str]) -> dict[str, int]:
    """The truth table of each variable alone, over all of `names`."""
    size = 1 << len(names)
    return {name: sum(1 << i for i in range(size) if i >> k & 1) for k, name in enumerate(names)}


def to_liberty(expr: Expr) -> str:
    """`expr` in Liberty's syntax, with every parenthesis written out."""
    return _print(expr, lambda name: name, "!", ("0", "1"))


def to_verilog(expr: Expr, *, lanes: int = 1, rename: Callable[[str], str] = str) -> str:
    """`expr` as a Verilog expression that is bitwise over operands `lanes` bits wide.

    Args:
        expr: the expression.
        lanes: width of every operand; constants are replicated to it.
        rename: Verilog operand of each variable.

    >>> to_verilog(parse("!(A & 1)"), lanes=64, rename=lambda pin: f"n_{pin}")
    "~(n_A & {64{1'b1}})"
    """
    constants = ("1'b0", "1'b1") if lanes == 1 else (f"{{{lanes}{{1'b0}}}}", f"{{{lanes}{{1'b1}}}}")
    return _print(expr, rename, "~", constants)


def _print(expr: Expr, rename: Callable[[str], str], complement: str, constants: tuple[str, str]) -> str:
    match expr:
        case Var(name):
            return rename(name)
        case Const(value):
            return constants[value]
        case Not(arg):
            return complement + _print(arg, rename, complement, constants)
        case And(args) | Or(args) | Xor(args):
            operator = {And: " & ", Or: " | ", Xor: " ^ "}[type(expr)]
            return "(" + operator.join(_print(arg, rename, complement, constants) for arg in args) + ")"
