"""A subject that remembers: each dear step is a pure function of the network's state, looked up before it is done.

A program that is run again over the same memory repeats its cheap steps and is told the results of the dear ones, until
it stands where it was interrupted; from there it goes on as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Literal, Protocol

from wattloop.arith.layer import LayerTrace
from wattloop.compression.memory import Memory, digest_of
from wattloop.compression.subject import Bool, Constraint, EnergyTerm, Float, Float32, Int8, Quality, Subject
from wattloop.power.oracle import (
    IDENTITY,
    EnergyBreakdown,
    EnergyOracle,
    HardwareMapping,
    LayerEnergy,
    Profiler,
    WeightPrices,
)
from wattloop.store import content_key


class Codec(Protocol):
    """Turns snapshots of a subject into bytes and back; equal states are equal bytes."""

    def encode(self, snapshot: object) -> bytes:
        """The snapshot as bytes."""

    def decode(self, state: bytes) -> object:
        """A snapshot that `restore` takes."""


class RememberedSubject:
    """Implements `Subject` on another one.

    Args:
        subject: does the work; nobody else may change it.
        codec: of its snapshots.
        memory: where results are kept.

    Attributes:
        memory: the one in use; a step in progress has one of its own.
    """

    def __init__(self, subject: Subject, codec: Codec, memory: Memory) -> None:
        self.memory = memory
        self._subject = subject
        self._codec = codec
        self._digest: str | None = None

    @property
    def digest(self) -> str:
        """Name of the state of the network, its constraints included."""
        if self._digest is None:
            self._digest = digest_of(self._codec.encode(self._subject.snapshot()))
        return self._digest

    def save(self, memory: Memory) -> str:
        """Keep the present state in `memory` and return its name."""
        state = self._codec.encode(self._subject.snapshot())
        self._digest = digest_of(state)
        memory.keep_state(self._digest, state)
        return self._digest

    def load(self, digest: str, memory: Memory) -> bool:
        """Back to a state that `save` kept; False where it is gone or damaged."""
        state = memory.state(digest)
        if state is None:
            return False
        self._subject.restore(self._codec.decode(state))
        self._digest = digest
        return True

    @contextmanager
    def using(self, memory: Memory) -> Iterator[None]:
        """Keep results in `memory` for as long as the block lasts."""
        before, self.memory = self.memory, memory
        try:
            yield
        finally:
            self.memory = before

    @property
    def kinds(self) -> Mapping[str, str]:
        """See `Subject`."""
        return self._subject.kinds

    @property
    def epochs(self) -> int:
        """See `Subject`."""
        return self._subject.epochs

    def weight(self, layer: str) -> Int8:
        """See `Subject`."""
        return self._subject.weight(layer)

    def latent(self, layer: str) -> Float32:
        """See `Subject`."""
        return self._subject.latent(layer)

    def constrain(self, layer: str, constraint: Constraint) -> None:
        """See `Subject`."""
        self._digest = None
        self._subject.constrain(layer, constraint)

    def limit(self, values: tuple[int, ...] | None) -> None:
        """See `Subject`."""
        self._subject.limit(values)

    def constrain_inputs(self, layer: str, codes: tuple[int, ...] | None) -> None:
        """See `Subject`."""
        self._digest = None
        self._subject.constrain_inputs(layer, codes)

    def input_codes(self, layer: str) -> tuple[int, ...] | None:
        """See `Subject`."""
        return self._subject.input_codes(layer)

    def allowed(self, layer: str) -> tuple[int, ...] | None:
        """See `Subject`."""
        return self._subject.allowed(layer)

    def sensitivity(self, layer: str) -> Float:
        """See `Subject`; remembered."""
        key = content_key("sensitivity", self.digest, layer)
        found = self.memory.recall_array(key)
        if found is None:
            found = self._subject.sensitivity(layer)
            self.memory.keep_array(key, found)
        return found

    def sensitivities(self, layers: Collection[str]) -> Mapping[str, Float]:
        """See `Subject`; remembered, layer by layer."""
        wanted = [name for name in self.kinds if name in layers]
        keys = {name: content_key("sensitivities", self.digest, wanted, name) for name in wanted}
        found = {name: self.memory.recall_array(key) for name, key in keys.items()}
        known = {name: array for name, array in found.items() if array is not None}
        if len(known) == len(wanted):
            return known
        fresh = self._subject.sensitivities(wanted)
        for name, key in keys.items():
            self.memory.keep_array(key, fresh[name])
        return fresh

    def relocate(self, layer: str, latent: Float32) -> None:
        """See `Subject`."""
        self._digest = None
        self._subject.relocate(layer, latent)

    def flip(self, layer: str, filters: Bool) -> bool:
        """See `Subject`."""
        self._digest = None
        return self._subject.flip(layer, filters)

    def rescale(self, layer: str, factor: float) -> None:
        """See `Subject`."""
        self._digest = None
        self._subject.rescale(layer, factor)

    def tune(
        self, epochs: int, seed: int, *, learning_rate: float | None = None, energy: EnergyTerm | None = None
    ) -> None:
        """See `Subject`; remembered."""
        key = content_key("tune", self.digest, epochs, seed, learning_rate, energy)
        found = self.memory.recall(key)
        if found is not None and self.load(str(found.get("state")), self.memory):
            return
        self._digest = None
        self._subject.tune(epochs, seed, learning_rate=learning_rate, energy=energy)
        # Whoever trains and whoever is told go on from the same bytes.
        digest = self.save(self.memory)
        self.load(digest, self.memory)
        self.memory.keep(key, {"state": digest})

    def score(self, images: int | None = None) -> Quality:
        """See `Subject`; remembered."""
        return self._quality("score", images, lambda: self._subject.score(images))

    def scores(self, layer: str, constraints: Sequence[Constraint], images: int | None = None) -> list[Quality]:
        """See `Subject`; those that are not remembered are tried side by side."""
        keys = [content_key("scores", self.digest, layer, found, images) for found in constraints]
        recalled = ((key, self.memory.recall(key)) for key in keys)
        known = {key: found for key, found in recalled if found is not None}
        due = {key: found for key, found in zip(keys, constraints, strict=True) if key not in known}
        for key, quality in zip(due, self._subject.scores(layer, list(due.values()), images), strict=True):
            known[key] = asdict(quality)
            self.memory.keep(key, known[key])
        return [Quality(**known[key]) for key in keys]

    def test(self) -> Quality:
        """See `Subject`; remembered."""
        return self._quality("test", None, self._subject.test)

    def _quality(self, name: str, images: int | None, work: Callable[[], Quality]) -> Quality:
        key = content_key(name, self.digest, images)
        found = self.memory.recall(key)
        if found is None:
            found = asdict(work())
            self.memory.keep(key, found)
        return Quality(**found)

    def trace(self, images: int, layers: Collection[str], split: Literal["train", "test"]) -> Sequence[LayerTrace]:
        """See `Subject`."""
        return self._subject.trace(images, layers, split)

    def snapshot(self) -> object:
        """See `Subject`."""
        return self._digest, self._subject.snapshot()

    def restore(self, snapshot: object) -> None:
        """See `Subject`."""
        if not isinstance(snapshot, tuple) or len(snapshot) != 2:
            raise TypeError(f"not a snapshot of this subject: {type(snapshot).__name__}")
        self._digest, state = snapshot
        self._subject.restore(state)


class RememberedProfiler:
    """A `Profiler` whose oracles remember what they answered; the one behind it is asked for the rest.

    Args:
        profiler: builds the oracles behind.
        memory: where answers are kept, asked for at every call.
        facts: all that answers depend on beside traces, weights and mapping.
    """

    def __init__(self, profiler: Profiler, memory: Callable[[], Memory], facts: str) -> None:
        self._profiler, self._memory, self._facts = profiler, memory, facts

    def __call__(self, traces: Sequence[LayerTrace]) -> EnergyOracle:
        """An oracle for the layers of `traces`."""
        return _RememberedOracle(self._profiler, traces, self._memory, self._facts)


class _RememberedOracle:
    def __init__(
        self, profiler: Profiler, traces: Sequence[LayerTrace], memory: Callable[[], Memory], facts: str
    ) -> None:
        self._profiler, self._memory, self._traces = profiler, memory, traces
        self._key = content_key(facts, list(traces))
        self._oracle: EnergyOracle | None = None

    @property
    def _behind(self) -> EnergyOracle:
        if self._oracle is None:
            self._oracle = self._profiler(self._traces)
        return self._oracle

    @property
    def origin(self) -> str:
        return self._behind.origin

    @property
    def layers(self) -> Sequence[str]:
        return tuple(trace.layer.name for trace in self._traces)

    def energy(self, layer: str, weights: Int8, mapping: HardwareMapping = IDENTITY) -> LayerEnergy:
        memory, key = self._memory(), content_key("energy", self._key, layer, weights, mapping)
        found = memory.recall(key)
        if found is None:
            found = asdict(self._behind.energy(layer, weights, mapping))
            memory.keep(key, found)
        return _energy(found)

    def value_energy_fj(self, layer: str) -> Float:
        return self._behind.value_energy_fj(layer)

    def weight_prices(self, layer: str) -> WeightPrices:
        return self._behind.weight_prices(layer)


def _energy(found: dict[str, Any]) -> LayerEnergy:
    return LayerEnergy(**(found | {"energy": EnergyBreakdown(**found["energy"])}))
