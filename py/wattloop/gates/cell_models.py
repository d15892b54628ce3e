"""Verilog simulation models of library cells, generated from their Liberty functions.

The vendors' own Verilog uses primitives and timing that Verilator does not take; these models hold the logic alone.
"""

from __future__ import annotations

from collections.abc import Callable

from wattloop.errors import NetlistError
from wattloop.gates.library import CellType, ClockGate, Flop
from wattloop.gates.logic import Expr, Not, to_verilog
from wattloop.gates.netlist import Netlist


def identifier(name: str) -> str:
    r"""`name` as Verilog writes it: escaped where it is not a plain identifier.

    >>> identifier("n[3]")
    '\\n[3] '
    """
    plain = name.isascii() and name.replace("_", "a").replace("$", "a").isalnum() and not name[0].isdigit()
    return name if plain and not name.startswith("$") else f"\\{name} "


def output_expression(cell: CellType, pin: str) -> Expr:
    """Function of an output pin.

    Raises:
        NetlistError: the cell cannot be simulated; says why.
    """
    function = cell.outputs[pin].function if pin in cell.outputs else None
    if cell.unsupported or function is None:
        raise NetlistError(cell.unsupported or f"cell {cell.name} has no output function at pin {pin}")
    return function


def verilog_model(cell: CellType, *, lanes: int = 1) -> str:
    """A Verilog module of the cell's name and pins, every pin `lanes` bits wide and every function bitwise.

    Args:
        cell: a supported library cell.
        lanes: 1 to simulate a netlist as it is; more for combinational cells only, because lanes share no clock edge.

    Raises:
        NetlistError: the cell is unsupported, or a flip-flop or a clock gate is asked for with several lanes.
    """
    if cell.unsupported:
        raise NetlistError(cell.unsupported)
    if (cell.flop or cell.clock_gate) and lanes != 1:
        kind = "clock gate" if cell.clock_gate else "flip-flop"
        raise NetlistError(f"{kind} {cell.name} has no model of {lanes} lanes: cut the {kind}s first")
    width = "" if lanes == 1 else f"[{lanes - 1}:0] "
    ports = [f"  input wire {width}{identifier(pin)}" for pin in cell.inputs]
    ports += [f"  output wire {width}{identifier(pin)}" for pin in cell.outputs]
    if cell.clock_gate is not None:
        body = _clock_gate_lines(cell, cell.clock_gate)
    else:
        body = [] if cell.flop is None else _flop_lines(cell.flop)
        rename = _renamer(cell.flop)
        for pin in cell.outputs:
            expression = to_verilog(output_expression(cell, pin), lanes=lanes, rename=rename)
            body.append(f"  assign {identifier(pin)} = {expression};")
    return "\n".join([f"module {identifier(cell.name)} (", ",\n".join(ports), ");", *body, "endmodule", ""])


def verilog_models(netlist: Netlist) -> str:
    """One-bit models of every cell type that the netlist uses, as one Verilog file."""
    used = sorted({instance.cell for instance in netlist.instances})
    models = "\n".join(verilog_model(netlist.library.cells[name]) for name in used)
    return f"`default_nettype none\n\n{models}\n`default_nettype wire\n"


def _renamer(flop: Flop | None) -> Callable[[str], str]:
    """Verilog operand of a pin or of the flip-flop's state."""
    states = {} if flop is None else {flop.state: "state_q", flop.state_n: "(~state_q)"}
    return lambda name: states.get(name) or identifier(name)


def _clock_gate_lines(cell: CellType, gate: ClockGate) -> list[str]:
    """A latch that follows the enable while the clock is low, and an AND behind it."""
    if not gate.rising or not gate.enable_pins:
        raise NetlistError(f"clock gate {cell.name} ({gate.kind}) has no model: take one with a latch for rising edges")
    after = gate.test_pins if "postcontrol" in gate.kind else ()
    latched = [identifier(pin) for pin in gate.enable_pins if pin not in after]
    clock, output = identifier(gate.clock_pin), identifier(gate.output_pin)
    passing = " | ".join(["enable_q", *map(identifier, after)])
    return [
        "  reg enable_q;",
        "  always_latch",
        f"    if (!{clock}) enable_q = {' | '.join(latched)};",
        f"  assign {output} = {clock} & ({passing});",
    ]


def _flop_lines(flop: Flop) -> list[str]:
    rename = _renamer(flop)
    clock = f"{'posedge' if flop.rising else 'negedge'} {identifier(flop.clock_pin)}"
    lines, edges, branches = ["  reg state_q;"], [clock], []
    # Liberty leaves open what happens while both are active; here the clear wins.
    for signal, control, value in (("clear_n", flop.clear, "1'b0"), ("preset_n", flop.preset, "1'b1")):
        if control is not None:
            active_low = to_verilog(control.arg if isinstance(control, Not) else Not(control), rename=rename)
            lines.append(f"  wire {signal} = {active_low};")
            edges.append(f"negedge {signal}")
            branches.append(f"if (!{signal}) state_q <= {value};")
    branches.append(f"state_q <= {to_verilog(flop.next_state, rename=rename)};")
    lines.append(f"  always @({' or '.join(edges)})")
    lines.append("    " + "\n    else ".join(branches))
    return lines
