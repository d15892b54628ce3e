"""A module as flat Verilog in one plain form, which simulators, power tools and wattloop's own reader take alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wattloop.gates.cell_models import identifier
from wattloop.gates.library import CellType
from wattloop.gates.verilog_syntax import ONE, ZERO, Module


def flat_verilog(module: Module, cells: Mapping[str, CellType]) -> str:
    """Verilog of `module`; read back it gives the same nets, cells and names in the same order.

    Args:
        module: flat, of `cells` alone.
        cells: of the library, by name.
    """
    names = _names(module)
    lines = [f"module {identifier(module.name)} (", ",\n".join(f"  {identifier(port)}" for port in module.directions)]
    lines.append(");")
    for name, bits in module.widths.items():
        if name in module.directions:
            lines.append(f"  {module.directions[name]} {_range(name, bits)}{identifier(name)};")
        lines.append(f"  wire {_range(name, bits)}{identifier(name)};")
    lines += [f"  assign {names[bit]} = {names[driver]};" for bit, driver in _joined(module, cells)]
    for placed in module.instances:
        pins = ", ".join(f".{identifier(pin)}({_operand(bits, names)})" for pin, bits in placed.pins.items())
        lines.append(f"  {identifier(placed.cell)} {identifier(placed.name)} ({pins});")
    return "\n".join([*lines, "endmodule", ""])


def _names(module: Module) -> dict[str, str]:
    """Each bit as Verilog writes it."""
    found = {ZERO: ZERO, ONE: ONE}
    for name, bits in module.widths.items():
        found |= {bit: identifier(name) + bit[len(name) :] for bit in bits}
    return found


def _range(name: str, bits: Sequence[str]) -> str:
    if list(bits) == [name]:
        return ""
    least, most = (bit[len(name) + 1 : -1] for bit in (bits[0], bits[-1]))
    return f"[{most}:{least}] "


def _operand(bits: Sequence[str], names: Mapping[str, str]) -> str:
    return names[bits[0]] if len(bits) == 1 else f"{{{', '.join(names[bit] for bit in bits)}}}"


def _joined(module: Module, cells: Mapping[str, CellType]) -> Iterator[tuple[str, str]]:
    """(bit, driver) of every further name of a net: simulators take an assignment from the driver on only."""
    parent: dict[str, str] = {}

    def root(bit: str) -> str:
        while (above := parent.get(bit, bit)) != bit:
            parent[bit] = parent.get(above, above)
            bit = above
        return bit

    for left, right in module.assigns:
        parent[root(left)] = root(right)
    drivers = {root(bit): bit for bit in _driving(module, cells)}
    for bits in module.widths.values():
        for bit in bits:
            driver = drivers.get(root(bit), bit)
            if driver != bit:
                yield bit, driver


def _driving(module: Module, cells: Mapping[str, CellType]) -> Iterator[str]:
    yield from (ZERO, ONE)
    for port, direction in module.directions.items():
        if direction == "input":
            yield from module.widths[port]
    for placed in module.instances:
        for pin, bits in placed.pins.items():
            if pin in cells[placed.cell].outputs:
                yield from bits
