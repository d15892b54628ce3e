"""A Liberty library in our units: fF, ps, fJ, pW, V. Types only; `liberty.py` fills them from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.gates.logic import Expr

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """An NLDM lookup table of rank 0, 1 or 2 over (input slew in ps, output load in fF).

    Attributes:
        slew_ps: slew axis, or None where the table does not depend on it.
        load_ff: load axis, likewise.
        values: shape (len(slew axis or 1), len(load axis or 1)).
    """

    slew_ps: Float | None
    load_ff: Float | None
    values: Float

    def lookup(self, slew_ps: float, load_ff: float) -> float:
        """Bilinear interpolation; beyond the axes, linear extrapolation of the outermost segment."""
        raise NotImplementedError


@dataclass(frozen=True)
class PowerArc:
    """One `internal_power` group: energy in fJ of a rise and of a fall of the pin that it stands under."""

    related_pin: str | None
    when: Expr | None
    rise_fj: Table | None
    fall_fj: Table | None


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
        direction: "input" or "output".
        cap_ff: the pin's `capacitance` (the `typical` convention).
        rise_cap_ff, fall_cap_ff: upper ends of the `*_capacitance_range`, else `*_capacitance`, else `capacitance`
            (the `signoff` convention sums both over a net and takes the larger sum).
        function: logic function of an output pin, None for inputs.
        power: its `internal_power` groups.
        timing: its `timing` groups.
    """

    name: str
    direction: str
    cap_ff: float
    rise_cap_ff: float
    fall_cap_ff: float
    function: Expr | None
    power: tuple[PowerArc, ...]
    timing: tuple[TimingArc, ...]


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
class LeakageState:
    """One `leakage_power` group."""

    when: Expr | None
    power_pw: float


@dataclass(frozen=True)
class CellType:
    """A library cell.

    Attributes:
        name: cell name.
        area_um2: area.
        leakage_pw: `cell_leakage_power`.
        leakage_states: state-dependent leakage, in file order.
        inputs, outputs: signal pins by name.
        flop: its `ff` group, None for a combinational cell.
        unsupported: why this cell cannot be used (latch, tri-state, ...), empty if it can; raised only on use.
    """

    name: str
    area_um2: float
    leakage_pw: float
    leakage_states: tuple[LeakageState, ...]
    inputs: Mapping[str, Pin]
    outputs: Mapping[str, Pin]
    flop: Flop | None
    unsupported: str = ""


@dataclass(frozen=True)
class Library:
    """A Liberty library.

    Attributes:
        name: the name it was asked for ("nangate15"), or the file's stem.
        path: the file; never part of a result.
        sha256: digest of the file's bytes: the library's identity in every cache key and result.
        voltage_v: nominal supply.
        cells: by name.
        default_slew_ps: input slew at ports where nobody gives one.
    """

    name: str
    path: str
    sha256: str
    voltage_v: float
    cells: Mapping[str, CellType]
    default_slew_ps: float
