"""What every activity backend returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wattloop.errors import AnnotationError

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rates:
    """Toggles per clock cycle and share of the time at 1 of every net: what power is computed from.

    Attributes:
        nets: net names, in the order of the netlist.
        annotated: indices of the nets that were measured or recorded.
        density: toggles per clock cycle, glitches included, shape (groups, nets).
        duty: share of the time at 1, likewise.
        transitions: clock cycles behind one group, not always whole.
    """

    nets: tuple[str, ...]
    annotated: tuple[int, ...]
    density: npt.NDArray[np.float64]
    duty: npt.NDArray[np.float64]
    transitions: float

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.density)

    def rates(self, groups: slice = slice(None)) -> Rates:
        """Those of some groups."""
        return replace(self, density=self.density[groups], duty=self.duty[groups])

    def require_full(self, expected: Sequence[int]) -> None:
        """Refuse partial annotation.

        Raises:
            AnnotationError: a net of `expected` was not measured; the message counts and names them.
        """
        _require_full(self.nets, self.annotated, expected)


@dataclass(frozen=True)
class Activity:
    """Toggles and time at 1 of every net.

    Attributes:
        nets: net names, in the order of the netlist (clock nets and constants have toggles 0 and are not annotated).
        annotated: indices of the nets that were measured.
        toggles: shape (groups, nets), toggles of the settled values over the counted transitions.
        high: shape (groups, nets), counted vectors at whose end the net was 1.
        transitions: counted transitions of one group (steps x lanes).
        backend: who measured: "icarus", "verilator", "bitparallel".
        glitches: shape (groups, nets), toggles beyond the functional ones; None if it settles without delay.
    """

    nets: tuple[str, ...]
    annotated: tuple[int, ...]
    toggles: Int64
    high: Int64
    transitions: int
    backend: str
    glitches: Int64 | None = None

    def require_full(self, expected: Sequence[int]) -> None:
        """Refuse partial annotation.

        Raises:
            AnnotationError: a net of `expected` was not measured; the message counts and names them.
        """
        _require_full(self.nets, self.annotated, expected)

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.toggles)

    def rates(self, groups: slice = slice(None)) -> Rates:
        """Rates of some groups."""
        toggles = self.toggles[groups]
        if self.glitches is not None:
            toggles = toggles + self.glitches[groups]
        density, duty = toggles / self.transitions, self.high[groups] / self.transitions
        return Rates(self.nets, self.annotated, density, duty, self.transitions)


def _require_full(nets: Sequence[str], annotated: Sequence[int], expected: Sequence[int]) -> None:
    missing = sorted(set(expected) - set(annotated))
    if missing or not expected:
        names = ", ".join(nets[i] for i in missing[:5])
        done = len(set(expected)) - len(missing)
        raise AnnotationError(f"activity covers {done} of {len(set(expected))} nets; missing: {names or 'all'}")
