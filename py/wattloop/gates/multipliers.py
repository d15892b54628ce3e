"""The multipliers that a cell can be built with: what the bits of the stationary weight mean, and which template it is.

A multiplier is a frozen dataclass and a Jinja file that computes `sum` from `w_q`, `a_mul` and `p_add`; listed in
`BUILT_IN` it passes through every tool and every test of the product. One of your own is made known by its file's path
in the environment variable `WATTLOOP_MULTIPLIERS`, which simulators and worker processes inherit, or by an entry point
of the group `wattloop.multipliers` (docs/templates.md).
"""

from __future__ import annotations

import contextlib
import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from wattloop.errors import SpecError

if TYPE_CHECKING:
    from wattloop.gates.spec import MacSpec

Int64 = npt.NDArray[np.int64]
FILES = "WATTLOOP_MULTIPLIERS"


@dataclass(frozen=True)
class Multiplier(ABC):
    """One way to multiply by a stationary weight.

    Attributes:
        name: in specs, module names and results.
        title: what it is, for people; at most 90 characters.
        template: Jinja file; a path, absolute or from the folder of the Python file that defines the class, or a name
            in the folder `rtl/`.
        part: Jinja file, likewise, of a module `<module name of the cell>_product` that the template instantiates;
            synthesis maps it apart. Empty for none.
    """

    name: str
    title: str
    template: str
    part: str = ""

    def code_bits(self, weight_bits: int) -> int:
        """Bits of the weight register (1 to 16), for weights out of the signed integers of `weight_bits` bits."""
        return weight_bits

    @abstractmethod
    def decode(self, codes: Int64, weight_bits: int) -> Int64:
        """Weight that each register pattern 0 ... 2**code_bits - 1 stands for; code 0 must be weight 0.

        The hardware follows it for every pattern, also for those that no weight is encoded as.
        """

    def numbers(self, spec: MacSpec) -> Mapping[str, object]:
        """What the template needs beside `mac` (the spec) and `numbers` (`gates.render_numbers.MacNumbers`)."""
        del spec
        return {}

    def check(self, spec: MacSpec) -> None:
        """Refuse a spec that it cannot build.

        Raises:
            SpecError: names the option and what is legal.
        """
        del spec


@dataclass(frozen=True)
class TwosComplement(Multiplier):
    """Weights as they are."""

    def decode(self, codes: Int64, weight_bits: int) -> Int64:
        """Two's complement."""
        return codes - ((codes >> (weight_bits - 1)) << weight_bits)


@dataclass(frozen=True)
class FusedArray(TwosComplement):
    """Multiply and add in one expression, which Yosys turns into one carry-save compressor tree and one adder."""

    name: str = "array"
    title: str = "fused multiply-add: one carry-save tree of partial products and partial sum, one final adder"
    template: str = "mul_array.sv.j2"


@dataclass(frozen=True)
class Split(TwosComplement):
    """A multiplier with an adder of its own in front of the partial sum's."""

    name: str = "split"
    title: str = "multiplier and adder kept apart: the product is a number of its own"
    template: str = "mul_split.sv.j2"

    def numbers(self, spec: MacSpec) -> Mapping[str, object]:
        """Bits that hold every product."""
        return {"product_bits": spec.weight_bits + spec.activation_bits}


@dataclass(frozen=True)
class Hierarchical(Split):
    """The multiplier as a module of its own: nothing but the product passes from it to the adder.

    In `split` the adder may read inner nets of the multiplier, which is smaller; here the product's nets cut every path
    from the operands to the sum, as timing the multiplier alone needs it (PowerPruning).
    """

    name: str = "hierarchical"
    title: str = "multiplier and adder mapped apart: nothing but the product passes between them"
    template: str = "mul_hierarchical.sv.j2"
    part: str = "product.sv.j2"


@dataclass(frozen=True)
class Booth(TwosComplement):
    """Radix 4, the weight recoded: the digits' lines stand still while a tile streams."""

    name: str = "booth"
    title: str = "radix-4 Booth, the stationary weight recoded"
    template: str = "mul_booth.sv.j2"

    def numbers(self, spec: MacSpec) -> Mapping[str, object]:
        """Digits, and minus what the inverted sign bits of the rows add, modulo 2**psum_bits."""
        digits = (spec.weight_bits + 1) // 2
        added = sum(1 << (spec.factor_bits + 2 * digit) for digit in range(digits))
        bits = spec.psum_bits
        return {"digits": digits, "correction": f"{bits}'h{-added % (1 << bits):x}"}


