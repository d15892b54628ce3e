"""A flip-flop that feeds itself through an inverter, and a NAND beside it.

+--> ff --q--> inv --n--+--> (back to ff)
a ---------------- nand-+--> y
"""

from __future__ import annotations

from wattloop.gates.library import Library
from wattloop.gates.netlist import Instance, Netlist


def toggler(library: Library, *, inputs: tuple[str, str] = ("a", "y")) -> Netlist:
    """Nets: 0 clk, 1 rst, 2 the input port, 3 q, 4 n, 5 the output port; `inputs` names the two ports."""
    names = ("clk", "rst", inputs[0], "q", "n", inputs[1])
    return Netlist(
        name="toggler",
        library=library,
        nets=names,
        aliases={name: k for k, name in enumerate(names)},
        inputs={"clk": (0,), "rst": (1,), inputs[0]: (2,)},
        outputs={inputs[1]: (5,)},
        constants={},
        instances=(
            Instance("nand", "NAND2", {"A": 2, "B": 4, "Z": 5}),
            Instance("inv", "INV", {"A": 3, "ZN": 4}),
            Instance("ff", "DFFR", {"CK": 0, "RN": 1, "D": 4, "Q": 3}),
        ),
    )
