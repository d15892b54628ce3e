"""The portfolio of synthesis recipes: how the final adder is built, how ABC maps, how hard it is pressed.

No recipe is best for every spec, library and clock; all of them together take seconds, and static timing chooses.
Measured on NanGate 15 at 200 ps, the tool's default script misses the clock and is larger than what is chosen here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

# ABC command sequences, from the smallest results to the fastest.
_MAPPINGS: dict[str, tuple[str, ...]] = {
    "area": ("strash", "dch", "amap -m"),
    "keep": ("strash", "&get -n", "&fraig -x", "&put", "scorr", "strash", "&get -n", "&dch -f", "&nf {D}", "&put"),
    "delay": ("strash", "dch", "map {D}"),
}
_ADDERS = ("", "sklansky")  # "": what Yosys builds by itself (Brent-Kung)
# ABC times with typical pin capacitances and knows no flip-flop: it is asked for a part of the clock period.
_EFFORTS = (0.75, 0.5)


@dataclass(frozen=True)
class Recipe:
    """One way through synthesis.

    Attributes:
        name: file stem of its results.
        adder: Yosys' parallel-prefix adder map, empty for the default.
        mapping: ABC commands up to a mapped netlist.
        target_ps: delay that ABC sizes the gates for.
    """

    name: str
    adder: str
    mapping: tuple[str, ...]
    target_ps: float


def portfolio(clock_ps: float) -> tuple[Recipe, ...]:
    """All recipes for a clock period.

    >>> [recipe.name for recipe in portfolio(200.0)][:2]
    ['area_75', 'area_50']
    """
    recipes = []
    for adder, (name, mapping), effort in product(_ADDERS, _MAPPINGS.items(), _EFFORTS):
        target_ps = round(clock_ps * effort, 3)
        commands = tuple(command.replace("{D}", f"-D {target_ps}") for command in mapping)
        stem = "_".join(filter(None, (name, adder, f"{effort * 100:.0f}")))
        recipes.append(Recipe(stem, adder, commands, target_ps))
    return tuple(recipes)
