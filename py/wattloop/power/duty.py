"""Probabilities of Boolean functions from the duties of their pins, taken as independent, as sign-off tools do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.gates.logic import Expr, truth_table, variables

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Duty:
    """A function of pins, ready to be evaluated on duties.

    Attributes:
        pins: its variables.
        table: truth table, shape (2**len(pins),); bit k of the index is pin k.
    """

    pins: tuple[str, ...]
    table: tuple[float, ...]

    @classmethod
    def of(cls, expr: Expr) -> Duty:
        """The function `expr` itself."""
        pins = variables(expr)
        bits = truth_table(expr, pins)
        return cls(pins, tuple(float(bits >> i & 1) for i in range(1 << len(pins))))

    @classmethod
    def of_difference(cls, expr: Expr, pin: str) -> Duty:
        """Boolean difference of `expr` to `pin`: where a change of `pin` changes `expr`.

        >>> from wattloop.gates.logic import parse
        >>> Duty.of_difference(parse("A & B"), "A")
        Duty(pins=('B',), table=(0.0, 1.0))
        """
        pins = variables(expr)
        bits, k = truth_table(expr, pins), pins.index(pin)
        low = [i for i in range(1 << len(pins)) if not i >> k & 1]
        table = tuple(float((bits >> i ^ bits >> (i | 1 << k)) & 1) for i in low)
        return cls(pins[:k] + pins[k + 1 :], table)

    def probability(self, duties: Sequence[Float]) -> Float:
        """Probability that the function is 1.

        Args:
            duties: for each of `pins`, arrays of one shape.

        Returns:
            that shape; shape () if there are no pins.
        """
        shape = duties[0].shape if duties else ()
        terms = np.asarray(self.table).reshape(-1, *(1,) * len(shape))
        for duty in reversed(duties):
            low, high = terms[: len(terms) // 2], terms[len(terms) // 2 :]
            terms = low + (high - low) * duty
        return np.broadcast_to(terms[0], shape)
