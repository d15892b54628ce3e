"""A multiplier of one's own: weights of three significant bits, multiplied on three rows and shifted into place.

    export WATTLOOP_MULTIPLIERS=examples/own_multiplier/minifloat.py
    wattloop synth --multiplier minifloat --prove

This file and the Jinja file beside it are all that it takes: every command and, listed in tests/conftest.py, every test
of the built-in cells knows it too. docs/templates.md says what the parts mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wattloop.gates.multipliers import Int64, Multiplier
from wattloop.gates.spec import MacSpec


def mantissa_bits(weight_bits: int) -> int:
    """Significant bits: 3, or all that a narrow weight has."""
    return min(3, weight_bits - 1)


def exponents(weight_bits: int) -> int:
    """How many places there are to shift to."""
    return weight_bits - mantissa_bits(weight_bits)


def field_bits(weight_bits: int) -> int:
    """Bits of the exponent field."""
    return max(1, (exponents(weight_bits) - 1).bit_length())


@dataclass(frozen=True)
class Minifloat(Multiplier):
    """Weights 0 and +-m * 2**e: sign above exponent above mantissa; 47 of the 256 weights of 8 bits."""

    name: str = "minifloat"
    title: str = "three significant bits a weight: a multiplier of three rows, and a shift into place"
    template: str = "minifloat.sv.j2"

    def code_bits(self, weight_bits: int) -> int:
        """7 for weights of 8 bits."""
        return 1 + field_bits(weight_bits) + mantissa_bits(weight_bits)

    def decode(self, codes: Int64, weight_bits: int) -> Int64:
        """An exponent beyond the last place stands for 0, as in the hardware."""
        mantissa = codes & ((1 << mantissa_bits(weight_bits)) - 1)
        exponent = (codes >> mantissa_bits(weight_bits)) & ((1 << field_bits(weight_bits)) - 1)
        magnitude = np.where(exponent < exponents(weight_bits), mantissa << exponent, 0)
        negative = codes >> (self.code_bits(weight_bits) - 1)
        return np.where(negative == 1, -magnitude, magnitude)

    def numbers(self, spec: MacSpec) -> Mapping[str, object]:
        """Widths, for the template: templates do no arithmetic."""
        bits = spec.weight_bits
        return {
            "mantissa_bits": mantissa_bits(bits),
            "field_bits": field_bits(bits),
            "exponents": exponents(bits),
            "product_bits": mantissa_bits(bits) + spec.factor_bits,
        }


MULTIPLIER = Minifloat()
