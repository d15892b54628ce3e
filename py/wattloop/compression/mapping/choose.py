"""How layers are laid onto the array so that they cost less and compute the same, chosen on training images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import LayerTrace
from wattloop.arith.mapping import HardwareMapping
from wattloop.compression.mapping.filters import FILTER_OFFSETS, channels, cheaper_signs, cheapest, cheapest_filters
from wattloop.compression.mapping.options import MappingOptions
from wattloop.compression.mapping.rows import quietest_first
from wattloop.errors import ConfigError
from wattloop.power.oracle import IDENTITY, EnergyOracle, FilterOracle

Int8 = npt.NDArray[np.int8]
Progress = Callable[[int, int], None]


def choose_mappings(
    traces: Sequence[LayerTrace],
    weights: Mapping[str, Int8],
    tables: EnergyOracle | None,
    tiles: FilterOracle,
    options: MappingOptions | None = None,
    progress: Progress = lambda done, total: None,
    judge: FilterOracle | None = None,
) -> dict[str, HardwareMapping]:
    """A mapping of every layer, none where that costs less; the same arguments give the same mappings.

    Args:
        traces: the layers on training images; test images would flatter the figures measured on them later.
        weights: weights at hand by layer, int8, shape (out_channels, reduction); the traces' own where it names none.
        tables: energies by weight value, for `options.signs = "values"`.
        tiles: measures filters on a few tiles of the same traces.
        options: which freedoms are used; all of them by default.
        progress: called with (done, total) layers.
        judge: measures what was chosen against laying the layer without its order of rows, without that of pixels, and
            as it is: the least of these is taken. None for `tiles`.

    Raises:
        ConfigError: signs are to be chosen by values and there are no tables.
        OverflowRangeError: a layer does not fit the array's partial sums.
    """
    found = {}
    for done, trace in enumerate(traces, start=1):
        layer = replace(trace.layer, weight=weights.get(trace.layer.name, trace.layer.weight))
        chosen = choose_mapping(replace(trace, layer=layer), tables, tiles, options or MappingOptions())
        # An order of rows is a rule of thumb, and what saves settled toggles may cost glitches.
        ways = dict.fromkeys((chosen, replace(chosen, row_order=None), replace(chosen, pixel_order="raster"), IDENTITY))
        found[layer.name] = cheapest(judge or tiles, layer.name, layer.weight, tuple(ways))
        progress(done, len(traces))
    return found


def choose_mapping(
    trace: LayerTrace, tables: EnergyOracle | None, tiles: FilterOracle, options: MappingOptions
) -> HardwareMapping:
    """A mapping of one layer that uses all of the options; its weights are those of the trace."""
    name, weights = trace.layer.name, trace.layer.weight
    order = quietest_first(trace) if options.rows == "activity" else None
    mapping = HardwareMapping(row_order=order, pixel_order=options.pixels)
    plain = np.zeros(len(weights), np.bool_)
    signs = [plain]
    if options.signs == "values":
        if tables is None:
            raise ConfigError(
                'signs = "values" takes tables of energy by weight value: give them, or choose by "tiles"'
            )
        signs = [cheaper_signs(weights, tables.value_energy_fj(name))]
    elif options.signs == "tiles":
        signs = [plain, ~plain]
    offsets = (0,) if options.offsets == "none" else FILTER_OFFSETS
    if len(signs) * len(offsets) == 1:
        return replace(mapping, flipped_filters=channels(signs[0]) or None)
    together = options.offsets != "channel"
    return cheapest_filters(tiles, name, weights, mapping, signs=signs, offsets=offsets, together=together)
