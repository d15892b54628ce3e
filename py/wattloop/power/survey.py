"""The tiles of a whole network: all of them, some of each layer, or as many as a precision takes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from wattloop.arith.layer import IntegerLayer, LayerTrace
from wattloop.arith.mapping import IDENTITY, HardwareMapping
from wattloop.power.sequential import Float, Found, Interval, Population, StopRule, interval, sample_total
from wattloop.power.tile_energies import Batch, TileEnergies, check_mapping, in_batches, run_at, simulate
from wattloop.power.tile_meter import TileMeter
from wattloop.power.tile_sample import Stratum, TileKind, sample_kinds, tile_kinds

Trace = Callable[[Sequence[int]], Sequence[LayerTrace]]
Progress = Callable[[float, float], None]

# Bounds the inputs of all layers that are held at a time.
_TRACED_BYTES = 1 << 28

HEADLINE = "datapath"


@dataclass(frozen=True, eq=False)
class TracedNetwork:
    """A network's layers and what they see on some images.

    Attributes:
        layers: in the order of the network.
        images: how many images there are.
        trace: traces of all layers, in the same order, on the images with these numbers.
    """

    layers: Sequence[IntegerLayer]
    images: int
    trace: Trace

    @classmethod
    def of(cls, traces: Sequence[LayerTrace]) -> TracedNetwork:
        """A network that was traced on all its images."""

        def part(images: Sequence[int]) -> Sequence[LayerTrace]:
            return [replace(trace, inputs=trace.inputs[list(images)]) for trace in traces]

        return cls([trace.layer for trace in traces], traces[0].images if traces else 0, part)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of layers that there are: "conv", "linear"."""
        return tuple(dict.fromkeys(layer.kind for layer in self.layers))


@dataclass(frozen=True)
class Surveyed:
    """Simulated tiles of a network.

    Attributes:
        layers: of each layer, stratum by stratum.
        intervals: of the headline energy of all images together, by kind of layer.
    """

    layers: Sequence[Sequence[TileEnergies]]
    intervals: dict[str, Interval]


