"""Boolean expressions of Liberty functions and `when` conditions."""

from __future__ import annotations

from dataclasses import dataclass


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
