"""One `cell` group of a Liberty file into a `CellType`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from wattloop.errors import LibertyError
from wattloop.gates import logic
from wattloop.gates.liberty_syntax import Group
from wattloop.gates.liberty_units import Context, number, read_table
from wattloop.gates.library import CellType, ClockGate, Flop, LeakageState, Pin, PowerArc, Table, TimingArc
from wattloop.gates.logic import Expr

_DELAY_KINDS = {
    *("combinational", "combinational_rise", "combinational_fall"),
    *("rising_edge", "falling_edge", "clear", "preset"),
}
_CONSTRAINT_KINDS = {
    f"{check}_{edge}" for check in ("setup", "hold", "recovery", "removal") for edge in ("rising", "falling")
}
_LATCHES = ("latch", "latch_bank", "ff_bank", "statetable")
_SEQUENTIAL = ("ff", *_LATCHES)
_MAX_SENSE_INPUTS = 12  # unateness is read off the truth table; no cell of a real library has more inputs


def read_cell(context: Context, group: Group) -> CellType:
    """The cell of a `cell` group.

    What cannot be simulated is told in its `unsupported`, what cannot be understood at all also in its `unreadable`.
    """
    reason = _unreadable(group)
    if not reason:
        try:
            return _read(context, group)
        except LibertyError as error:
            reason = str(error)
    return CellType(group.name, 0.0, 0.0, (), {}, {}, None, unsupported=reason, unreadable=reason)


def _unreadable(group: Group) -> str:
    for kind in ("bus", "bundle"):
        if group.first(kind) is not None:
            return f"cell {group.name} has a {kind} group, which wattloop does not read"
    for pin in group.groups("pin"):
        if pin.get("direction") == "inout":
            return f"cell {group.name} has the bidirectional pin {pin.name}, which wattloop does not read"
    return ""


def _unsupported(group: Group, outputs: Iterable[Pin]) -> str:
    for kind in (*_LATCHES, "lut"):
        if group.first(kind) is not None:
            return f"cell {group.name} has a {kind} group, which wattloop does not simulate"
    if len(list(group.groups("ff"))) > 1:
        return f"cell {group.name} has more than one ff group, which wattloop does not simulate"
    for pin in group.groups("pin"):
        if pin.get("three_state") is not None:
            return f"cell {group.name} is a tri-state cell (pin {pin.name}), which wattloop does not simulate"
    for output in outputs:
        if output.function is None:
            return f"cell {group.name}: output {output.name} has no function: the cell cannot be simulated"
    return ""


def _read(context: Context, group: Group) -> CellType:
    where = f"{context.file}: cell {group.name}"
    # A group without a value says nothing; sign-off tools pass over it.
    given = (state for state in group.groups("leakage_power") if state.get("value") is not None)
    states = tuple(_leakage(context, state, where) for state in given)
    fallback = 0.0 if states else context.default("default_cell_leakage_power")
    leakage = group.get("cell_leakage_power", str(fallback))
    supplies = {pin.name: context.supplies_v.get(pin.get("voltage_name") or "") for pin in group.groups("pg_pin")}
    pins = [_pin(context, pin, name, supplies, where) for pin in group.groups("pin") for name in pin.args]
    outputs = {pin.name: pin for pin in pins if pin.direction == "output"}
    clock_gate = _clock_gate(group, outputs)
    unsupported = "" if clock_gate else _unsupported(group, outputs.values())
    return CellType(
        name=group.name,
        area_um2=number(group.get("area", "0"), f"{where}: area"),
        leakage_pw=number(leakage, f"{where}: cell_leakage_power") * context.leakage_pw,
        leakage_states=states,
        inputs={pin.name: pin for pin in pins if pin.direction == "input"},
        outputs=outputs,
        flop=None if unsupported or clock_gate else _flop(group, where),
        unsupported=unsupported,
        sequential=any(group.first(kind) is not None for kind in _SEQUENTIAL),
        power_pins=tuple(supplies),
        clock_gate=clock_gate,
    )


def _expr(text: str | None, where: str) -> Expr | None:
    if text is None or not text.strip():
        return None
    try:
        return logic.parse(text)
    except LibertyError as error:
        raise LibertyError(f"{where}: {error}") from error


def _leakage(context: Context, group: Group, where: str) -> LeakageState:
    value = number(group.get("value"), f"{where}: leakage_power: value") * context.leakage_pw
    return LeakageState(_expr(group.get("when"), where), value, group.get("related_pg_pin"))


def _clock_gate(group: Group, outputs: Mapping[str, Pin]) -> ClockGate | None:
    """The clock gate that the file says a cell is; None where its pins are not told or it gives out anything else."""
    kind = group.get("clock_gating_integrated_cell")

    def marked(role: str) -> list[str]:
        mark = f"clock_gate_{role}_pin"
        return [name for pin in group.groups("pin") if pin.get(mark) == "true" for name in pin.args]

    clocks, gated, tests = marked("clock"), marked("out"), tuple(marked("test"))
    if not kind or len(clocks) != 1 or len(gated) != 1 or list(outputs) != gated:
        return None
    return ClockGate(kind, clocks[0], gated[0], (*marked("enable"), *tests), tests)


def _flop(group: Group, where: str) -> Flop | None:
    ff = group.first("ff")
    if ff is None:
        return None
    where = f"{where}: ff"
    clock, next_state = _expr(ff.get("clocked_on"), where), _expr(ff.get("next_state"), where)
    rising = isinstance(clock, logic.Var)
    pin = clock.arg if isinstance(clock, logic.Not) else clock
    if not isinstance(pin, logic.Var) or next_state is None or ff.get("clocked_on_also") or len(ff.args) != 2:
        raise LibertyError(f"{where}: wattloop needs next_state and a clocked_on of one pin")
    clear, preset = _expr(ff.get("clear"), where), _expr(ff.get("preset"), where)
    return Flop(ff.args[0], ff.args[1], next_state, pin.name, rising, clear, preset)


def _pin(context: Context, group: Group, name: str, supplies: Mapping[str, float | None], where: str) -> Pin:
    where = f"{where}: pin {name}"
    direction = group.get("direction") or ""
    if direction not in ("input", "output", "internal"):
        raise LibertyError(f"{where}: direction {direction!r} is not supported")
    cap = number(group.get("capacitance", str(context.default(f"default_{direction}_pin_cap"))), where)
    function = _expr(group.get("function"), where) if direction == "output" else None
    return Pin(
        name=name,
        direction=direction,
        cap_ff=cap * context.cap_ff,
        rise_cap_ff=_upper_cap(group, "rise", cap, where) * context.cap_ff,
        fall_cap_ff=_upper_cap(group, "fall", cap, where) * context.cap_ff,
        function=function,
        power=tuple(arc for power in group.groups("internal_power") for arc in _power(context, power, where)),
        timing=tuple(arc for timing in group.groups("timing") for arc in _timing(context, timing, function, where)),
        is_clock=group.get("clock") == "true",
        voltage_v=supplies.get(group.get("related_power_pin") or "") or context.voltage_v,
    )


def _upper_cap(group: Group, edge: str, cap: float, where: str) -> float:
    bounds = group.attributes.get(f"{edge}_capacitance_range", [])
    if len(bounds) == 2:
        return number(bounds[1], f"{where}: {edge}_capacitance_range")
    return number(group.get(f"{edge}_capacitance", str(cap)), f"{where}: {edge}_capacitance")


def _related(group: Group) -> list[str]:
    return (group.get("related_pin") or "").split()


def _power(context: Context, group: Group, where: str) -> Iterator[PowerArc]:
    where = f"{where}: internal_power"
    when = _expr(group.get("when"), where)

    def table(kind: str) -> Table | None:
        found = group.first(kind) or group.first("power")
        return None if found is None else read_table(context, found, context.energy_fj, where)

    rise, fall = table("rise_power"), table("fall_power")
    related: list[str | None] = [*_related(group)]
    for pin in related or [None]:
        yield PowerArc(pin, when, rise, fall, group.get("related_pg_pin"))


def _timing(context: Context, group: Group, function: Expr | None, where: str) -> Iterator[TimingArc]:
    kind = group.get("timing_type") or "combinational"
    if kind not in _DELAY_KINDS | _CONSTRAINT_KINDS:
        return  # pulse widths, tri-state enables, skew checks: nothing here uses them
    where = f"{where}: timing"
    prefix, suffix = ("cell", "") if kind in _DELAY_KINDS else ("", "_constraint")

    def tables(before: str, after: str) -> dict[str, Table]:
        found = ((edge, group.first(f"{before}{edge}{after}")) for edge in ("rise", "fall"))
        return {edge: read_table(context, g, context.time_ps, where) for edge, g in found if g is not None}

    delay = tables("cell_", "") if prefix else tables("", suffix)
    slew = tables("", "_transition") if prefix else {}
    when = _expr(group.get("when"), where)
    for pin in _related(group):
        sense = group.get("timing_sense") or _sense(function, pin)
        yield TimingArc(pin, sense, kind, when, delay, slew)


def _sense(function: Expr | None, pin: str) -> str:
    """Unateness of `function` in `pin`, for files that do not tell."""
    if function is None:
        return "non_unate"
    names = [name for name in logic.variables(function) if name != pin]
    if len(names) == len(logic.variables(function)) or len(names) >= _MAX_SENSE_INPUTS:
        return "non_unate"
    table = logic.truth_table(function, [*names, pin])
    half = 1 << len(names)
    low, high = table & ((1 << half) - 1), table >> half
    if low & ~high == 0:
        return "positive_unate"
    return "negative_unate" if high & ~low == 0 else "non_unate"
