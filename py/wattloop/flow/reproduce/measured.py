"""Networks measured for the tables: accuracy on the test set, energy by the real tiles of its first images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from wattloop.compression.bound_facts import BoundFacts, widest
from wattloop.compression.energies import NetworkEnergies
from wattloop.compression.rows import Measured, Row, row_of, weight_facts
from wattloop.flow.fitting import fit_facts
from wattloop.flow.judging import Judge
from wattloop.flow.measurement import measure
from wattloop.flow.models import ModelEntry, Models
from wattloop.flow.progress import Progress
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.timed import Timed, timed_by
from wattloop.flow.training import load_dataset
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.gates.templates import templates
from wattloop.parallel import Workers
from wattloop.power.oracle import HardwareMapping
from wattloop.report.reproduce.results import DEFAULT_MAC, INT8, LayerFacts, Result
from wattloop.store import Store

if TYPE_CHECKING:
    from wattloop.nn.datasets import Dataset
    from wattloop.nn.network import QuantizedNetwork

Mappings = Mapping[str, HardwareMapping]

_ALL_VALUES = 256


@dataclass(frozen=True, eq=False)
class Bench:
    """Measures networks; each network on each cell once.

    Attributes:
        settings: hardware, data and `measure`.
        store: cache.
        progress: told of every step.
        workers: who does the work.
    """

    settings: Settings
    store: Store
    progress: Progress
    workers: Workers
    _simulators: dict[ArraySpec, Simulator] = field(default_factory=dict, repr=False)
    _timed: dict[ArraySpec, Timed] = field(default_factory=dict, repr=False)

    def dataset(self, name: str) -> Dataset:
        """A data set by name, from the settings' folder."""
        settings = replace(self.settings, network=replace(self.settings.network, dataset=name))
        return load_dataset(settings, self.progress)

    def accuracy(self, network: QuantizedNetwork, dataset: str, title: str) -> float:
        """Share of the test images that are classified rightly."""
        from wattloop.nn.evaluate import evaluate

        test, most = self.dataset(dataset).test, self.settings.reproduce.test_images
        with self.progress.step(f"classifying test images with {title}"):
            return evaluate(network, test.images[:most], test.labels[:most]).accuracy

    def energies(self, network: QuantizedNetwork, dataset: str, cell: MacSpec, mappings: Mappings) -> NetworkEnergies:
        """Energies of all layers on the first test images; says so where the cell cannot take the network as it is."""
        from wattloop.nn.trace import trace

        images = self.dataset(dataset).test.images[: self.settings.measure.images]
        fit_facts(trace(network, images[:1]), cell, self.progress)
        return measure(network, images, self._simulator(cell, bool(mappings)), self.settings.measure, mappings)

    def bound_facts(
        self,
        network: QuantizedNetwork,
        entry: ModelEntry,
        mappings: Mappings,
        int8: NetworkEnergies,
        found: NetworkEnergies,
    ) -> BoundFacts:
        """What a delay bound is worth to a network, and whether the tiles of test images keep to it."""
        facts = BoundFacts(activation_codes=_codes(network))
        if not entry.delay_bound_ps:
            return facts
        simulator = self._simulator(entry.cell, bool(mappings))
        spec = simulator.hardware.array
        if spec not in self._timed:
            self._timed[spec] = timed_by("worst", simulator, self.settings.timing)
        images, settings = self.dataset(entry.dataset).test.images, self.settings
        whole = any(kind == "linear" for kind in _restricted(network))
        judge = Judge(self._timed[spec], entry.delay_bound_ps, whole, settings.supply, images, settings.measure)
        judged = judge(network, mappings, int8, found).facts
        return replace(judged, activation_codes=facts.activation_codes, delay_bound_ps=entry.delay_bound_ps)

    def _simulator(self, cell: MacSpec, mapped: bool) -> Simulator:
        hardware = self.settings.hardware
        # Offsets take registers at the array's edge, which the cells' energy does not depend on.
        array = replace(hardware.array, mac=cell, psum_preload=mapped or hardware.array.psum_preload)
        if array not in self._simulators:
            settings = replace(self.settings, hardware=replace(hardware, array=array))
            self._simulators[array] = Simulator.of(
                settings, store=self.store, progress=self.progress, workers=self.workers
            )
        return self._simulators[array]


