"""A network and an oracle without torch and without gates, for tests of the loop's own decisions."""

from __future__ import annotations

import copy
import hashlib
import io
import pickle
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.compression.energies import LayerEnergies, NetworkEnergies
from wattloop.compression.remap import histogram, remap
from wattloop.compression.subject import FREE, Constraint, EnergyTerm, Quality
from wattloop.power.oracle import IDENTITY, EnergyBreakdown, HardwareMapping, LayerEnergy, WeightPrices

VALUES = np.arange(-128, 128)
# Cheap zero, dear negatives, dearer large magnitudes: the shape of an array multiplier's curve.
CURVE = 1.0 + np.abs(VALUES) / 16.0 + 6.0 * (VALUES < 0) + 0.25 * np.array([bin(v & 255).count("1") for v in VALUES])
CURVE[128] = 0.5


@dataclass
class FakeOracle:
    """Adds up a fixed curve over the weights of a layer, times the layer's factor."""

    factors: Mapping[str, float]
    curve: np.ndarray = field(default_factory=lambda: CURVE)
    origin: str = "table"

    @property
    def layers(self) -> Sequence[str]:
        return tuple(self.factors)

    def energy(self, layer: str, weights: np.ndarray, mapping: HardwareMapping = IDENTITY) -> LayerEnergy:
        dynamic = float(histogram(weights) @ self.curve) * self.factors[layer]
        energy = EnergyBreakdown(0.5 * dynamic, 0.3 * dynamic, 0.2 * dynamic, 1.0 * weights.size, 0.1)
        return LayerEnergy(layer, energy, weights.size, 0.01 * dynamic, self.origin, "functional")

    def value_energy_fj(self, layer: str) -> np.ndarray:
        return self.curve * self.factors[layer]

    def weight_prices(self, layer: str) -> WeightPrices:
        return WeightPrices(self.value_energy_fj(layer)[:, None], np.zeros((1, 1), np.int64))


@dataclass
class FakeProfiler:
    """Hands out oracles whose layers are those of the traces, and notes which those were."""

    factors: Mapping[str, float]
    origin: str = "table"
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, traces: Sequence[LayerTrace]) -> FakeOracle:
        names = tuple(trace.layer.name for trace in traces)
        self.calls.append(names)
        return FakeOracle({name: self.factors[name] for name in names}, origin=self.origin)


def by_distance(subject: FakeSubject) -> Quality:
    """Accuracy and loss that fall with the squared distance of the weights from the first ones."""
    loss = 0.0
    for name, first in subject.first.items():
        steps = subject.weight(name).astype(float) - first
        loss += float((steps**2).mean()) / 4000.0
    loss *= subject.patience ** min(subject.tunings, 6)
    return Quality(max(0.0, round(0.9 - loss, 3)), 0.3 + loss, 1000)


def by_hash(subject: FakeSubject) -> Quality:
    """Any accuracy at all, but always the same for the same state."""
    digest = hashlib.sha256()
    for name in subject.kinds:
        digest.update(subject.weight(name).tobytes())
    digest.update(str(subject.salt).encode())
    draw = int.from_bytes(digest.digest()[:4], "little") / 2**32
    return Quality(round(0.7 + 0.3 * draw, 3), 1.0 - draw, 1000)


