"""Structural Verilog of a netlist, in as many spellings as the language has: for the reader to read back."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from wattloop.gates.library import Library
from wattloop.gates.netlist import Instance, Netlist

CELLS = ("INV", "NAND2", "HA", "DFFR")


def spelled(name: str) -> str:
    """`name` in Verilog; escaped where it has to be."""
    plain = name.replace("_", "").replace("$", "").isalnum() and not name[0].isdigit() and not name.startswith("$")
    return name if plain else f"\\{name} "


@st.composite
def netlists(draw: st.DrawFn, library: Library) -> Netlist:
    """A module of ports clk, x[...] and y[...], of cells that read nets made before them."""
    width = draw(st.integers(1, 4))
    nets = ["clk", *(["x"] if width == 1 else [f"x[{k}]" for k in range(width)])]
    constants = {}
    for value in draw(st.permutations(draw(st.sampled_from([(), (0,), (1,), (0, 1)])))):
        constants[len(nets)] = value
        nets.append(f"1'b{value}")
    instances = []
    odd = draw(st.lists(st.sampled_from(["_{}_", "\\{}", "u.{}/z", "n{}$", "{}x", "m[{}]"]), min_size=1, max_size=4))
    for k in range(draw(st.integers(1, 12))):
        cell = library.cells[draw(st.sampled_from(CELLS))]
        pins = {pin: 0 if pin == "CK" else draw(st.integers(1, len(nets) - 1)) for pin in cell.inputs}
        for pin in cell.outputs:
            if len(cell.outputs) == 1 or draw(st.booleans()) or pin == "Q":
                pins[pin] = len(nets)
                nets.append(odd[k % len(odd)].format(k) + pin)
        instances.append(Instance(draw(st.sampled_from(["u{}", "_{}_", "a/b[{}]"])).format(k), cell.name, pins))
    ends = draw(st.lists(st.integers(1, len(nets) - 1), min_size=1, max_size=5))
    inputs = {"clk": (0,), "x": tuple(range(1, 1 + width))}
    return Netlist(
        "top", library, tuple(nets), {name: k for k, name in enumerate(nets)}, inputs, {"y": tuple(ends)}, constants,
        tuple(instances),
    )  # fmt: skip


def printed(netlist: Netlist, *, ansi: bool, whole: bool) -> str:
    """Verilog; `ansi` puts the directions into the port list, `whole` assigns output ports as one concatenation."""
    ports = {**netlist.inputs, **netlist.outputs}
    kinds = {port: "input" if port in netlist.inputs else "output" for port in ports}
    ranges = {port: "" if len(nets) == 1 else f"[{len(nets) - 1}:0] " for port, nets in ports.items()}
    declared = [f"{kinds[port]} {ranges[port]}{port}" for port in ports]
    lines = [f"module {netlist.name}(", ", ".join(declared if ansi else ports), ");"]
    lines += [] if ansi else [f"  {text};" for text in declared]
    used = range(sum(len(nets) for nets in netlist.inputs.values()), len(netlist.nets))
    lines += [f"  wire {_name(netlist, net)};" for net in used if net not in netlist.constants]
    for instance in netlist.instances:
        pins = ", ".join(f".{pin}({_name(netlist, net)})" for pin, net in instance.pins.items())
        lines.append(f"  {instance.cell} {spelled(instance.name)} ({pins});")
    for port, nets in netlist.outputs.items():
        lines += _assigns(netlist, port, nets, whole)
    return "\n".join([*lines, "endmodule", ""])


def _assigns(netlist: Netlist, port: str, nets: Sequence[int], whole: bool) -> list[str]:
    if whole:
        return [f"  assign {port} = {{ {', '.join(_name(netlist, net) for net in reversed(nets))} }};"]
    if len(nets) == 1:
        return [f"  assign {port} = {_name(netlist, nets[0])};"]
    return [f"  assign {port}[{k}] = {_name(netlist, net)};" for k, net in enumerate(nets)]


def _name(netlist: Netlist, net: int) -> str:
    is_port = any(net in nets for nets in netlist.inputs.values()) or net in netlist.constants
    return netlist.nets[net] if is_port else spelled(netlist.nets[net])