def from_models(models: Models, entries: Sequence[ModelEntry], bench: Bench) -> tuple[Result, ...]:
    """Measure checkpoints anew, and before each the int8 network that it is held against.

    Args:
        models: the folder.
        entries: compressed networks.
        bench: measures.

    Returns:
        One result a network, an int8 network once a cell.
    """
    told = _Remembered(models, bench)
    found: dict[tuple[str, str], Result] = {}
    for entry in entries:
        reference = models.int8_of(entry)
        key = (reference.file, entry.mac)
        if key not in found:
            found[key] = told.result(replace(reference, mac=entry.mac), reference)
        found[entry.file, entry.mac] = told.result(entry, reference)
    return tuple(found.values())


@dataclass(frozen=True, eq=False)
class _Remembered:
    """Figures of checkpoints, each found out once."""

    models: Models
    bench: Bench
    accuracies: dict[str, float] = field(default_factory=dict)
    energies: dict[tuple[str, str], NetworkEnergies] = field(default_factory=dict)

    def result(self, entry: ModelEntry, reference: ModelEntry) -> Result:
        """A checkpoint beside its int8 network on the same cell."""
        network = self.models.load(entry)
        before = self._measured(reference, entry.mac)
        after = self._measured(entry, entry.mac)
        mappings = self.models.mappings(entry)
        labels = entry.labels if entry.role == "compressed" else replace(entry.labels, method=INT8)
        bound = self.bench.bound_facts(network, entry, mappings, before.energies, after.energies)
        row = row_of(labels, before, after, weight_facts(_weights(network)), bound, mapped=bool(mappings))
        return Result(self._over_array(row, entry), layer_facts(network, before.energies, after.energies))

    def _measured(self, entry: ModelEntry, mac: str) -> Measured:
        if entry.file not in self.accuracies:
            network = self.models.load(entry)
            self.accuracies[entry.file] = self.bench.accuracy(network, entry.dataset, entry.file)
        return Measured(self.accuracies[entry.file], entry.validation, self._energies(entry, mac))

    def _energies(self, entry: ModelEntry, mac: str) -> NetworkEnergies:
        if (entry.file, mac) not in self.energies:
            network, mappings = self.models.load(entry), self.models.mappings(entry)
            with self.bench.progress.step(f"measuring {entry.file} on {mac}"):
                found = self.bench.energies(network, entry.dataset, templates()[mac], mappings)
            self.energies[entry.file, mac] = found
        return self.energies[entry.file, mac]

    def _over_array(self, row: Row, entry: ModelEntry) -> Row:
        """With what it saves against int8 on the default cell, where an int8 network for that is there."""
        reference = self.models.on_array(entry)
        if (entry.role == "int8" and entry.mac == DEFAULT_MAC) or reference is None:
            return row
        before = self._energies(reference, DEFAULT_MAC).fj("datapath")
        return replace(row, datapath_saving_over_array=1.0 - row.datapath_fj / before)


def _weights(network: QuantizedNetwork) -> list[tuple[np.ndarray, tuple[int, ...] | None]]:
    """Weights of each convolution, with its set."""
    from wattloop.nn.constraint import constraint_of

    found = []
    for name, layer in network.layers.items():
        if layer.kind == "conv":
            held = constraint_of(network, name)
            found.append((network.integer_weight(name), None if held is None else held.values))
    return found


def _restricted(network: QuantizedNetwork) -> Iterator[str]:
    """Kinds of the layers that are held to a set."""
    from wattloop.nn.constraint import constraint_of

    for name, layer in network.layers.items():
        held = constraint_of(network, name)
        if held is not None and held.values is not None:
            yield layer.kind


def _codes(network: QuantizedNetwork) -> int:
    """How many activation codes a convolution may read at most."""
    from wattloop.nn.input_codes import input_codes_of

    return widest(input_codes_of(network, name) for name, layer in network.layers.items() if layer.kind == "conv")


def layer_facts(network: QuantizedNetwork, int8: NetworkEnergies, found: NetworkEnergies) -> tuple[LayerFacts, ...]:
    """Each convolution before and after."""
    names = [name for name, layer in network.layers.items() if layer.kind == "conv"]
    before = {layer.layer: layer for layer in int8.layers}
    after = {layer.layer: layer for layer in found.layers}
    return tuple(
        LayerFacts(
            layer=name,
            macs=after[name].by_tiles.macs,
            weights=weights.size,
            values=_ALL_VALUES if allowed is None else len(allowed),
            zeros=int((weights == 0).sum()),
            int8_fj=before[name].fj,
            fj=after[name].fj,
        )
        for name, (weights, allowed) in zip(names, _weights(network), strict=True)
    )
