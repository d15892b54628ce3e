"""The cells' logic functions as the kernels know them: bitwise C expressions over numbered inputs."""

from __future__ import annotations

from dataclasses import dataclass

from wattloop.errors import LibertyError
from wattloop.gates.library import CellType, Library
from wattloop.gates.logic import And, Const, Expr, Not, Or, Var, Xor, variables


@dataclass(frozen=True, order=True)
class Function:
    """A function of `fan_in` inputs, the same for every cell pin that computes it.

    Attributes:
        fan_in: number of inputs.
        text: C expression over `X(0)`, `X(1)`, ...: the inputs in the order of their first use.
    """

    fan_in: int
    text: str


def function_of(expr: Expr) -> tuple[Function, tuple[str, ...]]:
    """The function of `expr`, and the pins that are its inputs 0, 1, ...

    >>> from wattloop.gates.logic import parse
    >>> function_of(parse("!(B & (A | 0))"))
    (Function(fan_in=2, text='~(X(0) & (X(1) | ZERO))'), ('B', 'A'))
    """
    pins = variables(expr)
    position = {pin: k for k, pin in enumerate(pins)}
    return Function(len(pins), _print(expr, position)), pins


_OF_LIBRARY: dict[str, frozenset[Function]] = {}


def library_functions(library: Library) -> frozenset[Function]:
    """Functions of all combinational cells of `library` that can be simulated; remembered by the file's digest."""
    if library.sha256 not in _OF_LIBRARY:
        _OF_LIBRARY[library.sha256] = frozenset(_library_functions(library))
    return _OF_LIBRARY[library.sha256]


def _library_functions(library: Library) -> set[Function]:
    found: set[Function] = set()
    for name in library.cells:
        try:
            cell = library.cells[name]
        except LibertyError:
            continue  # damaged, but no netlist at hand uses it: whoever does gets the error
        found |= cell_functions(cell)
    return found


def cell_functions(cell: CellType) -> set[Function]:
    """Functions of the output pins of a combinational cell; none for other cells."""
    if cell.unsupported or cell.flop is not None or cell.clock_gate is not None:
        return set()
    return {function_of(pin.function)[0] for pin in cell.outputs.values() if pin.function is not None}


def _print(expr: Expr, position: dict[str, int]) -> str:
    match expr:
        case Var(name):
            return f"X({position[name]})"
        case Const(value):
            return "~ZERO" if value else "ZERO"
        case Not(Not(arg)):  # Verilog has no "~~"
            return _print(arg, position)
        case Not(arg):
            return "~" + _print(arg, position)
        case And(args) | Or(args) | Xor(args):
            operator = {And: " & ", Or: " | ", Xor: " ^ "}[type(expr)]
            return "(" + operator.join(_print(arg, position) for arg in args) + ")"
