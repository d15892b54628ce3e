"""How a layer is laid onto the array, as far as it moves energy and not results: every output stays the same integer.

A constant that enters row 0 is added to every sum, and a filter whose weights are negated gives the negated sum: both
are taken back behind the array, by bias and scale of the requantisation (`arith.deploy`). Sums do not depend on the
order of their terms, nor outputs on the order in which they are computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import ConvGeometry, IntegerLayer
from wattloop.errors import ConfigError, OverflowRangeError

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
PixelOrder = Literal["raster", "snake"]

_LEAST = -128


@dataclass(frozen=True)
class HardwareMapping:
    """How a layer is laid onto the array.

    Attributes:
        psum_offset: constant that enters row 0 and is taken off behind the array: one for all columns, or one for each
            output channel, shape (out_channels,).
        row_order: permutation of the reduction rows of a group, applied before they are cut into row blocks: row k of
            the array's blocks holds reduction index `row_order[k]`; None for the order of im2col.
        flipped_filters: output channels whose weights run negated, ascending; None for none. Weights are always handed
            over as they are in the network.
        pixel_order: order of the output pixels before they are cut into blocks: "raster", line by line, or "snake",
            every other line backwards, so that neighbours in time are neighbours in the image.
    """

    psum_offset: int | tuple[int, ...] = 0
    row_order: tuple[int, ...] | None = None
    flipped_filters: tuple[int, ...] | None = None
    pixel_order: PixelOrder = "raster"

    def offsets(self, out_channels: int) -> Int64:
        """Offset of each output channel, shape (out_channels,)."""
        return np.broadcast_to(np.asarray(self.psum_offset, np.int64), out_channels)

    def signs(self, out_channels: int) -> Int64:
        """-1 for each output channel that runs negated, else 1; shape (out_channels,)."""
        signs = np.ones(out_channels, np.int64)
        signs[list(self.flipped_filters or ())] = -1
        return signs

    def rows(self, geometry: ConvGeometry) -> Int64:
        """Reduction index of each row of the array's blocks, one block after another, shape (reduction,)."""
        return np.arange(geometry.reduction) if self.row_order is None else np.array(self.row_order, np.int64)

    def pixels(self, geometry: ConvGeometry) -> Int64:
        """Output pixels in the order in which they stream, shape (pixels,)."""
        lines = np.arange(geometry.pixels).reshape(geometry.out_height, geometry.out_width)
        if self.pixel_order == "snake":
            lines[1::2] = lines[1::2, ::-1].copy()
        return lines.ravel()

    def negated(self, weights: Int8, name: str) -> Int8:
        """Weights as the array holds them, rows in the order of im2col.

        Args:
            weights: shape (out_channels, reduction).
            name: of the layer, for the complaint.

        Raises:
            OverflowRangeError: a flipped filter holds -128; names layer and filter.
        """
        if not self.flipped_filters:
            return weights
        chosen = np.array(self.flipped_filters)
        stuck = chosen[(weights[chosen] == _LEAST).any(axis=1)]
        if stuck.size:
            raise OverflowRangeError(
                f"layer {name}: filter {stuck[0]} holds the weight {_LEAST}, which has no negative of 8 bits:"
                " leave it out of flipped_filters"
            )
        laid = weights.copy()
        laid[chosen] *= -1
        return laid

    def check(self, layer: IntegerLayer) -> None:
        """Refuse a mapping that is not one of this layer.

        Raises:
            ConfigError: an attribute does not fit the layer's shape; names layer and attribute.
        """
        problem = self._problem(layer.geometry)
        if problem:
            raise ConfigError(f"layer {layer.name}: {problem}")

    def _problem(self, geometry: ConvGeometry) -> str | None:
        channels, reduction = geometry.out_channels, geometry.reduction
        if isinstance(self.psum_offset, tuple) and len(self.psum_offset) != channels:
            return f"psum_offset holds {len(self.psum_offset)} values; expected one, or {channels}"
        if self.row_order is not None and sorted(self.row_order) != list(range(reduction)):
            return f"row_order is no permutation of 0 to {reduction - 1}"
        flipped = self.flipped_filters or ()
        if sorted(set(flipped)) != list(flipped) or any(not 0 <= k < channels for k in flipped):
            return f"flipped_filters are not different channels of 0 to {channels - 1} in ascending order"
        if self.pixel_order not in get_args(PixelOrder):
            return f"pixel_order = {self.pixel_order!r}; legal: {', '.join(get_args(PixelOrder))}"
        return None


IDENTITY = HardwareMapping()
