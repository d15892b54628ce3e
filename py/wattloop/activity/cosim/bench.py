"""A netlist re-rendered as an activity bench: the same cells, every net 64 lanes wide, counters beside them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jinja2

from wattloop import resources
from wattloop.activity.drive import driven_nets, twin_outputs
from wattloop.activity.pack import LANES
from wattloop.errors import NetlistError
from wattloop.gates.cell_models import output_expression
from wattloop.gates.logic import to_verilog
from wattloop.gates.netlist import Instance, Netlist

TOP = "activity_bench"
STIMULUS = "stimulus.bin"
RESULTS = "results.bin"


@dataclass(frozen=True)
class CellLine:
    """One evaluated cell output.

    Attributes:
        index: where its net stands in the bench.
        expression: its function in Verilog.
    """

    index: int
    expression: str


@dataclass(frozen=True)
class Bench:
    """The bench of a netlist.

    Attributes:
        text: SystemVerilog, module `activity_bench`.
        order: net of the netlist at each index of the bench; the first `sources` are driven by the stimulus.
        sources: how many those are.
    """

    text: str
    order: tuple[int, ...]
    sources: int


@functools.cache
def _template() -> jinja2.Template:
    return resources.templates("rtl").get_template("activity_bench.sv.j2")


def render_bench(netlist: Netlist) -> Bench:
    """The bench of `netlist`, its flip-flops cut, its clock gates left out: what they give out is a clock.

    Raises:
        NetlistError: a combinational loop, or a cell that cannot be simulated.
    """
    sources = driven_nets(netlist)
    place = {net: index for index, net in enumerate(sources)}
    cells = _twin_lines(netlist, place)
    logic = (instance for instance in netlist.combinational if netlist.cell(instance).clock_gate is None)
    cells += [line for instance in logic for line in _lines(netlist, instance, place)]
    text = _template().render(
        netlist=netlist.name,
        lanes=LANES,
        stimulus=STIMULUS,
        results=RESULTS,
        nets=len(place),
        sources=len(sources),
        cells=cells,
    )
    return Bench(text=text, order=tuple(place), sources=len(sources))


def _twin_lines(netlist: Netlist, place: dict[int, int]) -> list[CellLine]:
    """Second outputs of flip-flops."""
    lines = []
    for net, (twin, inverted) in twin_outputs(netlist).items():
        place[net] = len(place)
        lines.append(CellLine(place[net], f"{'~' * inverted}value[{place[twin]}]"))
    return lines


def _lines(netlist: Netlist, instance: Instance, place: dict[int, int]) -> list[CellLine]:
    """Lines of a cell whose inputs have their places; gives its outputs theirs."""
    cell = netlist.cell(instance)

    def operand(pin: str) -> str:
        net = instance.pins[pin]
        if net in netlist.constants:
            return f"{{{LANES}{{1'b{netlist.constants[net]}}}}}"
        if net not in place:
            raise NetlistError(
                f"net {netlist.nets[net]} at pin {pin} of cell {instance.name} has no driver: connect it"
            )
        return f"value[{place[net]}]"

    lines = []
    for pin in (pin for pin in cell.outputs if pin in instance.pins):
        expression = to_verilog(output_expression(cell, pin), lanes=LANES, rename=operand)
        place[instance.pins[pin]] = len(place)
        lines.append(CellLine(len(place) - 1, expression))
    return lines