@dataclass(frozen=True)
class SignMagnitude(Multiplier):
    """Weights encoded offline as a sign bit above a magnitude; the least two's complement value has no code."""

    name: str = "sign_magnitude"
    title: str = "sign and magnitude: unsigned multiplier, its product inverted where the weight is negative"
    template: str = "mul_sign_magnitude.sv.j2"

    def decode(self, codes: Int64, weight_bits: int) -> Int64:
        """Sign in the top bit, magnitude below; both codes of magnitude 0 are weight 0."""
        magnitude = codes & ((1 << (weight_bits - 1)) - 1)
        return np.where(codes >> (weight_bits - 1), -magnitude, magnitude)


@dataclass(frozen=True)
class Shift(Multiplier):
    """No multiplier at all: weights 0 and +-2**k, k up to weight_bits - 2, as a sign bit above an exponent field."""

    name: str = "shift"
    title: str = "shift and add: weights 0 and powers of two, stored as sign and exponent"
    template: str = "mul_shift.sv.j2"

    def code_bits(self, weight_bits: int) -> int:
        """A sign and an exponent field, whose 0 stands for weight 0."""
        return 1 + (weight_bits - 1).bit_length()

    def decode(self, codes: Int64, weight_bits: int) -> Int64:
        """Exponent field e stands for 2**(e - 1), 0 for 0, and so does a field beyond the greatest exponent."""
        field = codes & ((1 << (self.code_bits(weight_bits) - 1)) - 1)
        magnitude = np.where((field > 0) & (field < weight_bits), 1 << np.maximum(field - 1, 0), 0)
        return np.where(codes >> (self.code_bits(weight_bits) - 1), -magnitude, magnitude)

    def numbers(self, spec: MacSpec) -> Mapping[str, object]:
        """Width of the exponent field and number of exponents."""
        return {"field_bits": self.code_bits(spec.weight_bits) - 1, "exponents": spec.weight_bits - 1}


BUILT_IN: tuple[Multiplier, ...] = (FusedArray(), Split(), Hierarchical(), Booth(), SignMagnitude(), Shift())


@cache
def _known(files: str) -> Mapping[str, Multiplier]:
    """The built-in multipliers, those of installed packages and those in `files`."""
    from wattloop.gates.own_multipliers import with_own  # which needs the classes above

    return with_own({each.name: each for each in BUILT_IN}, files)


def multipliers() -> Mapping[str, Multiplier]:
    """Every known multiplier by name: the built-in ones, those of packages, those in `WATTLOOP_MULTIPLIERS`.

    Raises:
        SpecError: one of the latter cannot be loaded or used.
    """
    return _known(os.environ.get(FILES, ""))


def multiplier(name: str) -> Multiplier:
    """The multiplier called `name`.

    Raises:
        SpecError: unknown; the message lists the known ones.
    """
    known = multipliers()
    if not isinstance(name, str) or name not in known:
        raise SpecError(f"multiplier = {name!r} is illegal; legal: {', '.join(known)}")
    return known[name]


@cache
def weights_of_codes(chosen: Multiplier, weight_bits: int) -> Int64:
    """Weight of every register pattern, shape (2**code_bits,); not to be written to."""
    codes = np.arange(1 << chosen.code_bits(weight_bits), dtype=np.int64)
    found = np.array(chosen.decode(codes, weight_bits), dtype=np.int64)
    found.setflags(write=False)
    return found


@cache
def code_table(chosen: Multiplier, weight_bits: int) -> tuple[Int64, Int64]:
    """(representable weights, ascending; the register pattern of each, the least where there are several)."""
    values, first = np.unique(weights_of_codes(chosen, weight_bits), return_index=True)
    return values, first.astype(np.int64)


def require_buildable(chosen: Multiplier, spec: MacSpec) -> None:
    """Refuse a spec that the multiplier cannot build.

    Raises:
        SpecError: what its `check` says, or that it fails.
    """
    with own_fault(f"multiplier {chosen.name}: check() fails"):
        chosen.check(spec)


def own_template(chosen: Multiplier, name: str) -> Path | None:
    """File of a template of `chosen`, if `name` is a path or lies beside the Python file that defines the class."""
    path = Path(name)
    with contextlib.suppress(TypeError, OSError):  # a class that no file defines
        path = Path(inspect.getfile(type(chosen))).resolve().parent / path
    return path if path.is_absolute() and path.is_file() else None


@contextlib.contextmanager
def own_fault(where: str) -> Iterator[None]:
    """Around what may be a user's code: whatever it raises becomes a `SpecError` of one line, `where` and why."""
    try:
        yield
    except SpecError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's code may raise
        said = " ".join(str(error).split())
        line = getattr(error, "lineno", None)  # of a template; Python's own errors say it
        said += f", line {line}" if line and not isinstance(error, SyntaxError) else ""
        raise SpecError(f"{where}: {type(error).__name__}{f': {said}' if said else ''}") from error
