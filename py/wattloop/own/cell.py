"""A MAC cell that a user brings: where its files are, and which of its ports is which."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

from wattloop.checks import require
from wattloop.gates.spec import MacSpec

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")
_NAMED = "a plain Verilog identifier"


@dataclass(frozen=True)
class OwnPorts:
    """Names of the module's ports, by what they are to the array; by default those of wattloop's own cells.

    Attributes:
        clock: rising edge.
        reset: brings every register to 0; low while active, unless `reset_active` says "high".
        weight_in: the weight, as it is to lie in the weight register.
        weight_load: the weight register takes `weight_in` while it is active, and holds otherwise.
        activation_in: from the west.
        psum_in: from the north.
        activation_out: `activation_in` one clock later.
        psum_out: `psum_in` + weight x `activation_in` one clock later.
    """

    clock: str = "clk_i"
    reset: str = "rst_ni"
    weight_in: str = "w_i"
    weight_load: str = "w_en_i"
    activation_in: str = "a_i"
    psum_in: str = "p_i"
    activation_out: str = "a_o"
    psum_out: str = "p_o"

    def __post_init__(self) -> None:
        names = [getattr(self, each.name) for each in fields(self)]
        for each, name in zip(fields(self), names, strict=True):
            require(bool(_NAME.match(name)), each.name, name, _NAMED)
            require(names.count(name) == 1, each.name, name, "a port that is named once")


# What wattloop's own cells call the ports: the array, every stimulus and every proof speak of these.
OURS = OwnPorts()
INPUTS = ("clock", "reset", "weight_in", "weight_load", "activation_in", "psum_in")
OUTPUTS = ("activation_out", "psum_out")


@dataclass(frozen=True)
class OwnMac:
    """A MAC cell from a file, in place of one that wattloop builds.

    What it has to do is what `hardware.array.mac` says: widths, signs, the weights' code (`multiplier`), the reset.

    Attributes:
        module: its module.
        verilog: its source files, or one; paths from the folder of the TOML file. Synthesised like wattloop's own.
        netlist: instead of these, a netlist in the cells of `hardware.library`, which goes in as it is.
        ports: names of its ports.
        reset_active, load_active: at which level these ports act.
        tied: further input ports, each held at a number.
        open: further output ports, which nothing reads.
    """

    module: str
    verilog: str | tuple[str, ...] = ()
    netlist: str | None = None
    ports: OwnPorts = OURS
    reset_active: Literal["low", "high"] = "low"
    load_active: Literal["high", "low"] = "high"
    tied: Mapping[str, int] = field(default_factory=dict)
    open: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(bool(_NAME.match(self.module)), "module", self.module, _NAMED)
        one = bool(self.verilog) != bool(self.netlist)
        require(one, "verilog", self.verilog, "source files where there is no netlist, none where there is one")
        further = [*self.tied, *self.open]
        taken = {getattr(self.ports, each.name) for each in fields(self.ports)}
        for key, names in (("tied", self.tied), ("open", self.open)):
            for name in names:
                require(bool(_NAME.match(name)), key, name, _NAMED)
                require(name not in taken and further.count(name) == 1, key, name, "ports that are named nowhere else")
        for name, value in self.tied.items():
            require(value >= 0, f"tied.{name}", value, "0 or more")

    @property
    def sources(self) -> tuple[Path, ...]:
        """Files of `verilog`, in order."""
        return tuple(map(Path, (self.verilog,) if isinstance(self.verilog, str) else self.verilog))

    @property
    def inverted(self) -> tuple[str, ...]:
        """Those of `OwnPorts` whose level is the opposite of what the array gives."""
        levels = {"reset": self.reset_active == "high", "weight_load": self.load_active == "low"}
        return tuple(role for role, opposite in levels.items() if opposite)

    @property
    def drops_in(self) -> bool:
        """Its ports are those of wattloop's own cells: nothing stands between it and the array."""
        return self.ports == OURS and not (self.inverted or self.tied or self.open)

    def located(self, folder: Path) -> OwnMac:
        """The same with files from `folder` on."""
        base = folder.absolute()
        verilog = tuple(str(base / source) for source in self.sources)
        return replace(self, verilog=verilog, netlist=None if self.netlist is None else str(base / self.netlist))


def widths_of(spec: MacSpec) -> dict[str, int]:
    """Bits of each of `OwnPorts` of a cell."""
    bits = {"weight_in": spec.weight_code_bits, "activation_in": spec.activation_bits, "psum_in": spec.psum_bits}
    bits |= {"activation_out": spec.activation_bits, "psum_out": spec.psum_bits}
    return {each.name: bits.get(each.name, 1) for each in fields(OwnPorts)}
