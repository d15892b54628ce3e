"""From what a campaign found to its result: the best network in detail, a row for every network."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from wattloop.compression.bound_facts import BoundFacts, Judged, TileCheck, widest
from wattloop.compression.campaign import Found, Offer, Profilers
from wattloop.compression.config import CompressConfig
from wattloop.compression.energies import NetworkEnergies
from wattloop.compression.front import best_within, front
from wattloop.compression.layerwise.candidates import legal_values
from wattloop.compression.layerwise.outcome import shares_of
from wattloop.compression.remap import Int8, histogram
from wattloop.compression.remember import RememberedSubject
from wattloop.compression.result import CompressionResult, LayerResult, PointResult
from wattloop.compression.rows import Labels, Measured, Row, row_of, weight_facts
from wattloop.compression.subject import Quality
from wattloop.errors import StorageError
from wattloop.power.oracle import HardwareMapping, LayerEnergy

_PACKAGES = ("wattloop", "torch", "numpy")

Mappings = Mapping[str, HardwareMapping]
Judging = Callable[[Mappings, NetworkEnergies, NetworkEnergies], Judged]


@dataclass(frozen=True, eq=False)
class Naming:
    """What rows call things.

    Attributes:
        network, dataset: what is computed.
        mac: template of the MAC cell.
    """

    network: str
    dataset: str
    mac: str


@dataclass(frozen=True, eq=False)
class Table:
    """The tables' view of the network in one state: energy and E(w) of each layer in scope."""

    energies: Mapping[str, LayerEnergy]
    curves: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, eq=False)
class Tested:
    """What no decision rests on, of the network in one state."""

    test: Quality
    energies: NetworkEnergies | None

    def tiles(self, layer: str) -> LayerEnergy | None:
        """Energy of a layer by real tiles, where they were simulated."""
        rows = () if self.energies is None else self.energies.layers
        return next((row.by_tiles for row in rows if row.layer == layer), None)


