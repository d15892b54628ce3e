"""Ports of a user's module against those that its cell has to have."""

from __future__ import annotations

from collections.abc import Mapping

from wattloop.errors import NetlistError
from wattloop.gates.spec import MacSpec
from wattloop.own.cell import INPUTS, OwnMac, widths_of

Ports = Mapping[str, tuple[str, int]]  # (direction, bits) by name


def check_ports(own: OwnMac, spec: MacSpec, ports: Ports) -> None:
    """Refuse a module whose ports are not those that the settings name.

    Raises:
        NetlistError: names the port, and what to do.
    """
    where = f"module {own.module}"
    for role, bits in widths_of(spec).items():
        name = getattr(own.ports, role)
        wanted = "input" if role in INPUTS else "output"
        if name not in ports:
            raise NetlistError(
                f"{where} has no port {name}, which is to be its {role}; it has {', '.join(ports) or 'none'}: "
                f"name the right one in own_mac.ports.{role}"
            )
        _require(own, name, role, ports[name], (wanted, bits))
    for name, value in own.tied.items():
        _require(own, name, "tied", ports.get(name, ("none", 0)), ("input", max(1, value.bit_length())), least=True)
    for name in own.open:
        _require(own, name, "open", ports.get(name, ("none", 0)), ("output", 1), least=True)
    known = {getattr(own.ports, role) for role in widths_of(spec)} | {*own.tied, *own.open}
    for name, (direction, _) in ports.items():
        if name not in known:
            remedy = "hold it with own_mac.tied" if direction == "input" else "leave it unread with own_mac.open"
            raise NetlistError(
                f"{where} has a further {direction} port {name}, which the array does not know: {remedy}"
            )


def _require(
    own: OwnMac, name: str, role: str, found: tuple[str, int], wanted: tuple[str, int], *, least: bool = False
) -> None:
    same = found[1] >= wanted[1] if least else found[1] == wanted[1]
    if found[0] != wanted[0] or not same:
        have, want = (f"an {direction} of {bits} bits" for direction, bits in (found, wanted))
        have = have if found[1] else "not there"
        raise NetlistError(
            f"port {name} ({role}) of module {own.module} is {have}; the cell that hardware.array.mac describes has "
            f"{want}{' or more' if least else ''}: correct the module, its mapping or the cell's widths"
        )
