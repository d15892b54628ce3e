"""Random convolutions for the property tests."""

import numpy as np
from hypothesis import strategies as st

from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace


@st.composite
def geometries(draw: st.DrawFn) -> ConvGeometry:
    """Small legal convolutions over all of kernel, stride, padding, dilation and groups."""
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    groups = draw(st.integers(1, 3))
    kernel, dilation = draw(pair), draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    return ConvGeometry(
        in_channels=groups * draw(st.integers(1, 3)),
        out_channels=groups * draw(st.integers(1, 5)),
        in_height=least[0] + draw(st.integers(0, 5)),
        in_width=least[1] + draw(st.integers(0, 5)),
        kernel=kernel,
        stride=draw(pair),
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


@st.composite
def traces(draw: st.DrawFn) -> LayerTrace:
    """A random layer with full-range weights and one to three random images."""
    geometry = draw(geometries())
    signed = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weight = rng.integers(-128, 128, (geometry.out_channels, geometry.reduction)).astype(np.int8)
    layer = IntegerLayer("layer", "conv", geometry, weight, activation_signed=signed)
    shape = (draw(st.integers(1, 3)), geometry.in_channels, geometry.in_height, geometry.in_width)
    low, dtype = (-128, np.int8) if signed else (0, np.uint8)
    return LayerTrace(layer, rng.integers(low, low + 256, shape).astype(dtype))
