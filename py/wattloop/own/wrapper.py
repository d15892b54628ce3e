"""The module with wattloop's port names around a user's, in Verilog."""

from __future__ import annotations

from collections.abc import Mapping

from wattloop.gates.render_numbers import bus
from wattloop.gates.spec import MacSpec
from wattloop.own.cell import INPUTS, OURS, OwnMac, widths_of
from wattloop.own.source import Source, renamed


def cell_verilog(own: OwnMac, spec: MacSpec, source: Source) -> str:
    """The user's text, its cell as module `spec.module_name` with wattloop's ports.

    Line `n` of the text stays line `n`. A module with these ports already is renamed, if at all; any other is wrapped.
    """
    if own.drops_in:
        return renamed(source.text, own.module, spec.module_name)
    clash = own.module == spec.module_name
    inner = f"{own.module}_own" if clash else own.module
    text = renamed(source.text, own.module, inner) if clash else source.text
    return f"{text}{wrapper(own, spec, inner)}"


def wrapper(own: OwnMac, spec: MacSpec, inner: str) -> str:
    """Module `spec.module_name`, which places module `inner`."""
    widths = widths_of(spec)
    return "\n".join(
        [
            f"module {spec.module_name} (",
            ",\n".join(
                f"  {_direction(role)} wire {_range(bits)}{getattr(OURS, role)}" for role, bits in widths.items()
            ),
            ");",
            f"  {inner} u_own (",
            ",\n".join(f"    .{port}({value})" for port, value in _connections(own, widths).items()),
            "  );",
            "endmodule",
            "",
        ]
    )


def _direction(role: str) -> str:
    return "input" if role in INPUTS else "output"


def _range(bits: int) -> str:
    return f"{bus(bits)} " if bits > 1 else ""


def _connections(own: OwnMac, widths: Mapping[str, int]) -> dict[str, str]:
    found = {getattr(own.ports, role): f"{'~' if role in own.inverted else ''}{getattr(OURS, role)}" for role in widths}
    # A number is as wide as it has to be; Verilog extends it with zeros.
    found |= {port: f"{max(1, value.bit_length())}'d{value}" for port, value in own.tied.items()}
    return found | dict.fromkeys(own.open, "")
