"""What a network costs on test images, by real tiles with their glitches; measured once, kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from cattrs.preconf.json import make_converter

from wattloop.activity.backend import backend
from wattloop.arith.layer import IntegerLayer, LayerTrace
from wattloop.compression.energies import ACCOUNTINGS, LayerEnergies, NetworkEnergies
from wattloop.errors import ConfigError
from wattloop.flow.estimation import tracer
from wattloop.flow.measure_settings import MeasureSettings
from wattloop.flow.preload import preload_fj_of
from wattloop.flow.simulator import Simulator, code_key
from wattloop.power.oracle import IDENTITY, HardwareMapping
from wattloop.power.survey import Survey, Surveyed, TracedNetwork
from wattloop.power.tile_energies import TileEnergies, layer_energy, total_fj
from wattloop.store import content_key, write_atomic

if TYPE_CHECKING:
    from wattloop.nn.network import QuantizedNetwork

Images = npt.NDArray[np.uint8]
Mappings = Mapping[str, HardwareMapping]

_FILE = "energies.json"
# Images that are traced at a time while the key is taken.
_KEYED_AT_ONCE = 8


def measure(
    network: QuantizedNetwork,
    images: Images,
    simulator: Simulator,
    settings: MeasureSettings | None = None,
    mappings: Mappings | None = None,
) -> NetworkEnergies:
    """Energies of every layer of a network on images, by their real tiles.

    Whoever asks for the same layers, images and hardware again is answered from the cache of the simulator.

    Args:
        network: quantised.
        images: raw pixels, uint8, shape (images, channels, height, width); all of them are measured.
        simulator: hardware, cache and workers; who counts toggles is said by `settings`.
        settings: which tiles run; None for the defaults, all of them.
        mappings: how layers are laid onto the array, where not as they are.

    Raises:
        OverflowRangeError: a layer does not fit the array's partial sums.
        ConfigError: the simulator sees no glitches, or a mapping is of another network.
    """
    settings = settings or MeasureSettings()
    mac = simulator.hardware.array.mac
    foreign = sorted(set(mappings or ()) - set(network.layers))
    if foreign:
        raise ConfigError(f"mappings of layers that the network does not have: {', '.join(foreign)}; choose them again")
    traced = TracedOn(tracer(network, images, mac), len(images))
    # A mapping that changes nothing must not have the same network measured again.
    laid = {layer: mapping for layer, mapping in (mappings or {}).items() if mapping != IDENTITY}
    edge = [preload_fj_of(simulator, layer, laid.get(layer.name, IDENTITY)) for layer in traced.network.layers]
    key = content_key(_hardware_key(simulator, settings), settings.survey, traced.key, laid, *filter(None, edge))

    def build(folder: Path) -> None:
        found = _surveyed(traced.network, simulator, settings, laid, edge)
        write_atomic(folder / _FILE, json.dumps(make_converter().unstructure(found)))

    return simulator.store.load("energies", key, build, _read)


def _read(folder: Path) -> NetworkEnergies:
    return make_converter().structure(json.loads((folder / _FILE).read_bytes()), NetworkEnergies)


def _hardware_key(simulator: Simulator, settings: MeasureSettings) -> str:
    timing = str(getattr(backend(settings.simulator), "timing", None))
    hardware = simulator.hardware
    netlist = simulator.cell.netlist.digest
    return content_key(code_key(), netlist, hardware, hardware.array.mac.meaning, settings.simulator, timing)


class TracedOn:
    """A network on images, with a content key of all that its tiles are made of.

    Args:
        trace: traces of all layers on the images with these numbers.
        images: how many there are.
    """

    def __init__(self, trace: Callable[[Sequence[int]], list[LayerTrace]], images: int) -> None:
        if images < 1:
            raise ConfigError("there are no images to measure a network on")
        self._trace, self._images = trace, images
        self.network = TracedNetwork([seen.layer for seen in trace([0])], images, trace)

    @property
    def key(self) -> str:
        """Of every layer and its inputs."""
        chunks = range(0, self._images, _KEYED_AT_ONCE)
        numbers = (range(first, min(first + _KEYED_AT_ONCE, self._images)) for first in chunks)
        return content_key(*(content_key(self._trace(some)) for some in numbers))


def _surveyed(
    network: TracedNetwork,
    simulator: Simulator,
    settings: MeasureSettings,
    mappings: Mappings,
    edge: Sequence[float],
) -> NetworkEnergies:
    with simulator.progress.step(f"simulating tiles of {network.images} images") as step:
        survey = Survey(network, simulator.meter(backend(settings.simulator)), step, mappings)
        if settings.rule is None:
            found = survey.fixed(settings.tiles_of_layer, settings.seed, settings.confidence)
        else:
            found = survey.precise(settings.rule, settings.seed)
    return _energies(network, found, settings, edge)


def _energies(
    network: TracedNetwork, found: Surveyed, settings: MeasureSettings, edge: Sequence[float]
) -> NetworkEnergies:
    origin = f"tiles/{settings.simulator}"
    layers = tuple(
        replace(_layer(layer, network.images, tiles, origin), preload_fj=preload)
        for layer, tiles, preload in zip(network.layers, found.layers, edge, strict=True)
    )
    chosen = sum(row.tiles for row in layers)
    interval = found.intervals.get("conv")
    return NetworkEnergies(
        layers=layers,
        images=network.images,
        everything=chosen == _tiles_of(network, found.layers),
        half_width_fj=0.0 if interval is None else interval.half_width / network.images,
        simulator=settings.simulator,
    )


def _tiles_of(network: TracedNetwork, layers: Iterable[Sequence[TileEnergies]]) -> int:
    return sum(part.stratum.size for tiles in layers for part in tiles)


def _layer(layer: IntegerLayer, images: int, tiles: Sequence[TileEnergies], origin: str) -> LayerEnergies:
    if any(part.accounting != "datapath" for part in tiles):
        raise ConfigError(f"measure.simulator: {origin} sees no glitches, which count; use bitparallel-timed")
    totals = {name: total_fj(tiles, name) for name in ACCOUNTINGS}
    return LayerEnergies(
        by_tiles=layer_energy(layer, images, tiles, origin),
        kind=layer.kind,
        fj={name: found.total / images for name, found in totals.items()},
        error_fj={name: found.error / images for name, found in totals.items()},
        tiles=sum(len(part.stratum.chosen) for part in tiles),
    )
