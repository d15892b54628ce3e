"""A quantised torch network as the loop's subject."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from wattloop.arith.layer import LayerTrace
from wattloop.compression.config import CompressConfig
from wattloop.compression.energy_term import energy_penalty
from wattloop.compression.scales import least_squares_scale
from wattloop.compression.subject import Bool, Constraint, EnergyTerm, Float, Float32, Int8, Quality
from wattloop.compression.trials import trials
from wattloop.nn import checkpoint
from wattloop.nn.config import TrainConfig
from wattloop.nn.constraint import constrain, constraint_of, release, rescale
from wattloop.nn.datasets import Dataset, Split
from wattloop.nn.evaluate import Score, evaluate, score
from wattloop.nn.input_codes import constrain_inputs, input_codes_of, release_inputs
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.signs import negate_filters
from wattloop.nn.trace import trace
from wattloop.nn.train import fit, on_threads
from wattloop.parallel import SERIAL, Workers

# Images of one gradient: with labels drawn from the network's own predictions, the square of a mean gradient over so
# many images estimates the Fisher information over them without bias, at a fraction of the cost of one by one.
_FISHER_BATCH = 8
# Methods count their trainings on from a multiple of the campaign's seed, which leads beyond what torch takes.
_SEEDS = 1 << 32


def hold_to_cell(network: QuantizedNetwork, layer: str, values: Sequence[int]) -> None:
    """Hold a layer to what a cell can compute with.

    Where the values have gaps, int8's scale need not serve them best: the layer gets the one that does.

    Args:
        network: it is changed; the layer has no constraint.
        layer: its name.
        values: ascending, 0 included.
    """
    if len(values) < values[-1] - values[0] + 1:
        rescale(network, layer, least_squares_scale(_steps(network, layer), values))
    constrain(network, layer, values)


def _steps(network: QuantizedNetwork, layer: str) -> Float32:
    """The real weights of a layer below its constraint, in steps, shape (out_channels, reduction)."""
    found = network.layer(layer)
    with torch.no_grad():
        steps: Float32 = (found.latent / found.weight_scale.to(torch.float32)).flatten(1).cpu().numpy()
    return steps


@contextmanager
def _inexact(network: QuantizedNetwork) -> Iterator[None]:
    """Layers convolve floats as in training, for the block; batch norm and dropout stay as in evaluation.

    Gradients need no sums exact to the bit, which take many times longer where float64 has to hold them.
    """
    before = [(layer, layer.training) for layer in network.layers.values()]
    for layer, _ in before:
        layer.training = True
    try:
        yield
    finally:
        for layer, mode in before:
            layer.training = mode


@dataclass(frozen=True, eq=False)
class State:
    """A network at one moment.

    Attributes:
        tensors: by name.
        epochs: fine-tuning behind it.
    """

    tensors: Mapping[str, Tensor]
    epochs: int = 0


class NetworkSubject:
    """Implements `wattloop.compression.subject.Subject`; changes the network that it is given.

    Args:
        network: int8 and trained.
        dataset: what it was trained on.
        config: settings.
        legal: weight values that the hardware can hold; None for all 256.
        teacher: what fine-tuning distils from as far as `config.distill_weight` says, any network that takes raw
            pixels, such as the float network that `network` was made from; None for `network` as it is now.
        workers: who tries constraints side by side; no result depends on it.
    """

    def __init__(
        self,
        network: QuantizedNetwork,
        dataset: Dataset,
        config: CompressConfig,
        legal: tuple[int, ...] | None = None,
        teacher: nn.Module | None = None,
        workers: Workers = SERIAL,
    ) -> None:
        self.network = network
        self.legal = self._held = legal
        self._dataset = dataset
        self._config = config
        self._workers = workers
        self._epochs = 0
        taught = config.distill_weight > 0
        self._teacher = (copy.deepcopy(network) if teacher is None else teacher) if taught else None

    @property
    def kinds(self) -> Mapping[str, str]:
        """Kind of every layer, in the order of execution."""
        return {name: layer.kind for name, layer in self.network.layers.items()}

    @property
    def epochs(self) -> int:
        """Fine-tuning that the network in this state has seen, epochs."""
        return self._epochs

    def weight(self, layer: str) -> Int8:
        """The integer weights that `layer` computes with."""
        return self.network.integer_weight(layer)

    def latent(self, layer: str) -> Float32:
        """The real weights below the constraint, in steps; in float32 arithmetic as the network does it."""
        return _steps(self.network, layer)

    def constrain(self, layer: str, constraint: Constraint) -> None:
        """Replace the constraint of `layer`."""
        values = self.legal if constraint.values is None else constraint.values
        if values is None and constraint.mask is None:
            release(self.network, layer)
        else:
            constrain(self.network, layer, values, constraint.mask)

    def limit(self, values: tuple[int, ...] | None) -> None:
        """What a constraint without values allows from now on."""
        self.legal = self._held if values is None else values

    def constrain_inputs(self, layer: str, codes: tuple[int, ...] | None) -> None:
        """Hold the codes that `layer` reads, or let it read all."""
        if codes is None:
            release_inputs(self.network, layer)
        else:
            constrain_inputs(self.network, layer, codes)

    def input_codes(self, layer: str) -> tuple[int, ...] | None:
        """The codes that `layer` may read."""
        return input_codes_of(self.network, layer)

    def allowed(self, layer: str) -> tuple[int, ...] | None:
        """The set in force on `layer`."""
        found = constraint_of(self.network, layer)
        return None if found is None or found.values == self.legal else found.values

    def sensitivity(self, layer: str) -> Float:
        """Diagonal Fisher information per squared step, on the first `fisher_images` training images."""
        return self.sensitivities([layer])[layer]

    def sensitivities(self, layers: Collection[str]) -> Mapping[str, Float]:
        """`sensitivity` of many layers, all from the same gradients."""
        found = {name: self.network.layer(name) for name in self.kinds if name in layers}
        parameters = [layer.latent for layer in found.values()]
        images = torch.from_numpy(self._dataset.train.images[: self._config.fisher_images])
        generator = torch.Generator().manual_seed(self._config.seed)
        totals = [torch.zeros(parameter.shape, dtype=torch.float64) for parameter in parameters]
        batches = torch.split(images, _FISHER_BATCH)
        with on_threads(self._config.threads):
            for batch in batches:
                for total, gradient in zip(totals, self._gradients(parameters, batch, generator), strict=True):
                    total.add_(len(batch) * gradient.cpu().double().square())
        return {
            name: (total * float(layer.weight_scale) ** 2 / len(batches)).flatten(1).numpy()
            for (name, layer), total in zip(found.items(), totals, strict=True)
        }

    def _gradients(self, parameters: Sequence[Tensor], images: Tensor, generator: torch.Generator) -> Sequence[Tensor]:
        """Gradients of the mean loss, with labels drawn from the network's own predictions."""
        with _inexact(self.network):
            logits = self.network(images.to(parameters[0].device)).cpu()
        labels = torch.multinomial(logits.detach().softmax(1), 1, generator=generator)[:, 0]
        return torch.autograd.grad(functional.cross_entropy(logits, labels), parameters)

    def relocate(self, layer: str, latent: Float32) -> None:
        """Replace the real weights below the constraint."""
        found = self.network.layer(layer)
        with torch.no_grad():
            steps = torch.from_numpy(latent).reshape(found.latent.shape).to(found.latent.device)
            found.latent.copy_(steps * found.weight_scale.to(torch.float32))

    def flip(self, layer: str, filters: Bool) -> bool:
        """Negate filters and their batch norm; False where there is none with a gain."""
        return negate_filters(self.network.layer(layer), filters)

    def rescale(self, layer: str, factor: float) -> None:
        """Multiply the real value of one step of `layer`; its real weights stay."""
        rescale(self.network, layer, factor)

    def tune(
        self, epochs: int, seed: int, *, learning_rate: float | None = None, energy: EnergyTerm | None = None
    ) -> None:
        """Fine-tune the whole network under its constraints, with the teacher where `distill_weight` gives it a say."""
        config = self._config
        training = TrainConfig(
            epochs=epochs,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate if learning_rate is None else learning_rate,
            schedule=config.schedule,
            distill_weight=config.distill_weight,
            distill_temperature=config.distill_temperature,
            bfloat16=config.bfloat16,
            seed=seed % _SEEDS,
            threads=config.threads,
        )
        penalty = None if energy is None else energy_penalty(self.network, energy)
        fit(self.network, self._dataset, training, teacher=self._teacher, penalty=penalty)
        self._epochs += epochs

    def score(self, images: int | None = None) -> Quality:
        """Quality on the first `images` validation images."""
        split = self._dataset.validation
        return self._quality(split if images is None else split.take(images))

    def scores(self, layer: str, constraints: Sequence[Constraint], images: int | None = None) -> list[Quality]:
        """Quality on the first `images` validation images under each constraint of `layer`, side by side."""
        split = self._dataset.validation if images is None else self._dataset.validation.take(images)
        legal = [Constraint(self.legal if c.values is None else c.values, c.mask) for c in constraints]
        found = trials(self.network, layer, legal, split.images, self._workers)
        return [_quality(score(logits, split.labels)) for logits in found]

    def test(self) -> Quality:
        """Quality on the test images."""
        return self._quality(self._dataset.test)

    def _quality(self, split: Split) -> Quality:
        return _quality(evaluate(self.network, split.images, split.labels))

    def trace(self, images: int, layers: Collection[str], split: Literal["train", "test"]) -> Sequence[LayerTrace]:
        """Integer traces of `layers` on the first `images` images of `split`."""
        pictures = (self._dataset.train if split == "train" else self._dataset.test).images[:images]
        return trace(self.network, pictures, layers=[name for name in self.kinds if name in layers])

    def snapshot(self) -> State:
        """A copy of every tensor, those of the constraints included."""
        tensors = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
        return State(tensors, self._epochs)

    def restore(self, snapshot: object) -> None:
        """Back to a `State`."""
        if not isinstance(snapshot, State):
            raise TypeError(f"not a state of a network: {type(snapshot).__name__}")
        checkpoint.restore(self.network, snapshot.tensors)
        self._epochs = snapshot.epochs


def _quality(score: Score) -> Quality:
    return Quality(score.accuracy, score.loss, score.images)
