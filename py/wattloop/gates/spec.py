"""What hardware is rendered: the MAC cell and the systolic array, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from wattloop.errors import SpecError
from wattloop.gates.multipliers import Int64, code_table, multiplier, require_buildable, weights_of_codes
from wattloop.gates.variants import TAGS

Reset = Literal["sync", "async"]


def _require(ok: bool, name: str, value: object, legal: str) -> None:
    if not ok:
        raise SpecError(f"{name} = {value!r} is illegal; legal: {legal}")


def _require_integer(spec: object, name: str, low: int, high: int) -> None:
    value = getattr(spec, name)
    whole = isinstance(value, int) and not isinstance(value, bool)
    _require(whole and low <= value <= high, name, value, f"{low} to {high}")


def _require_choice(spec: object, name: str, legal: tuple[object, ...]) -> None:
    value = getattr(spec, name)
    # 1 == True in Python: a choice must have the right type as well.
    known = any(type(value) is type(choice) and value == choice for choice in legal)
    _require(known, name, value, ", ".join(map(str, legal)))


@dataclass(frozen=True)
class MacSpec:
    """One multiply-accumulate cell with a stationary weight register.

    `p_o <= p_i + w_q * a_i` and `a_o <= a_i` each clock; `w_q <= w_i` while `w_en_i`. Weights lie on `w_i` and in
    `w_q` as the multiplier encodes them (`weight_code`).

    Attributes:
        weight_bits: weights are signed integers of this many bits, as far as the multiplier has a code for them.
        activation_bits: width of the activation.
        activation_signed: two's complement activation instead of unsigned.
        psum_bits: width of the signed partial sum (wraps in hardware; the tiler refuses what could overflow).
        multiplier: how the product is built, by name (`gates.multipliers`): "array" (one fused multiply-add), "booth",
            "sign_magnitude", "shift", or one of your own.
        bypass_zero_weight: the partial sum goes round the adder while the weight is 0, and the operands are held at 0.
        bypass_zero_activation: likewise while the activation is 0.
        gate_weight_clock: the weight register's clock ticks only while it is loaded, by the library's gating cell.
        reset: style of the flip-flops' reset; the library's flip-flops decide which one is cheap.

    Raises:
        SpecError: a value is illegal or not available yet; the message names the legal ones.
    """

    weight_bits: int = 8
    activation_bits: int = 8
    activation_signed: bool = False
    psum_bits: int = 22
    multiplier: str = "array"
    bypass_zero_weight: bool = False
    bypass_zero_activation: bool = False
    gate_weight_clock: bool = False
    reset: Reset = "async"

    def __post_init__(self) -> None:
        _require_integer(self, "weight_bits", 2, 8)
        _require_integer(self, "activation_bits", 2, 8)
        _require_integer(self, "psum_bits", self.weight_bits + self.activation_bits, 32)
        _require_choice(self, "reset", get_args(Reset))
        for name in ("activation_signed", "bypass_zero_weight", "bypass_zero_activation", "gate_weight_clock"):
            _require_choice(self, name, (False, True))
        require_buildable(multiplier(self.multiplier), self)

    @property
    def weight_code_bits(self) -> int:
        """Bits of `w_i` and `w_q`."""
        return multiplier(self.multiplier).code_bits(self.weight_bits)

    @property
    def weight_values(self) -> tuple[int, ...]:
        """The weights that the cell can hold, ascending.

        >>> MacSpec(multiplier="shift", weight_bits=4).weight_values
        (-4, -2, -1, 0, 1, 2, 4)
        """
        return tuple(code_table(multiplier(self.multiplier), self.weight_bits)[0].tolist())

    def weight_code(self, weights: npt.ArrayLike) -> Int64:
        """Register pattern, as an unsigned number, of each weight.

        >>> MacSpec(multiplier="sign_magnitude").weight_code([1, -1]).tolist()
        [1, 129]

        Raises:
            SpecError: a weight that the cell cannot hold; the message names it.
        """
        wanted = np.asarray(weights, dtype=np.int64)
        values, codes = code_table(multiplier(self.multiplier), self.weight_bits)
        index = np.searchsorted(values, wanted).clip(max=len(values) - 1)
        wrong = np.unique(wanted[values[index] != wanted])
        if wrong.size:
            raise SpecError(
                f"the {self.multiplier} multiplier cannot hold {wrong.size} of these weights, such as {wrong[0]}:"
                " map them to `weight_values` first (`arith.representable.nearest`)"
            )
        found: Int64 = codes[index]
        return found

    def weight_of_code(self, codes: npt.ArrayLike) -> Int64:
        """Weight that each register pattern stands for, those included that no weight is encoded as."""
        patterns = np.asarray(codes, dtype=np.int64) & ((1 << self.weight_code_bits) - 1)
        found: Int64 = weights_of_codes(multiplier(self.multiplier), self.weight_bits)[patterns]
        return found

    @property
    def meaning(self) -> tuple[int, ...]:
        """Weight of every register pattern: what a cell's results depend on beside its gates."""
        return tuple(self.weight_of_code(np.arange(1 << self.weight_code_bits)).tolist())

    @property
    def factor_bits(self) -> int:
        """Width of the activation as a signed number."""
        return self.activation_bits + (0 if self.activation_signed else 1)

    @property
    def weight_range(self) -> tuple[int, int]:
        """Least and greatest weight that the cell can hold."""
        values = self.weight_values
        return values[0], values[-1]

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
        options = {tag: getattr(self, option) == value for tag, (option, value) in TAGS.items()}
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
        psum_preload: a register a column holds the offset that enters row 0; it is loaded from `p_i` while `p_en_i`, in
            the first cycle of a tile's load. Otherwise `p_i` itself enters row 0 in every cycle.

    Raises:
        SpecError: a value is illegal; the message names the legal ones.
    """

    rows: int = 64
    cols: int = 64
    pixels: int = 64
    mac: MacSpec = field(default_factory=MacSpec)
    psum_preload: bool = False

    def __post_init__(self) -> None:
        for name in ("rows", "cols", "pixels"):
            _require_integer(self, name, 1, 1024)
        if not isinstance(self.mac, MacSpec):
            raise SpecError(f"mac = {self.mac!r} is illegal; legal: a MacSpec")
        _require_choice(self, "psum_preload", (False, True))

    @property
    def module_name(self) -> str:
        """Stable Verilog module name, e.g. `array_64x64_mac_w8a8p22_array`."""
        return f"array_{self.rows}x{self.cols}{'_pp' * self.psum_preload}_{self.mac.module_name}"

    @property
    def tile_cycles(self) -> int:
        """Clock cycles of one full tile: load + stream + skew + drain.

        >>> ArraySpec().tile_cycles
        254
        """
        return self.cycles_of(self.pixels)

    def cycles_of(self, pixels: int) -> int:
        """Clock cycles of a tile that streams `pixels` pixels."""
        return self.rows + pixels + (self.rows - 1) + (self.cols - 1)
