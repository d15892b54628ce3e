"""A Liberty library in our units: fF, ps, fJ, pW, V. Types only; `liberty.py` fills them from a file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wattloop.gates.logic import Expr

Float = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """An NLDM lookup table of rank 0, 1 or 2 over (input slew in ps, output load in fF).

    A set-up or hold constraint has (slew of the constrained pin, slew of the clock), both in ps.

    Attributes:
        slew_ps: slew axis, or None where the table does not depend on it.
        load_ff: load axis, likewise (of a constraint: the clock's slew in ps).
        values: shape (len(slew axis or 1), len(load axis or 1)).
    """

    slew_ps: Float | None
    load_ff: Float | None
    values: Float

    def lookup(self, slew_ps: float, load_ff: float) -> float:
        """Bilinear interpolation; beyond the axes, linear extrapolation of the outermost segment.

        >>> table = Table(np.array([0.0, 10.0]), None, np.array([[1.0], [2.0]]))
        >>> table.lookup(20.0, 3.0)
        3.0
        """
        axis0, axis1, rows = self._plain
        i, f = _position(axis0, slew_ps)
        j, g = _position(axis1, load_ff)
        low, high = rows[i], rows[i + 1] if f else rows[i]
        left = low[j] + f * (high[j] - low[j])
        if not g:
            return left
        return left + g * (low[j + 1] + f * (high[j + 1] - low[j + 1]) - left)

    def lookup_many(self, slew_ps: npt.ArrayLike, load_ff: npt.ArrayLike) -> Float:
        """`lookup` for arrays of slews and loads that broadcast against each other."""
        slew, load = np.broadcast_arrays(np.asarray(slew_ps, float), np.asarray(load_ff, float))
        i, i1, f = _positions(self.slew_ps, slew)
        j, j1, g = _positions(self.load_ff, load)
        v = self.values
        left = v[i, j] + f * (v[i1, j] - v[i, j])
        right = v[i, j1] + f * (v[i1, j1] - v[i, j1])
        return np.asarray(left + g * (right - left))

    @cached_property
    def _plain(self) -> tuple[list[float], list[float], list[list[float]]]:
        # Lists: a scalar lookup in them is ten times as fast as one in arrays.
        axes = [[] if axis is None else axis.tolist() for axis in (self.slew_ps, self.load_ff)]
        return axes[0], axes[1], self.values.tolist()


def _position(axis: list[float], x: float) -> tuple[int, float]:
    """Segment of `axis` that `x` is taken from, and where on it (outside 0 to 1: extrapolated)."""
    if len(axis) < 2:
        return 0, 0.0
    i = min(max(bisect_right(axis, x) - 1, 0), len(axis) - 2)
    return i, (x - axis[i]) / (axis[i + 1] - axis[i])


def _positions(axis: Float | None, x: Float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Float]:
    if axis is None or len(axis) < 2:
        zero = np.zeros(x.shape, np.intp)
        return zero, zero, np.zeros(x.shape)
    i = np.clip(np.searchsorted(axis, x, side="right") - 1, 0, len(axis) - 2)
    return i, i + 1, (x - axis[i]) / (axis[i + 1] - axis[i])


@dataclass(frozen=True)
class PowerArc:
    """One `internal_power` group: energy in fJ of a rise and of a fall of the pin that it stands under.

    Attributes:
        related_pin: the input that causes the transition; None for the hidden power of an input pin.
        when: state of the other pins, where the energy depends on it.
        rise_fj, fall_fj: tables of an output pin are over (slew of `related_pin`, load), of an input pin over its slew.
        power_pin: the supply that the energy comes from, where the file tells supplies apart.
    """

    related_pin: str | None
    when: Expr | None
    rise_fj: Table | None
    fall_fj: Table | None
    power_pin: str | None = None


@dataclass(frozen=True)
class TimingArc:
    """One `timing` group of an output pin, or a set-up constraint of an input pin.

    Attributes:
        related_pin: the pin that causes the transition.
        sense: "positive_unate", "negative_unate" or "non_unate".
        kind: the Liberty `timing_type`; "combinational" where the file names none.
        when: side-input state, where the arc has one.
        delay_ps: `cell_rise`/`cell_fall` (for a constraint: `rise_constraint`/`fall_constraint`), by "rise", "fall".
        slew_ps: `rise_transition`/`fall_transition`, by "rise", "fall".
    """

    related_pin: str
    sense: str
    kind: str
    when: Expr | None
    delay_ps: Mapping[str, Table]
    slew_ps: Mapping[str, Table]


@dataclass(frozen=True)
class Pin:
    """A signal pin.

    Attributes:
        name: pin name.
        direction: "input", "output" or "internal".
        cap_ff: the pin's `capacitance` (the `typical` convention).
        rise_cap_ff, fall_cap_ff: upper ends of the `*_capacitance_range`, else `*_capacitance`, else `capacitance`
            (the `signoff` convention sums both over a net and takes the larger sum).
        function: logic function of an output pin, None for inputs.
        power: its `internal_power` groups.
        timing: its `timing` groups.
        is_clock: the file calls it a clock.
        voltage_v: the supply that it swings to; None for the library's.
    """

    name: str
    direction: str
    cap_ff: float
    rise_cap_ff: float
    fall_cap_ff: float
    function: Expr | None
    power: tuple[PowerArc, ...]
    timing: tuple[TimingArc, ...]
    is_clock: bool = False
    voltage_v: float | None = None


@dataclass(frozen=True)
class Flop:
    """The `ff` group of a sequential cell.

    Attributes:
        state, state_n: names of the internal state and its complement (`IQ`, `IQN`).
        next_state: function of the D (and enable, scan) pins.
        clock_pin: pin of `clocked_on`.
        rising: False for a falling-edge flip-flop.
        clear, preset: asynchronous controls, where there are any.
    """

    state: str
    state_n: str
    next_state: Expr
    clock_pin: str
    rising: bool
    clear: Expr | None
    preset: Expr | None


@dataclass(frozen=True)
class ClockGate:
    """What makes a cell a clock gate (`clock_gating_integrated_cell`).

    Attributes:
        kind: the attribute's value, such as "latch_posedge_precontrol".
        clock_pin: the input that the clock enters by.
        output_pin: the output that the gated clock leaves by.
        enable_pins: the inputs of which any lets the next pulse through: enable and test.
        test_pins: those of them that are for test.
    """

    kind: str
    clock_pin: str
    output_pin: str
    enable_pins: tuple[str, ...] = ()
    test_pins: tuple[str, ...] = ()

    @property
    def rising(self) -> bool:
        """A latch holds the enable while the clock is high, so that it gates rising-edge flip-flops."""
        return self.kind.startswith("latch_posedge")


@dataclass(frozen=True)
class LeakageState:
    """One `leakage_power` group, of the supply `power_pin` where the file tells supplies apart."""

    when: Expr | None
    power_pw: float
    power_pin: str | None = None


@dataclass(frozen=True)
class CellType:
    """A library cell.

    Attributes:
        name: cell name.
        area_um2: area.
        leakage_pw: `cell_leakage_power`; 0 where the file gives none (of a cell without any figure, the library's
            default).
        leakage_states: state-dependent leakage, in file order.
        inputs, outputs: signal pins by name.
        flop: its `ff` group, None for a combinational cell.
        unsupported: why this cell cannot be simulated (latch, tri-state, ...), empty if it can; raised only on use.
        power_pins: its supply pins.
        unreadable: why its figures are not known either, empty if they are; then it has no pins here.
        sequential: it stores something: a flip-flop, a latch, a state table.
        clock_gate: how it gates a clock, None for all other cells.
    """

    name: str
    area_um2: float
    leakage_pw: float
    leakage_states: tuple[LeakageState, ...]
    inputs: Mapping[str, Pin]
    outputs: Mapping[str, Pin]
    flop: Flop | None
    unsupported: str = ""
    power_pins: tuple[str, ...] = ()
    unreadable: str = ""
    sequential: bool = False
    clock_gate: ClockGate | None = None


@dataclass(frozen=True)
class Library:
    """A Liberty library.

    Attributes:
        name: the name it was asked for ("nangate15"), or the file's stem.
        path: the file; never part of a result.
        sha256: digest of the file's bytes: the library's identity in every cache key and result.
        voltage_v: nominal supply.
        cells: by name; read from the file as they are asked for.
        default_slew_ps: input slew at ports where nobody gives one (0: an ideal driver, as sign-off tools assume).
    """

    name: str
    path: str
    sha256: str
    voltage_v: float
    cells: Mapping[str, CellType]
    default_slew_ps: float