@dataclass
class FakeSubject:
    """Integer latents by layer; fine-tuning jitters them with a generator of the given seed."""

    latents: dict[str, np.ndarray]
    quality: Callable[[FakeSubject], Quality] = by_distance
    kinds: dict[str, str] = field(default_factory=dict)
    salt: int = 0
    patience: float = 0.9
    legal: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        self.kinds = self.kinds or dict.fromkeys(self.latents, "conv")
        self.first = copy.deepcopy(self.latents)
        self.constraints = dict.fromkeys(self.latents, FREE)
        self.inputs: dict[str, tuple[int, ...] | None] = dict.fromkeys(self.latents)
        self.hardware = self.legal
        self.tunings = 0
        self.scored: list[int | None] = []

    def latent(self, layer: str) -> np.ndarray:
        return self.latents[layer].astype(np.float32)

    def weight(self, layer: str) -> np.ndarray:
        constraint = self.constraints[layer]
        values = self.legal if constraint.values is None else constraint.values
        return remap(self.latents[layer], values, constraint.mask)

    def constrain(self, layer: str, constraint: Constraint) -> None:
        # As a network does it: the values in force stay, whatever the limit is later.
        values = self.legal if constraint.values is None else constraint.values
        self.constraints[layer] = Constraint(values, constraint.mask)

    def limit(self, values: tuple[int, ...] | None) -> None:
        self.legal = self.hardware if values is None else values

    def constrain_inputs(self, layer: str, codes: tuple[int, ...] | None) -> None:
        self.inputs[layer] = codes

    def input_codes(self, layer: str) -> tuple[int, ...] | None:
        return self.inputs[layer]

    def allowed(self, layer: str) -> tuple[int, ...] | None:
        values = self.constraints[layer].values
        return None if values == self.legal else values

    def sensitivity(self, layer: str) -> np.ndarray:
        return np.full(self.latents[layer].shape, 2.0 / 4000.0 / self.latents[layer].size)

    def sensitivities(self, layers: Collection[str]) -> dict[str, np.ndarray]:
        return {layer: self.sensitivity(layer) for layer in layers}

    def relocate(self, layer: str, latent: np.ndarray) -> None:
        self.latents[layer] = np.rint(latent).astype(np.int8)

    def flip(self, layer: str, filters: np.ndarray) -> bool:
        for kept in (self.latents, self.first):
            kept[layer] = np.where(filters[:, None], -kept[layer].astype(np.int64), kept[layer]).clip(-128, 127)
            kept[layer] = kept[layer].astype(np.int8)
        return True

    @property
    def epochs(self) -> int:
        return self.tunings

    def rescale(self, layer: str, factor: float) -> None:
        self.latents[layer] = np.rint(self.latents[layer] / factor).clip(-128, 127).astype(np.int8)

    def tune(
        self, epochs: int, seed: int, *, learning_rate: float | None = None, energy: EnergyTerm | None = None
    ) -> None:
        self.tunings += epochs
        rng = np.random.default_rng(seed)
        for name, latent in self.latents.items():
            jitter = rng.integers(-1, 2, latent.shape)
            self.latents[name] = np.clip(latent + jitter, -127, 127).astype(np.int8)

    def score(self, images: int | None = None) -> Quality:
        self.scored.append(images)
        return self.quality(self)

    def scores(self, layer: str, constraints: Sequence[Constraint], images: int | None = None) -> list[Quality]:
        held, found = self.constraints[layer], []
        for constraint in constraints:
            self.constrain(layer, constraint)
            found.append(self.score(images))
        self.constrain(layer, held)
        return found

    def test(self) -> Quality:
        return self.quality(self)

    def trace(self, images: int, layers: Collection[str], split: str) -> list[LayerTrace]:
        return [self._trace(name, images) for name in self.kinds if name in layers]

    def _trace(self, name: str, images: int) -> LayerTrace:
        rows, columns = self.latents[name].shape
        layer = IntegerLayer(name, self.kinds[name], ConvGeometry(columns, rows, 1, 1), self.weight(name))
        return LayerTrace(layer, np.zeros((images, columns, 1, 1), dtype=np.uint8))

    def snapshot(self) -> object:
        return copy.deepcopy((self.latents, self.first, self.constraints, self.inputs, self.tunings))

    def restore(self, snapshot: object) -> None:
        self.latents, self.first, self.constraints, self.inputs, self.tunings = copy.deepcopy(snapshot)


def normal_weights(seed: int, shape: tuple[int, int] = (12, 30), spread: float = 28.0) -> np.ndarray:
    """Rounded normal weights in int8."""
    draw = np.random.default_rng(seed).normal(0.0, spread, shape)
    return np.clip(np.round(draw), -127, 127).astype(np.int8)


class PickleCodec:
    """States of a `FakeSubject` as bytes."""

    def encode(self, snapshot: object) -> bytes:
        written = io.BytesIO()
        pickler = pickle.Pickler(written)
        pickler.fast = True  # what is shared by reference must not show
        pickler.dump(snapshot)
        return written.getvalue()

    def decode(self, state: bytes) -> object:
        return pickle.loads(state)


def energies_of(
    weights: Mapping[str, np.ndarray], kinds: Mapping[str, str], factors: Mapping[str, float]
) -> NetworkEnergies:
    """What `FakeOracle` says of all layers, as if all tiles had run."""
    oracle = FakeOracle(factors, origin="tiles/fake")
    layers = []
    for name, found in weights.items():
        energy = oracle.energy(name, found)
        dynamic = energy.energy.dynamic_fj
        fj = {"datapath": dynamic, "total": energy.energy.total_fj, "functional": 0.6 * dynamic, "array": 1.5 * dynamic}
        layers.append(LayerEnergies(energy, kinds[name], fj, dict.fromkeys(fj, 0.0), 10))
    return NetworkEnergies(tuple(layers), 16, True, 0.0, "fake")
