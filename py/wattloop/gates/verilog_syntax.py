"""The syntax of a structural Verilog netlist, from the pyverilog package, as bits that are declared and connected."""

from __future__ import annotations

import functools
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ply.yacc import NullLogger, yacc  # type: ignore[import-untyped]
from pyverilog.vparser import ast
from pyverilog.vparser.lexer import VerilogLexer
from pyverilog.vparser.parser import ParseError, VerilogParser

from wattloop.errors import NetlistError
from wattloop.gates.input_file import read_input

_SIZED = re.compile(r"(\d+)'s?([bodh])([0-9a-fxz_]+)$", re.IGNORECASE)
_LIMIT_MIB = 256
_MAX_BITS = 1 << 20  # of one name or operand
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}

Node = Any  # of pyverilog's syntax tree, which has no types
ZERO, ONE = "1'b0", "1'b1"  # the bits that stand for constants


class _QuietParser(VerilogParser):  # type: ignore[misc]  # pyverilog is untyped
    """pyverilog's parser without the files and messages that its own constructor leaves behind."""

    def __init__(self) -> None:
        self.lexer = VerilogLexer(error_func=self._lexer_error_func)
        self.lexer.build()
        self.tokens = self.lexer.tokens
        self.parser = yacc(module=self, method="LALR", debug=False, write_tables=False, errorlog=NullLogger())


@functools.cache
def _parser() -> _QuietParser:
    return _QuietParser()  # 0.8 s for its tables: once a process


@dataclass(frozen=True)
class Placed:
    """An instance as written: bits at each connected pin, most significant first."""

    name: str
    cell: str
    pins: dict[str, list[str]]


@dataclass
class Module:
    """A module as written. A bit is `name` of a scalar, `name[i]` of a vector, or one of `ZERO`, `ONE`.

    Attributes:
        name: module name.
        widths: bits of each declared name, least significant first.
        directions: "input", "output" or "inout" by port name, in the order of declaration.
        assigns: (left bit, right bit) pairs.
        instances: in file order.
    """

    name: str
    widths: dict[str, list[str]] = field(default_factory=dict)
    directions: dict[str, str] = field(default_factory=dict)
    assigns: list[tuple[str, str]] = field(default_factory=list)
    instances: list[Placed] = field(default_factory=list)


def read_module(path: Path, top: str | None, cells: Container[str] = ()) -> Module:
    """Module `top` of a Verilog file, or its only one; modules that it places are dissolved (but those of `cells`).

    Raises:
        NetlistError: unreadable, not structural Verilog, or no such module; names the file and what stands there.
    """
    text = read_input(path, "netlist", NetlistError, kind="Verilog file", limit_mib=_LIMIT_MIB).decode(errors="replace")
    parser = _parser()
    parser.lexer.reset_lineno()
    try:
        source = parser.parse(text)
    except (ParseError, AttributeError, IndexError, ValueError, RecursionError) as error:
        # pyverilog's lexer and its actions fall over malformed text with more than their own error
        raise NetlistError(f"{path} is not structural Verilog: {error}; give a netlist of one mapped module") from error
    found = [d for d in source.description.definitions if isinstance(d, ast.ModuleDef)]
    modules = [m for m in found if top is None or _plain_name(m.name) == top]
    if len(modules) != 1:
        names = ", ".join(m.name for m in found) or "none"
        raise NetlistError(f"{path}: expected one module{f' named {top}' if top else ''}; it holds: {names}")
    return _flattened(_plain_name(modules[0].name), {n: d for d in found if (n := _plain_name(d.name)) not in cells})


def _flattened(top: str, known: Mapping[str, Node]) -> Module:
    """Module `top` with the modules that it places dissolved: names within an instance start with its name and `/`.

    Raises:
        NetlistError: a module that places itself, or a connection of another width than its port.
    """
    done: dict[str, Module] = {}

    def dissolve(name: str, above: tuple[str, ...]) -> Module:
        if name in above:
            raise NetlistError(f"module {name} places itself: give a netlist of library cells")
        if name not in done:
            module = _Reader(known[name]).module
            placed = [p for p in module.instances if p.cell in known]
            module.instances[:] = [p for p in module.instances if p.cell not in known]
            for instance in placed:
                _dissolve_into(module, instance, dissolve(instance.cell, (*above, name)))
            done[name] = module
        return done[name]

    return dissolve(top, ())


def _dissolve_into(module: Module, placed: Placed, inner: Module) -> None:
    def outside(bit: str) -> str:
        return bit if bit in (ZERO, ONE) else f"{placed.name}/{bit}"

    for name, bits in inner.widths.items():
        module.widths[f"{placed.name}/{name}"] = [outside(bit) for bit in bits]
    for port, bits in placed.pins.items():
        inside = inner.widths.get(port, []) if port in inner.directions else []
        if len(inside) != len(bits):
            raise NetlistError(
                f"netlist {module.name}: instance {placed.name} connects {len(bits)} bits to port {port} of module "
                f"{placed.cell}, which has {len(inside)}: correct the netlist"
            )
        # bits of a connection stand most significant first, those of a name least significant first
        module.assigns += zip(map(outside, reversed(inside)), bits, strict=True)
    module.assigns += ((outside(left), outside(right)) for left, right in inner.assigns)
    module.instances += (
        Placed(outside(p.name), p.cell, {pin: [outside(bit) for bit in bits] for pin, bits in p.pins.items()})
        for p in inner.instances
    )


