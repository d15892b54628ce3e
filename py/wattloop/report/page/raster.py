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

# Its lightness rises evenly, and it reads the same to the colour-blind.
_MAP = "viridis"
# The darkest part does not stand out from the ground.
_DARKEST = 0.12


@dataclass(frozen=True)
class Raster:
    """A picture: a data URI, its width and height in cells."""

    uri: str
    width: int
    height: int


def raster(values: Float, low: float, high: float, *, log: bool = False) -> Raster:
    """A picture of a matrix, its first row at the bottom; cells that are not finite (or, with `log`, 0) stay empty."""
    seen = np.where(values > 0, values, np.nan) if log else values
    scaled = np.log10(seen / low) / math.log10(high / low) if log else (seen - low) / ((high - low) or 1.0)
    pixels = colormaps[_MAP](_DARKEST + (1 - _DARKEST) * np.clip(np.nan_to_num(scaled), 0, 1), bytes=True)
    pixels[~np.isfinite(seen)] = 0
    buffer = io.BytesIO()
    imsave(buffer, np.ascontiguousarray(pixels[::-1]), format="png", metadata={"Software": None})
    packed = base64.b64encode(buffer.getvalue()).decode()
    return Raster(f"data:image/png;base64,{packed}", pixels.shape[1], pixels.shape[0])


def gradient() -> str:
    """The colours from the least to the greatest value, as CSS."""
    stops = colormaps[_MAP](np.linspace(_DARKEST, 1, 9), bytes=True)
    return "linear-gradient(to right, " + ", ".join("#{:02x}{:02x}{:02x}".format(*stop[:3]) for stop in stops) + ")"