class Assembly:
    """Makes the result of a campaign.

    Args:
        subject: the network, its states remembered.
        profilers: what prices its layers.
        config: settings.
        measure: energies of the network as it is, on test images, laid out in a way; None measures none.
        naming: what rows call things.
        judge: what a delay bound is worth to the network as it is, laid out in a way, whose energies as int8 and as it
            is are given; None where nobody says.
    """

    def __init__(
        self,
        subject: RememberedSubject,
        profilers: Profilers,
        config: CompressConfig,
        measure: Callable[[Mappings], NetworkEnergies] | None,
        naming: Naming,
        judge: Judging | None = None,
    ) -> None:
        self._subject, self._profilers, self._config = subject, profilers, config
        self._measure, self._naming, self._judge = measure, naming, judge
        self._checks: list[TileCheck] = []
        self._scope = [n for n, kind in subject.kinds.items() if config.scope == "all" or kind == "conv"]

    def result(self, found: Found, keep: Callable[[], object]) -> CompressionResult:
        """The result; test images are looked at only now, every network once.

        Args:
            found: what the campaign ended with.
            keep: called with the subject in the state of each offer in turn, then in that of the best.
        """
        int8 = self._tested(found.int8)
        before, weights = self._by_table(), {layer: self._subject.weight(layer) for layer in self._scope}
        rows, tested = [], []
        for offer in found.offers:
            tested.append(self._tested(offer))
            rows += self._row(found.int8, int8, offer, tested[-1], before)
            keep()
        number = best_within(found.offers, found.int8, self._config.delta)
        best, last = (found.int8, int8) if number is None else (found.offers[number], tested[number])
        self._load(best)
        keep()
        return CompressionResult(
            config=self._config,
            layers=self._layers(best, weights, (before, self._by_table()), (int8, last)),
            validation_before=found.int8.validation,
            validation_after=best.validation,
            test_before=int8.test,
            test_after=last.test,
            bound=found.int8.validation.accuracy - self._config.delta / 100.0,
            versions={"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
            points=tuple(_point(offer, last.test) for offer, last in zip(found.offers, tested, strict=True)),
            best=number,
            front=front(found.offers),
            out_of_time=found.out_of_time,
            rows=tuple(rows),
            journal=found.events,
            checks=tuple(self._checks),
        )

    def _load(self, offer: Offer) -> None:
        if not self._subject.load(offer.state, self._subject.memory):
            raise StorageError(f"{self._subject.memory.folder} lost a network: start the command again")

    def _tested(self, offer: Offer) -> Tested:
        self._load(offer)
        return Tested(self._subject.test(), None if self._measure is None else self._measure(offer.mappings))

    def _by_table(self) -> Table:
        oracle = self._profilers.tables(self._subject.trace(self._config.profile_images, self._scope, "train"))
        energies = {layer: oracle.energy(layer, self._subject.weight(layer)) for layer in self._scope}
        curves = {layer: tuple(float(v) for v in oracle.value_energy_fj(layer)) for layer in self._scope}
        return Table(energies, curves)

    def _held(self, layer: str, table: Table) -> tuple[int, ...] | None:
        """The values that a layer may use: its set, or all that the hardware holds; None for all 256."""
        legal = legal_values(np.asarray(table.curves[layer]))
        return self._subject.allowed(layer) or (None if legal is None else tuple(legal))

    def _row(self, start: Offer, int8: Tested, offer: Offer, tested: Tested, table: Table) -> list[Row]:
        """The row of an offer, if energies were measured; the subject is in its state."""
        subject, naming = self._subject, self._naming
        convolutions = [name for name, kind in subject.kinds.items() if kind == "conv"]
        if int8.energies is None or tested.energies is None or not convolutions:
            return []
        told = (naming.network, naming.dataset, offer.method, offer.setting, naming.mac)
        labels = Labels(*told, seed=self._config.seed, epochs=offer.epochs)
        facts = weight_facts([(subject.weight(name), self._held(name, table)) for name in convolutions])
        before = Measured(int8.test.accuracy, start.validation.accuracy, int8.energies)
        after = Measured(tested.test.accuracy, offer.validation.accuracy, tested.energies)
        bound = self._bound(offer.mappings, convolutions, int8.energies, tested.energies)
        return [row_of(labels, before, after, facts, bound, mapped=bool(offer.mappings))]

    def _bound(
        self, mappings: Mappings, convolutions: list[str], before: NetworkEnergies, after: NetworkEnergies
    ) -> BoundFacts:
        """What the row says of delay bound and supply."""
        codes = widest(self._subject.input_codes(name) for name in convolutions)
        bound_ps = self._config.timing.bound_ps
        if self._judge is None or not bound_ps:
            return BoundFacts(activation_codes=codes, delay_bound_ps=bound_ps or None)
        judged = self._judge(mappings, before, after)
        self._checks.append(judged.check)
        return replace(judged.facts, activation_codes=codes, delay_bound_ps=bound_ps)

    def _layers(
        self, best: Offer, weights: Mapping[str, Int8], tables: tuple[Table, Table], tested: tuple[Tested, Tested]
    ) -> tuple[LayerResult, ...]:
        """Every layer in scope; the subject is in the state of `best`."""
        found = []
        for layer, share in shares_of(tables[0].energies).items():
            now, values = self._subject.weight(layer), self._subject.allowed(layer)
            ratio, size = best.asked.get(layer, (None, None if values is None else len(values)))
            found.append(
                LayerResult(
                    layer=layer,
                    kind=self._subject.kinds[layer],
                    share=share,
                    ratio=ratio,
                    set_size=size,
                    values=self._held(layer, tables[0]),
                    sparsity=float(np.mean(now == 0)),
                    table_before=tables[0].energies[layer],
                    table_after=tables[1].energies[layer],
                    tiles_before=tested[0].tiles(layer),
                    tiles_after=tested[1].tiles(layer),
                    histogram_before=_counts(weights[layer]),
                    histogram_after=_counts(now),
                    curve_before=tables[0].curves[layer],
                    curve_after=tables[1].curves[layer],
                )
            )
        return tuple(found)


def _point(offer: Offer, test: Quality) -> PointResult:
    mappings = dict(offer.mappings)
    return PointResult(offer.method, offer.setting, offer.validation, test, offer.energy_fj, mappings)


def _counts(weights: Int8) -> tuple[int, ...]:
    return tuple(int(count) for count in histogram(weights))