@dataclass(frozen=True, eq=False)
class Survey:
    """Simulates tiles of a network.

    Attributes:
        network: the layers and their images.
        meter: measures.
        progress: called with (done, total) work, which may grow as a sample does.
        mappings: how layers are laid onto the array, by name, where not as they are.
    """

    network: TracedNetwork
    meter: TileMeter
    progress: Progress = lambda done, total: None
    mappings: Mapping[str, HardwareMapping] = field(default_factory=dict)

    def fixed(self, tiles: int | None, seed: int, confidence: float) -> Surveyed:
        """A fixed number of tiles of each layer, spread over its strata by their work; None for all.

        Raises:
            ConfigError: a mapping is not one of its layer.
            OverflowRangeError: a layer does not fit the array's partial sums.
        """
        spec = self.meter.spec
        wanted: list[tuple[int, list[int]]] = []
        for number, layer in enumerate(self.network.layers):
            places = [h for h, (at, _) in enumerate(self._strata) if at == number]
            numbers = sample_kinds([self._strata[h][1] for h in places], layer.name, spec, tiles, seed)
            wanted += zip(places, numbers, strict=True)
        measured = self._simulated(wanted, 0.0, 1.0)
        return Surveyed(self._by_layer(wanted, measured), self._intervals(wanted, measured, confidence))

    def precise(self, rule: StopRule, seed: int) -> Surveyed:
        """As many tiles of as many images as it takes to know the energy of every kind of layers with the precision.

        Raises:
            ConfigError: a mapping is not one of its layer.
            OverflowRangeError: a layer does not fit the array's partial sums.
        """
        wanted: list[tuple[int, list[int]]] = []
        measured: list[TileEnergies] = []
        intervals = {}
        for kind in self.network.kinds:
            found, places, rounds = self._sampled(kind, rule, seed)
            intervals[kind] = found.interval
            for h, place in enumerate(places):
                parts = [tiles[h] for tiles in rounds if h in tiles]
                wanted.append((place, found.chosen[h]))
                measured.append(_joined(parts))
        return Surveyed(self._by_layer(wanted, measured), intervals)

    @cached_property
    def _strata(self) -> list[tuple[int, TileKind]]:
        """(number of the layer, its tiles of one size) of all layers."""
        spec = self.meter.spec
        for layer in self.network.layers:
            check_mapping(layer, spec, self._mapping(layer))
        images = self.network.images
        return [(k, kind) for k, layer in enumerate(self.network.layers) for kind in tile_kinds(layer, images, spec)]

    def _mapping(self, layer: IntegerLayer) -> HardwareMapping:
        return self.mappings.get(layer.name, IDENTITY)

    def _sampled(self, kind: str, rule: StopRule, seed: int) -> tuple[Found, list[int], list[dict[int, TileEnergies]]]:
        """The sample of one kind of layers, which strata it is of, and the tiles of each round by stratum."""
        places = [h for h, (layer, _) in enumerate(self._strata) if self.network.layers[layer].kind == kind]
        strata = [self._strata[h] for h in places]
        seeds = [zlib.crc32(self.network.layers[layer].name.encode()) for layer, _ in strata]
        population = Population(
            sizes=np.array([tiles.size for _, tiles in strata]),
            costs=np.array([float(tiles.work(self.meter.spec)) for _, tiles in strata]),
            names=[(own, t.rows, t.cols, t.pixels) for own, (_, t) in zip(seeds, strata, strict=True)],
        )
        rounds: list[dict[int, TileEnergies]] = []
        plan = [0.0, 0.0]

        def measure(new: list[tuple[int, list[int]]]) -> list[Float]:
            measured = self._simulated([(places[h], numbers) for h, numbers in new], plan[1], plan[0])
            rounds.append({h: tiles for (h, _), tiles in zip(new, measured, strict=True)})
            return [tiles.by(HEADLINE) for tiles in measured]

        def on_plan(total: float, done: float) -> None:
            plan[:] = total, done

        return sample_total(population, measure, rule, seed, on_plan), places, rounds

    def _simulated(self, wanted: list[tuple[int, list[int]]], done: float, total: float) -> list[TileEnergies]:
        """Tiles of the strata with these numbers; `done` to `total` is what they advance the progress by."""
        strata = [self._strata[h][1].stratum(numbers) for h, numbers in wanted]
        layers = [self._strata[h][0] for h, _ in wanted]

        def advance(tiles: int, of: int) -> None:
            self.progress(done + (total - done) * tiles / of, total)

        return simulate(self.meter, strata, self._batches(layers, strata), advance)

    def _batches(self, layers: Sequence[int], strata: Sequence[Stratum]) -> Iterator[Batch]:
        """All chosen tiles, the images a few at a time."""
        in_image = {layer: kind.in_image for layer, kind in self._strata}
        image_of = [np.array(s.chosen, dtype=np.int64) // in_image[n] for n, s in zip(layers, strata, strict=True)]
        images = np.unique(np.concatenate(image_of)) if image_of else np.empty(0, np.int64)
        held = self._images_at_once
        for first in range(0, len(images), held):
            some = images[first : first + held]
            traces = self.network.trace(some.tolist())
            for number, (layer, stratum) in enumerate(zip(layers, strata, strict=True)):
                here = np.flatnonzero((image_of[number] >= some[0]) & (image_of[number] <= some[-1]))
                for part in in_batches(len(here), self.meter.at_once(stratum.shape)):
                    at = here[part.start : part.stop].tolist()
                    local = [
                        int(np.searchsorted(some, image_of[number][k])) * in_image[layer]
                        + stratum.chosen[k] % in_image[layer]
                        for k in at
                    ]
                    trace = traces[layer]
                    laid = self._mapping(trace.layer)
                    yield Batch(number, at, [run_at(trace, self.meter.spec, index, laid) for index in local])

    @property
    def _images_at_once(self) -> int:
        shapes = [layer.geometry for layer in self.network.layers]
        size = sum(g.in_channels * g.in_height * g.in_width for g in shapes)
        return max(1, _TRACED_BYTES // max(1, size))

    def _by_layer(
        self, wanted: list[tuple[int, list[int]]], measured: Sequence[TileEnergies]
    ) -> list[list[TileEnergies]]:
        layers: list[list[TileEnergies]] = [[] for _ in self.network.layers]
        for (h, _), tiles in zip(wanted, measured, strict=True):
            layers[self._strata[h][0]].append(tiles)
        return layers

    def _intervals(
        self, wanted: list[tuple[int, list[int]]], measured: Sequence[TileEnergies], confidence: float
    ) -> dict[str, Interval]:
        found = {}
        for kind in self.network.kinds:
            here = [
                tiles
                for (h, _), tiles in zip(wanted, measured, strict=True)
                if self.network.layers[self._strata[h][0]].kind == kind
            ]
            found[kind] = interval([t.stratum.size for t in here], [t.by(HEADLINE) for t in here], confidence)
        return found


def _joined(parts: Sequence[TileEnergies]) -> TileEnergies:
    """Tiles of one stratum from several rounds."""
    chosen = tuple(index for part in parts for index in part.stratum.chosen)
    stratum = replace(parts[0].stratum, chosen=chosen)
    return replace(parts[0], stratum=stratum, values=np.concatenate([part.values for part in parts]))
