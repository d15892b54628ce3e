"""Matrices as pictures: one pixel a cell, colours that brighten with the value, nothing where there is nothing."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.image import imsave

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Colours:
    """A colour map whose lightness rises evenly, and which reads the same to the colour-blind.

    Attributes:
        name: matplotlib's.
        start: part of it that is left out, where its darkest colours would not stand out from the ground.
    """

    name: str
    start: float

    def at(self, shares: Float) -> npt.NDArray[np.uint8]:
        """RGBA of shares from 0 to 1."""
        found: npt.NDArray[np.uint8] = colormaps[self.name](self.start + (1 - self.start) * shares, bytes=True)
        return found

    @property
    def gradient(self) -> str:
        """From the least to the greatest value, as CSS."""
        stops = self.at(np.linspace(0, 1, 9))
        return "linear-gradient(to right, " + ", ".join("#{:02x}{:02x}{:02x}".format(*stop[:3]) for stop in stops) + ")"


# Seldom but not never must be told from never.
SELDOM = Colours("viridis", 0.12)
# Little is as good as nothing.
LITTLE = Colours("magma", 0.0)


@dataclass(frozen=True)
class Raster:
    """A picture: a data URI, its width and height in cells."""

    uri: str
    width: int
    height: int


def raster(values: Float, low: float, high: float, colours: Colours = SELDOM, *, log: bool = False) -> Raster:
    """A picture of a matrix, its first row at the bottom; cells that are not finite (or, with `log`, 0) stay empty."""
    seen = np.where(values > 0, values, np.nan) if log else values
    scaled = np.log10(seen / low) / math.log10(high / low) if log else (seen - low) / ((high - low) or 1.0)
    pixels = colours.at(np.clip(np.nan_to_num(scaled), 0, 1))
    pixels[~np.isfinite(seen)] = 0
    buffer = io.BytesIO()
    imsave(buffer, np.ascontiguousarray(pixels[::-1]), format="png", metadata={"Software": "wattloop"})
    return Raster(data_uri(buffer.getvalue()), pixels.shape[1], pixels.shape[0])


def data_uri(png: bytes) -> str:
    """A PNG file as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