def _plain_name(name: str) -> str:
    return name[1:].rstrip() if name.startswith("\\") else name


class _Reader:
    """Walks one module definition."""

    def __init__(self, definition: Node) -> None:
        self.module = Module(_plain_name(definition.name))
        for port in definition.portlist.ports if definition.portlist else ():
            if isinstance(port, ast.Ioport):
                self._declare(port.first)
        pending = []
        for item in definition.items:
            if isinstance(item, ast.Decl):
                for declared in item.list:
                    self._declare(declared)
            else:
                pending.append(item)
        for item in pending:  # names may be used above their declaration
            self._item(item)

    def _error(self, what: str) -> NetlistError:
        return NetlistError(f"netlist {self.module.name}: {what}; give a flat netlist of library cells")

    def _declare(self, declared: Node) -> None:
        if isinstance(declared, ast.Parameter | ast.Reg | ast.Integer) and not isinstance(declared, ast.Supply):
            raise self._error(f"{type(declared).__name__.lower()} {declared.name} is not structural")
        name = _plain_name(declared.name)
        if name not in self.module.widths or declared.width is not None:
            self.module.widths[name] = self._bits_of(name, declared.width)
        kinds = {ast.Input: "input", ast.Output: "output", ast.Inout: "inout"}
        if type(declared) in kinds:
            self.module.directions[name] = kinds[type(declared)]
        if isinstance(declared, ast.Supply):
            bit = ONE if str(declared.value) in ("1", ONE) else ZERO
            self.module.assigns += [(b, bit) for b in self.module.widths[name]]

    def _bits_of(self, name: str, width: Node) -> list[str]:
        if width is None:
            return [name]
        msb, lsb = self._integer(width.msb), self._integer(width.lsb)
        self._limit(abs(msb - lsb) + 1)
        step = 1 if msb >= lsb else -1
        return [f"{name}[{i}]" for i in range(lsb, msb + step, step)]

    def _item(self, item: Node) -> None:
        if isinstance(item, ast.Assign):
            left, right = self._bits(item.left.var), self._bits(item.right.var)
            if len(left) != len(right):
                raise self._error(f"an assign has {len(left)} bits on its left and {len(right)} on its right")
            self.module.assigns += zip(left, right, strict=True)
        elif isinstance(item, ast.InstanceList):
            self.module.instances += (self._placed(instance) for instance in item.instances)
        else:
            raise self._error(f"{type(item).__name__} (line {item.lineno}) is not structural")

    def _placed(self, instance: Node) -> Placed:
        name = _plain_name(instance.name)
        pins = {}
        for connection in instance.portlist:
            if connection.portname is None:
                raise self._error(f"instance {name} is connected by position, not by pin name")
            if connection.argname is not None:
                pins[_plain_name(connection.portname)] = self._bits(connection.argname)
        return Placed(name, _plain_name(instance.module), pins)

    def _bits(self, expr: Node) -> list[str]:
        """Bits of an operand, most significant first."""
        return list(self._walk(expr))

    def _walk(self, expr: Node) -> Iterator[str]:
        match expr:
            case ast.Concat() | ast.LConcat():
                for part in expr.list:
                    yield from self._walk(part)
            case ast.Repeat():
                bits, times = self._bits(expr.value), self._integer(expr.times)
                self._limit(len(bits) * times)
                yield from bits * times
            case ast.Identifier():
                name = _plain_name(expr.name)
                yield from reversed(self.module.widths.setdefault(name, [name]))
            case ast.Pointer():
                yield self._select(expr.var, self._integer(expr.ptr))
            case ast.Partselect():
                msb, lsb = self._integer(expr.msb), self._integer(expr.lsb)
                self._limit(abs(msb - lsb) + 1)
                step = -1 if msb >= lsb else 1
                for index in range(msb, lsb + step, step):
                    yield self._select(expr.var, index)
            case ast.IntConst():
                yield from self._constant(expr.value)
            case _:
                raise self._error(f"{type(expr).__name__} in a connection is not structural")

    def _select(self, var: Node, index: int) -> str:
        bit = f"{_plain_name(var.name)}[{index}]"
        if bit not in self.module.widths.get(_plain_name(var.name), ()):
            raise self._error(f"{bit} is not a bit of a declared net")
        return bit

    def _constant(self, text: str) -> Iterator[str]:
        match = _SIZED.match(text.replace(" ", ""))
        if match is None:
            raise self._error(f"the constant {text} has no size")
        try:
            value = int(match[3].replace("_", ""), _BASES[match[2].lower()])
        except ValueError:
            raise self._error(f"the constant {text} is not 0 or 1 in every bit") from None
        width = int(match[1][:20])
        self._limit(width)
        for k in reversed(range(width)):
            yield ONE if value >> k & 1 else ZERO

    def _limit(self, bits: int) -> None:
        if bits > _MAX_BITS:
            raise self._error(f"an operand of {bits} bits is more than any netlist has")

    def _integer(self, expr: Node) -> int:
        try:
            return int(expr.value)
        except (AttributeError, ValueError):
            raise self._error("an index or a width is not a plain number") from None
