"""Units, templates and defaults of a Liberty library, and its tables in our units."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from wattloop.errors import LibertyError
from wattloop.gates.liberty_syntax import Group
from wattloop.gates.library import Float, Table

_PREFIX = {"": 1.0, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18}
_QUANTITY = re.compile(r"\s*([-+.\deE]*)\s*([kmunpfa]?)([a-z]*)\s*$", re.IGNORECASE)

# Table variables by what they are; a constraint's two slews take the slew and the load axis.
_SLEW = {"input_net_transition", "input_transition_time", "constrained_pin_transition"}
_CLOCK_SLEW = {"related_pin_transition"}
_LOAD = {"total_output_net_capacitance"}
_TEMPLATES = ("lu_table_template", "power_lut_template")


@dataclass(frozen=True)
class Context:
    """What every cell of a library is read with.

    Attributes:
        file: path, for messages.
        time_ps, cap_ff, leakage_pw, energy_fj: our unit per library unit. The energy of `internal_power` is in
            capacitance unit times voltage unit squared.
        voltage_v: nominal supply.
        templates: table templates by kind and name.
        defaults: the library's `default_*` attributes.
        supplies_v: voltage of each supply of the `voltage_map`.
    """

    file: str
    time_ps: float
    cap_ff: float
    leakage_pw: float
    energy_fj: float
    voltage_v: float
    templates: Mapping[tuple[str, str], Group]
    defaults: Mapping[str, str]
    supplies_v: Mapping[str, float]

    def default(self, name: str) -> float:
        """Library-wide default, 0 where the file gives none."""
        return number(self.defaults.get(name, "0"), f"{self.file}: {name}")


def number(text: str | None, where: str) -> float:
    """`text` as a finite number.

    Raises:
        LibertyError: it is not one; the message starts with `where`.
    """
    try:
        value = float(text) if text is not None else float("nan")
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise LibertyError(f"{where}: {text!r} is not a number: correct the Liberty file")
    return value


def _unit(text: str | None, base: str, where: str) -> float:
    """Size of a unit such as "100ps" in the base unit `base` ("s")."""
    match = _QUANTITY.match(text or "")
    if match is None or match[3].lower() != base.lower():
        raise LibertyError(f"{where} is missing or not a unit of {base!r}: {text!r}; correct the Liberty file")
    return number(match[1] or "1", where) * _PREFIX[match[2].lower()]


def context_of(library: Group, file: str) -> Context:
    """Units, voltage and templates of a `library` group.

    Raises:
        LibertyError: a unit or the voltage is missing or unreadable.
    """
    volt = _unit(library.get("voltage_unit", "1V"), "V", f"{file}: voltage_unit")
    load = library.attributes.get("capacitive_load_unit", [])
    if len(load) != 2:
        raise LibertyError(f"{file}: capacitive_load_unit is missing: correct the Liberty file")
    farad = _unit("".join(load), "F", f"{file}: capacitive_load_unit")
    return Context(
        file=file,
        time_ps=_unit(library.get("time_unit", "1ns"), "s", f"{file}: time_unit") * 1e12,
        cap_ff=farad * 1e15,
        leakage_pw=_unit(library.get("leakage_power_unit", "1nW"), "W", f"{file}: leakage_power_unit") * 1e12,
        energy_fj=farad * volt**2 * 1e15,
        voltage_v=_voltage(library, file) * volt,
        templates={(t.kind, t.name): t for t in library.groups(*_TEMPLATES)},
        defaults={k: v[0] for k, v in library.attributes.items() if k.startswith("default_") and v},
        supplies_v={name: value * volt for name, value in _supplies(library, file)},
    )


def _supplies(library: Group, file: str) -> Iterator[tuple[str, float]]:
    for values in library.every("voltage_map"):
        if len(values) == 2:
            yield values[0], number(values[1], f"{file}: voltage_map {values[0]}")


def _voltage(library: Group, file: str) -> float:
    """Voltage of the default operating conditions, else the nominal one, as sign-off tools choose it."""
    chosen = library.get("default_operating_conditions")
    for conditions in library.groups("operating_conditions"):
        if conditions.name == chosen and conditions.get("voltage") is not None:
            return number(conditions.get("voltage"), f"{file}: operating_conditions {chosen}: voltage")
    return number(library.get("nom_voltage"), f"{file}: nom_voltage")


def _numbers(texts: list[str], where: str) -> Float:
    try:
        values = np.array([float(word) for text in texts for word in text.replace(",", " ").split()])
    except ValueError as error:
        raise LibertyError(f"{where}: {error}: correct the Liberty file") from error
    if not values.size or not np.isfinite(values).all():
        raise LibertyError(f"{where}: no finite numbers: correct the Liberty file")
    return values


def read_table(context: Context, group: Group, unit: float, where: str) -> Table:
    """The table of a `cell_rise`, `rise_power`, ... group, times `unit`.

    Raises:
        LibertyError: a wrong number of values, an unknown template or axis variable, an axis that does not rise.
    """
    where = f"{where}: {group.kind}"
    values = _numbers(group.attributes.get("values", []), where) * unit
    axes = _axes(context, group, where)
    if values.size != np.prod([axis.size for _, axis in axes], dtype=int):
        shape = " x ".join(str(axis.size) for _, axis in axes) or "1"
        raise LibertyError(f"{where}: {values.size} values for a table of {shape}: correct the Liberty file")
    by_kind = dict(axes)
    grid = values.reshape([axis.size for _, axis in axes] or [1])
    if len(axes) == 2 and axes[0][0] == "load":
        grid = grid.T
    slew, load = by_kind.get("slew"), by_kind.get("load")
    shape2 = (1 if slew is None else slew.size, 1 if load is None else load.size)
    return Table(slew, load, np.ascontiguousarray(grid.reshape(shape2)))


def _axes(context: Context, group: Group, where: str) -> list[tuple[str, Float]]:
    """("slew" or "load", axis in our units), in the file's order."""
    if group.name in ("scalar", ""):
        return []
    # The two kinds of templates have name spaces of their own.
    kinds = _TEMPLATES[::-1] if "power" in group.kind else _TEMPLATES
    template = next((context.templates[k, group.name] for k in kinds if (k, group.name) in context.templates), None)
    if template is None:
        raise LibertyError(f"{where}: the template {group.name!r} is not defined: correct the Liberty file")
    axes = []
    for k in (1, 2, 3):
        variable = template.get(f"variable_{k}")
        if variable is None:
            break
        if variable not in _SLEW | _CLOCK_SLEW | _LOAD:
            raise LibertyError(f"{where}: tables over {variable!r} are not supported: use a library without them")
        texts = group.attributes.get(f"index_{k}") or template.attributes.get(f"index_{k}", [])
        unit = context.cap_ff if variable in _LOAD else context.time_ps
        axis = _numbers(texts, f"{where}: index_{k}") * unit
        if (np.diff(axis) <= 0).any():
            raise LibertyError(f"{where}: index_{k} does not rise: correct the Liberty file")
        axes.append(("slew" if variable in _SLEW else "load", axis))
    if len({kind for kind, _ in axes}) != len(axes):
        raise LibertyError(f"{where}: two axes of the same kind in template {group.name!r}: correct the Liberty file")
    return axes
