"""A campaign: methods in turn, each from the same int8 network, every dear step remembered."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wattloop.arith.layer import LayerTrace
from wattloop.compression import journal
from wattloop.compression.budget import Budget
from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import CampaignStarted, Event, MethodStarted, PointFound, TimeSpent
from wattloop.compression.mapping.archive import from_plain, plain
from wattloop.compression.method import Aiming, Choosy, Lab, Method, Point
from wattloop.compression.powerpruning.problem import Delays
from wattloop.compression.remember import RememberedProfiler, RememberedSubject
from wattloop.compression.rows import setting_text
from wattloop.compression.stream import Journal
from wattloop.compression.subject import Int8, Quality
from wattloop.errors import ConfigError, ModelError, StorageError
from wattloop.power.oracle import IDENTITY, EnergyOracle, HardwareMapping, Profiler
from wattloop.store import content_key


@dataclass(frozen=True, eq=False)
class Mapper:
    """What lays layers onto the array so that they cost less and compute the same.

    Attributes:
        images: training images that it wants to see.
        choose: mappings of the layers of traces, by name.
    """

    images: int
    choose: Callable[[Sequence[LayerTrace]], Mapping[str, HardwareMapping]]


@dataclass(frozen=True, eq=False)
class Profilers:
    """What prices layers.

    Attributes:
        tables: builds oracles that answer from tables.
        tiles: builds oracles that simulate real tiles.
        pooled: builds oracles with one table for all layers; None where `tables` serves for that, too.
        facts: all that stands behind them, in words or as a hash.
        mapper: lays out networks, if they are to be offered laid out, too.
        delays: times the cell; None where no delay bound is set. What it rests on belongs into `facts`.
    """

    tables: Profiler
    tiles: Profiler
    pooled: Profiler | None = None
    facts: str = ""
    mapper: Mapper | None = None
    delays: Callable[[], Delays] | None = None


@dataclass(frozen=True, eq=False)
class Offer:
    """A network that a method offered.

    Attributes:
        method: which.
        setting: what tells it from the method's other points, in words.
        state: name of its state in the campaign's memory.
        validation: its quality on all validation images.
        energy_fj: of the layers in scope, by real tiles of training images, fJ per image.
        mappings: how its layers are laid onto the array, where not as they are.
        asked: pruning ratio and set size K that layers were given, where the method has such.
        epochs: fine-tuning that it has seen since int8.
    """

    method: str
    setting: str
    state: str
    validation: Quality
    energy_fj: float
    mappings: Mapping[str, HardwareMapping] = field(default_factory=dict)
    asked: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    epochs: int = 0


@dataclass(frozen=True, eq=False)
class Found:
    """What a campaign ends with.

    Attributes:
        int8: the network that it started from.
        offers: all that the methods offered, in order.
        events: the journal.
        out_of_time: whether it ended because its hours were spent.
    """

    int8: Offer
    offers: tuple[Offer, ...]
    events: tuple[Event, ...]
    out_of_time: bool


class Campaign:
    """Runs methods on a subject.

    Args:
        subject: the int8 network without constraints.
        profilers: what prices its layers.
        config: settings.
        told: the journal.
        budget: how long it may take.
    """

    def __init__(
        self, subject: RememberedSubject, profilers: Profilers, config: CompressConfig, told: Journal, budget: Budget
    ) -> None:
        self._subject, self._config, self._journal, self._budget = subject, config, told, budget
        self._memory, self._mapper, self._stopped = subject.memory, profilers.mapper, False
        tiles = RememberedProfiler(profilers.tiles, lambda: subject.memory, profilers.facts)
        self._lab = Lab(
            subject,
            profilers.tables,
            tiles,
            config,
            told,
            self._out_of_time,
            self._step,
            profilers.pooled,
            profilers.delays,
        )

    def run(self, methods: Mapping[str, Method]) -> Found:
        """Let each method have its turn.

        Raises:
            ModelError: no layer is in scope.
            ConfigError: a method is asked for more than weights of 0 alone would save, or for values that the cell does
                not hold.
        """
        if not self._lab.scope:
            scope = self._config.scope
            raise ModelError(f"nothing to compress: the network has no layer of compress.scope = {scope!r}")
        int8 = Offer("", "", self._subject.save(self._memory), self._subject.score(), self._energy_fj({}))
        self._start(methods, int8)
        offers: list[Offer] = []
        for name, method in methods.items():
            if self._out_of_time():
                break
            self._recall(int8.state)
            self._journal(MethodStarted(name, method.parts(self._lab)))
            offers += [offer for point in method.points(self._lab) for offer in self._taken(name, point)]
        if self._stopped:
            self._journal(TimeSpent(name))
        self._budget.save()
        return Found(int8, tuple(offers), tuple(self._journal.events), self._stopped)

    def _out_of_time(self) -> bool:
        """Whether the hours are spent; a campaign that nobody was stopped in is whole, however long it took."""
        spent = self._budget.out_of_time(len(self._journal.events))
        self._stopped = self._stopped or spent
        return spent

    def _start(self, methods: Mapping[str, Method], int8: Offer) -> None:
        layers = self._lab.scope
        oracle = self._lab.tiles(self._subject.trace(self._config.tile_images, layers, "train"))
        limit = most_that_can_be_saved(oracle, {layer: self._subject.weight(layer) for layer in layers})
        for method in methods.values():
            if isinstance(method, Aiming):
                require_reachable(method.targets(self._config), limit)
            if isinstance(method, Choosy):
                method.require_possible(self._lab)
        quality, seed = int8.validation, self._config.seed
        self._journal(CampaignStarted(tuple(methods), quality.accuracy, quality.loss, int8.energy_fj, limit, seed))

    def _taken(self, method: str, point: Point) -> Iterator[Offer]:
        """The point as it is, and laid out at less cost where that is wanted and the method has not done it."""
        before = self._subject.snapshot()
        self._subject.restore(point.state)
        yield self._offered(method, point, point.mappings)
        if self._mapper is not None and not point.mappings:
            yield self._offered(method, point, from_plain(self._step("mapping", self._laid)))
        self._subject.restore(before)

    def _offered(self, method: str, point: Point, mappings: Mapping[str, HardwareMapping]) -> Offer:
        state, energy = self._subject.save(self._memory), self._energy_fj(mappings)
        setting, quality = setting_text(point.setting), point.validation
        self._journal(PointFound(method, setting, quality.accuracy, quality.loss, energy, bool(mappings)))
        return Offer(method, setting, state, quality, energy, mappings, point.asked, self._subject.epochs)

    def _laid(self) -> dict[str, Any]:
        assert self._mapper is not None
        return plain(self._mapper.choose(self._subject.trace(self._mapper.images, self._lab.scope, "train")))

    def _energy_fj(self, mappings: Mapping[str, HardwareMapping]) -> float:
        """Energy of the layers in scope by real tiles of training images, fJ per image."""
        layers = self._lab.scope
        oracle = self._lab.tiles(self._subject.trace(self._config.tile_images, layers, "train"))
        found = (oracle.energy(name, self._subject.weight(name), mappings.get(name, IDENTITY)) for name in layers)
        return math.fsum(layer.energy.dynamic_fj for layer in found)

    def _recall(self, state: str) -> None:
        if not self._subject.load(state, self._memory):
            raise StorageError(f"{self._memory.folder} lost an intermediate network: start the command again")

    def _step(self, name: str, work: Callable[[], Any]) -> Any:
        """See `Lab.step`; what is found out within it is dropped when it is done."""
        memory = self._subject.memory
        key = content_key("step", name, self._subject.digest)
        found = memory.recall(key)
        if found is not None and self._subject.load(found["state"], memory):
            for event in journal.from_lines(found["events"]):
                self._journal(event)
            return found["value"]
        inner, first = memory.within(key), len(self._journal.events)
        with self._subject.using(inner):
            value = work()
        state = self._subject.save(memory)
        memory.keep(key, {"value": value, "state": state, "events": journal.to_lines(self._journal.events[first:])})
        inner.forget()
        return value


def most_that_can_be_saved(oracle: EnergyOracle, weights: Mapping[str, Int8]) -> float:
    """Share of the layers' energy that weights of 0 alone would save.

    Args:
        oracle: knows the layers.
        weights: by layer.
    """
    whole = math.fsum(oracle.energy(layer, found).energy.dynamic_fj for layer, found in weights.items())
    zeros = math.fsum(oracle.energy(layer, np.zeros_like(found)).energy.dynamic_fj for layer, found in weights.items())
    return 1.0 - zeros / whole if whole else 0.0


def require_reachable(targets: Sequence[float], limit: float) -> None:
    """Refuse targets that no weights reach.

    Args:
        targets: shares of the energy to be saved.
        limit: what weights of 0 alone save.

    Raises:
        ConfigError: one of them is beyond it.
    """
    beyond = [target for target in targets if target >= limit]
    if beyond:
        raise ConfigError(
            f"a saving of {max(beyond):.1%} cannot be reached: weights of 0 alone would save {limit:.1%} of the"
            " energy of these layers; ask for less"
        )
