"""A user's netlist under wattloop's names: module, ports and registers; everything else is left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from wattloop.errors import LibertyError
from wattloop.gates.library import CellType, Library
from wattloop.gates.logic import Not, Var
from wattloop.gates.netlist import Netlist
from wattloop.gates.netlist_reader import read_netlist
from wattloop.gates.spec import MacSpec
from wattloop.gates.verilog_syntax import ONE, ZERO, Module, Placed, read_module
from wattloop.own.cell import INPUTS, OURS, OwnMac, OwnPorts
from wattloop.own.interface import check_ports
from wattloop.own.registers import find_registers
from wattloop.own.writer import flat_verilog

_INNER = "own/"  # before a name of the user's that stands for something else in wattloop


def adopt_netlist(own: OwnMac, path: Path, spec: MacSpec, library: Library, target: Path) -> Netlist:
    """Write a user's netlist to `target`: module `spec.module_name`, with wattloop's ports and registers.

    Raises:
        NetlistError: it cannot be read, or its ports or registers are not those of the cell; names what is wrong.
        LibertyError: a port acts at the other level, and the library has no inverter.
    """
    module = read_module(path, own.module, library.cells)
    check_ports(own, spec, {name: (is_a, len(module.widths[name])) for name, is_a in module.directions.items()})
    _ = read_netlist(path, library, own.module)  # what it has to complain of comes in the user's names
    return _named(_mapped(module, own, spec, library), spec, library, target)


def name_registers(path: Path, spec: MacSpec, library: Library) -> Netlist:
    """Write the netlist at `path` anew, its registers called as in wattloop's own cells.

    Raises:
        NetlistError: they are not those of the cell.
    """
    return _named(read_module(path, spec.module_name, library.cells), spec, library, path)


def _named(module: Module, spec: MacSpec, library: Library, target: Path) -> Netlist:
    target.write_text(flat_verilog(module, library.cells))
    netlist = read_netlist(target, library, spec.module_name)
    drivers: dict[int, str] = {}
    for bit, net in netlist.aliases.items():
        drivers.setdefault(net, bit)
    wanted = {
        f"{name}[{k}]": (net, name)
        for name, nets in find_registers(netlist, spec).items()
        for k, net in enumerate(nets)
    }
    missing = {name for bit, (net, name) in wanted.items() if netlist.aliases.get(bit) != net}
    if missing:
        found = _renamed(module, {name: _INNER + name for name in missing})
        moved = dict(zip(_bits(module), _bits(found), strict=True))
        for bit, (net, name) in wanted.items():
            if name in missing:
                found.widths.setdefault(name, []).append(bit)
                found.assigns.append((bit, moved[drivers[net]]))
        target.write_text(flat_verilog(found, library.cells))
    return read_netlist(target, library, spec.module_name)


def _bits(module: Module) -> list[str]:
    return [bit for declared in module.widths.values() for bit in declared]


def _mapped(module: Module, own: OwnMac, spec: MacSpec, library: Library) -> Module:
    """The module with wattloop's ports."""
    ports = {getattr(own.ports, each.name): getattr(OURS, each.name) for each in fields(OwnPorts)}
    inner = {name: _INNER + name for name in ports.values() if name not in ports}
    inner |= {getattr(own.ports, role): _INNER + getattr(own.ports, role) for role in own.inverted}
    found = _renamed(module, {**ports, **inner})
    found.name = spec.module_name
    for port, value in own.tied.items():
        bits = found.widths[port]
        found.assigns += [(bit, ONE if value >> k & 1 else ZERO) for k, bit in enumerate(bits)]
    for port in (*own.tied, *own.open):
        del found.directions[port]
    for role in own.inverted:
        _invert(found, getattr(OURS, role), _INNER + getattr(own.ports, role), library)
    return found


def _invert(module: Module, port: str, inner: str, library: Library) -> None:
    """Put the library's smallest inverter between a port of wattloop's and the user's."""
    assert port in {getattr(OURS, role) for role in INPUTS}
    inverter = _inverter(library)
    module.widths[port] = [port]
    module.directions[port] = module.directions.pop(inner)
    (source,), (output,) = inverter.inputs, inverter.outputs
    pins = {source: [port], output: list(module.widths[inner])}
    module.instances.append(Placed(f"{_INNER}inverter_{port}", inverter.name, pins))


def _inverter(library: Library) -> CellType:
    def inverts(cell: CellType) -> bool:
        functions = [pin.function for pin in cell.outputs.values()]
        plain = not (cell.unsupported or cell.sequential) and len(cell.inputs) == len(functions) == 1
        return plain and isinstance(functions[0], Not) and isinstance(functions[0].arg, Var)

    usable = [cell for cell in library.cells.values() if inverts(cell)]
    if not usable:
        raise LibertyError(f"library {library.name} has no inverter: give a cell with reset and load as wattloop's")
    return min(usable, key=lambda cell: cell.area_um2)


def _renamed(module: Module, names: Mapping[str, str]) -> Module:
    """A copy in which nets and ports are called otherwise."""
    bits = {
        bit: names.get(name, name) + bit[len(name) :] for name, declared in module.widths.items() for bit in declared
    }

    def new(some: list[str]) -> list[str]:
        return [bits.get(bit, bit) for bit in some]

    return Module(
        module.name,
        {names.get(name, name): new(declared) for name, declared in module.widths.items()},
        {names.get(port, port): direction for port, direction in module.directions.items()},
        [(bits.get(left, left), bits.get(right, right)) for left, right in module.assigns],
        [Placed(p.name, p.cell, {pin: new(some) for pin, some in p.pins.items()}) for p in module.instances],
    )
