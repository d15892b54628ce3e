"""A mapped Verilog netlist into `Netlist`: names joined into nets, every cell and pin checked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wattloop.errors import NetlistError
from wattloop.gates.library import CellType, Library
from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.verilog_syntax import ONE, ZERO, Module, Placed, read_module


def read_netlist(path: str | Path, library: Library, top: str | None = None, *, simulated: bool = True) -> Netlist:
    """Netlist of the module `top`, or of the file's only module.

    Args:
        path: the file, gzip or not.
        library: its cells.
        top: which module, of several.
        simulated: refuse cells that the engines cannot simulate; what has an activity already needs their figures only.

    Raises:
        NetlistError: not structural Verilog; a cell or pin that the library does not have, or that the engines cannot
            use; a net that nothing or more than one thing drives; a combinational loop.
    """
    module = read_module(Path(path), top, library.cells)
    for port, direction in module.directions.items():
        if direction == "inout":
            raise NetlistError(f"netlist {module.name}: port {port} is bidirectional, which wattloop does not simulate")
    for placed in module.instances:
        _check(module, placed, library, simulated=simulated)
    netlist = _Builder(module, library).netlist()
    _ = netlist.combinational  # a loop is an error of the file, so it is raised here
    return netlist


def _check(module: Module, placed: Placed, library: Library, *, simulated: bool) -> None:
    where = f"netlist {module.name}: instance {placed.name}"
    if placed.cell not in library.cells:
        raise NetlistError(
            f"{where} is of the unknown cell {placed.cell}: give the netlist's Liberty library (this is {library.name})"
        )
    cell = library.cells[placed.cell]
    if reason := cell.unsupported if simulated else cell.unreadable:
        raise NetlistError(f"{where}: {reason}")
    for pin, bits in placed.pins.items():
        if pin not in {**cell.inputs, **cell.outputs} and pin not in cell.power_pins:
            raise NetlistError(f"{where}: cell {cell.name} has no pin {pin}; it has {', '.join(_signal_pins(cell))}")
        if len(bits) != 1:
            raise NetlistError(f"{where}: pin {pin} is connected to {len(bits)} bits")
    for pin in cell.inputs:
        if pin not in placed.pins:
            raise NetlistError(f"{where}: input pin {pin} is not connected")


def _signal_pins(cell: CellType) -> list[str]:
    return [*cell.inputs, *cell.outputs]


class _Builder:
    """Joins bits into nets and numbers them."""

    def __init__(self, module: Module, library: Library) -> None:
        self._module = module
        self._library = library
        self._parent: dict[str, str] = {}
        for left, right in module.assigns:
            self._parent[self._root(left)] = self._root(right)
        self._drivers = self._find_drivers()

    def _root(self, bit: str) -> str:
        root = bit
        while (parent := self._parent.get(root, root)) != root:
            root = parent
        while bit != root:  # path compression
            self._parent[bit], bit = root, self._parent.get(bit, root)
        return root

    def _port_bits(self, direction: str) -> Iterable[str]:
        ports = (port for port, is_a in self._module.directions.items() if is_a == direction)
        return (bit for port in ports for bit in self._module.widths[port])

    def _pin_bits(self, outputs: bool) -> Iterable[tuple[str, str]]:
        """(bit, "instance.pin") of every connected output or input pin."""
        for placed in self._module.instances:
            cell = self._library.cells[placed.cell]
            for pin in cell.outputs if outputs else cell.inputs:
                if pin in placed.pins:
                    yield placed.pins[pin][0], f"{placed.name}.{pin}"

    def _find_drivers(self) -> dict[str, str]:
        """What drives each root bit."""
        found: dict[str, str] = {}
        claims = [(ZERO, "the constant 0"), (ONE, "the constant 1")]
        claims += [(bit, f"input port {bit}") for bit in self._port_bits("input")]
        claims += self._pin_bits(outputs=True)
        for bit, driver in claims:
            root = self._root(bit)
            if root in found:
                raise NetlistError(
                    f"netlist {self._module.name}: net {bit} is driven twice, by {found[root]} and {driver}: remove one"
                )
            found[root] = driver
        return found

    def netlist(self) -> Netlist:
        """The netlist, of the nets that something drives or reads."""
        used = {self._root(bit): f"{pin} reads" for bit, pin in self._pin_bits(outputs=False)}
        used |= {self._root(bit): f"port {bit} gives out" for bit in self._port_bits("output")}
        for root, reader in used.items():
            if root not in self._drivers:
                raise NetlistError(f"netlist {self._module.name}: nothing drives net {root}, which {reader}: drive it")
        idle = {self._root(ZERO), self._root(ONE)} - set(used)  # constants that nothing reads
        members: dict[str, list[str]] = {}
        for bit in self._declared():
            if (root := self._root(bit)) in self._drivers and root not in idle:
                members.setdefault(root, []).append(bit)
        index = {root: k for k, root in enumerate(members)}
        constants = {index[root]: value for value, bit in enumerate((ZERO, ONE)) if (root := self._root(bit)) in index}
        return Netlist(
            name=self._module.name,
            library=self._library,
            nets=tuple(min(bits, key=_generated) for bits in members.values()),
            aliases={bit: index[root] for root, bits in members.items() for bit in bits},
            inputs=self._ports("input", index),
            outputs=self._ports("output", index),
            constants=constants,
            instances=tuple(self._instance(placed, index) for placed in self._module.instances),
        )

    def _declared(self) -> Iterable[str]:
        yield from (bit for bits in self._module.widths.values() for bit in bits)
        yield from (ZERO, ONE)

    def _ports(self, direction: str, index: dict[str, int]) -> dict[str, tuple[int, ...]]:
        return {
            port: tuple(index[self._root(bit)] for bit in self._module.widths[port])
            for port, is_a in self._module.directions.items()
            if is_a == direction
        }

    def _instance(self, placed: Placed, index: dict[str, int]) -> Instance:
        cell = self._library.cells[placed.cell]
        pins = {pin: index[self._root(placed.pins[pin][0])] for pin in _signal_pins(cell) if pin in placed.pins}
        return Instance(placed.name, placed.cell, pins)


def _generated(name: str) -> bool:
    """Synthesis made the name up; sorts after the names that a person gave."""
    return name.startswith("_")
