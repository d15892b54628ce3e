"""What hardware is rendered: the MAC cell and the systolic array, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from wattloop.errors import SpecError

Multiplier = Literal["array", "booth", "sign_magnitude"]
Reset = Literal["sync", "async"]


def _require(ok: bool, name: str, value: object, legal: str) -> None:
    if not ok:
        raise SpecError(f"{name} = {value!r} is illegal; legal: {legal}")


@dataclass(frozen=True)
class MacSpec:
    """One multiply-accumulate cell with a stationary weight register.

    `p_o <= p_i + w_q * a_i` and `a_o <= a_i` each clock; `w_q <= w_i` while `w_en_i`.

    Attributes:
        weight_bits: width of the signed weight.
        activation_bits: width of the activation.
        activation_signed: two's complement activation instead of unsigned.
        psum_bits: width of the signed partial sum (wraps in hardware; the tiler refuses what could overflow).
        multiplier: how the product is built.
        bypass_zero_weight: the partial sum goes round the adder while the weight is 0.
        bypass_zero_activation: likewise while the activation is 0.
        gate_weight_clock: clock gating of the weight register.
        reset: style of the flip-flops' reset.
    """

    weight_bits: int = 8
    activation_bits: int = 8
    activation_signed: bool = False
    psum_bits: int = 22
    multiplier: Multiplier = "array"
    bypass_zero_weight: bool = False
    bypass_zero_activation: bool = False
    gate_weight_clock: bool = False
    reset: Reset = "async"

    def __post_init__(self) -> None:
        _require(2 <= self.weight_bits <= 8, "weight_bits", self.weight_bits, "2 to 8")
        _require(2 <= self.activation_bits <= 8, "activation_bits", self.activation_bits, "2 to 8")
        low = self.weight_bits + self.activation_bits
        _require(low <= self.psum_bits <= 32, "psum_bits", self.psum_bits, f"{low} to 32")
        _require(
            self.multiplier in get_args(Multiplier), "multiplier", self.multiplier, ", ".join(get_args(Multiplier))
        )
        _require(self.reset in get_args(Reset), "reset", self.reset, ", ".join(get_args(Reset)))

    @property
    def weight_range(self) -> tuple[int, int]:
        """Least and greatest weight."""
        return -(1 << (self.weight_bits - 1)), (1 << (self.weight_bits - 1)) - 1

    @property
    def activation_range(self) -> tuple[int, int]:
        """Least and greatest activation."""
        if self.activation_signed:
            return -(1 << (self.activation_bits - 1)), (1 << (self.activation_bits - 1)) - 1
        return 0, (1 << self.activation_bits) - 1

    @property
    def psum_range(self) -> tuple[int, int]:
        """Least and greatest partial sum."""
        return -(1 << (self.psum_bits - 1)), (1 << (self.psum_bits - 1)) - 1

    @property
    def module_name(self) -> str:
        """Stable Verilog module name that tells every option apart.

        >>> MacSpec().module_name
        'mac_w8a8p22_array'
        """
        sign = "s" if self.activation_signed else ""
        name = f"mac_w{self.weight_bits}a{self.activation_bits}{sign}p{self.psum_bits}_{self.multiplier}"
        options = {
            "zw": self.bypass_zero_weight,
            "za": self.bypass_zero_activation,
            "cg": self.gate_weight_clock,
            "sr": self.reset == "sync",
        }
        return "_".join([name, *(tag for tag, on in options.items() if on)])


@dataclass(frozen=True)
class ArraySpec:
    """A weight-stationary systolic array of `rows` x `cols` MAC cells.

    Rows are the reduction index, columns the output channels; activations move right and partial sums down by one
    register a cycle (paper section 3.2).

    Attributes:
        rows: reduction length of a tile.
        cols: output channels of a tile.
        pixels: output pixels streamed through a loaded tile (the paper: 64).
        mac: the cell.
    """

    rows: int = 64
    cols: int = 64
    pixels: int = 64
    mac: MacSpec = field(default_factory=MacSpec)

    def __post_init__(self) -> None:
        for name in ("rows", "cols", "pixels"):
            value = getattr(self, name)
            _require(1 <= value <= 1024, name, value, "1 to 1024")

    @property
    def module_name(self) -> str:
        """Stable Verilog module name, e.g. `array_64x64_mac_w8a8p22_array`."""
        return f"array_{self.rows}x{self.cols}_{self.mac.module_name}"
