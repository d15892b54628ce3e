"""Numbers that follow from a spec and that templates of the RTL need: widths, addresses, names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wattloop.gates.spec import ArraySpec, MacSpec


def bus(bits: int) -> str:
    """Packed range of a vector of `bits` bits.

    >>> bus(8)
    '[7:0]'
    """
    return f"[{bits - 1}:0]"


def address_bits(words: int) -> int:
    """Address width of a memory of `words` words, at least 1.

    >>> [address_bits(n) for n in (1, 2, 64, 65)]
    [1, 1, 6, 7]
    """
    return max(1, (words - 1).bit_length())


@dataclass(frozen=True)
class MacNumbers:
    """What mac.sv.j2 needs beside the spec.

    Attributes:
        spec: the cell.
    """

    spec: MacSpec

    @property
    def clocking(self) -> str:
        """Event list of the flip-flops."""
        return "posedge clk_i or negedge rst_ni" if self.spec.reset == "async" else "posedge clk_i"

    @property
    def activation_sign(self) -> str:
        """For the header."""
        return "signed" if self.spec.activation_signed else "unsigned"

    @property
    def bypass(self) -> bool:
        """Whether some zero bypass is on."""
        return self.spec.bypass_zero_weight or self.spec.bypass_zero_activation

    @property
    def activation_extended(self) -> str:
        """The multiplier's activation as a signed expression of `factor_bits` bits."""
        return "$signed(a_mul)" if self.spec.activation_signed else "$signed({1'b0, a_mul})"


@dataclass(frozen=True)
class MacBenchNumbers:
    """What mac_bench.sv.j2 needs beside the specs.

    Attributes:
        cells: the cells side by side.
        vectors: capacity of its memories.
    """

    cells: Sequence[MacSpec]
    vectors: int

    @property
    def weight_bits(self) -> int:
        """Widest weight."""
        return max(cell.weight_code_bits for cell in self.cells)

    @property
    def activation_bits(self) -> int:
        """Widest activation."""
        return max(cell.activation_bits for cell in self.cells)

    @property
    def psum_bits(self) -> int:
        """Widest partial sum."""
        return max(cell.psum_bits for cell in self.cells)

    @property
    def vector_bits(self) -> int:
        """Width of a stimulus word {rst_n, w_en, w, a, p}."""
        return 2 + self.weight_bits + self.activation_bits + self.psum_bits

    @property
    def record_bits(self) -> int:
        """Width of a result word, {a_o, p_o} of each cell."""
        return len(self.cells) * (self.activation_bits + self.psum_bits)

    @property
    def address_bits(self) -> int:
        """Address width of both memories."""
        return address_bits(self.vectors)


@dataclass(frozen=True)
class ArrayNumbers:
    """What systolic_array.sv.j2 and tile_top.sv.j2 need beside the spec.

    Attributes:
        spec: the array.
        tiles: capacity of the tile top's memories.
    """

    spec: ArraySpec
    tiles: int = 1

    @property
    def clocking(self) -> str:
        """Event list of the flip-flops."""
        return MacNumbers(self.spec.mac).clocking

    @property
    def tile_name(self) -> str:
        """Module name of the tile top."""
        return f"tile_p{self.spec.pixels}_{self.spec.module_name}"

    @property
    def weight_word_bits(self) -> int:
        """One row of weights."""
        return self.spec.cols * self.spec.mac.weight_code_bits

    @property
    def activation_word_bits(self) -> int:
        """One column of activations."""
        return self.spec.rows * self.spec.mac.activation_bits

    @property
    def psum_word_bits(self) -> int:
        """One row of partial sums."""
        return self.spec.cols * self.spec.mac.psum_bits

    @property
    def weight_words(self) -> int:
        """Words of the weight memory."""
        return self.tiles * self.spec.rows

    @property
    def pixel_words(self) -> int:
        """Words of the activation and of the result memory."""
        return self.tiles * self.spec.pixels

    @property
    def weight_address_bits(self) -> int:
        """Address width of the weight memory."""
        return address_bits(self.weight_words)

    @property
    def tile_address_bits(self) -> int:
        """Address width of the memory of offsets."""
        return address_bits(self.tiles)

    @property
    def pixel_address_bits(self) -> int:
        """Address width of the activation and of the result memory."""
        return address_bits(self.pixel_words)
