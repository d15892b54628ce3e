"""What every activity backend returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.errors import AnnotationError

Int64 = npt.NDArray[np.int64]


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
        missing = sorted(set(expected) - set(self.annotated))
        if missing or not expected:
            names = ", ".join(self.nets[i] for i in missing[:5])
            done = len(set(expected)) - len(missing)
            raise AnnotationError(f"activity covers {done} of {len(set(expected))} nets; missing: {names or 'all'}")
