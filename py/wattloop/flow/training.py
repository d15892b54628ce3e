"""From network settings to a trained int8 network, kept in the cache."""

from __future__ import annotations

import functools
import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wattloop.errors import StorageError
from wattloop.flow.progress import SILENT, Progress, Step
from wattloop.flow.settings import Settings
from wattloop.gates.spec import MacSpec
from wattloop.runs import Run
from wattloop.store import Store, content_key, write_atomic

if TYPE_CHECKING:
    from wattloop.nn.datasets import Dataset
    from wattloop.nn.network import QuantizedNetwork
    from wattloop.nn.training_state import EpochReport

# Part of the cache key: raise it when training changes in a way that no setting shows.
_VERSION = 1
WEIGHT_BITS = 8
_NETWORK = "network.safetensors"
_HISTORY = "history.json"


@dataclass(frozen=True, eq=False)
class Trained:
    """An int8 network and the data it knows.

    Attributes:
        network: the network, without constraints unless its checkpoint brought some.
        dataset: its data set.
        key: content key of the network.
        history: how training went, a row an epoch: stage ("float", "int8"), loss, accuracies as fractions; empty for a
            checkpoint.
    """

    network: QuantizedNetwork
    dataset: Dataset
    key: str
    history: tuple[dict[str, float | str], ...]


def load_dataset(settings: Settings, progress: Progress = SILENT) -> Dataset:
    """The data set of the settings.

    Raises:
        DatasetError: unknown, missing or damaged; the message says what to do.
    """
    with progress.step(f"reading the data set {settings.network.dataset}"):
        return _load_dataset(settings.network.dataset, settings.network.data_root)


@functools.lru_cache(maxsize=1)
def _load_dataset(name: str, root: str | None) -> Dataset:
    from wattloop.nn.datasets import load

    return load(name, None if root is None else Path(root))


def trained_network(settings: Settings, *, store: Store | None = None, progress: Progress = SILENT) -> Trained:
    """The int8 network of the settings: its checkpoint, or trained now, or trained before.

    Raises:
        ModelError: unknown network, or one that cannot be quantised.
        DatasetError: the data set is missing or damaged.
    """
    from wattloop.nn.checkpoint import load

    dataset = load_dataset(settings, progress)
    if settings.network.checkpoint is not None:
        path = Path(settings.network.checkpoint)
        return Trained(load(path), dataset, content_key(path.read_bytes()), ())
    key = _key(settings, dataset)

    def read(entry: Path) -> Trained:
        return Trained(load(entry / _NETWORK), dataset, key, tuple(json.loads((entry / _HISTORY).read_text())))

    return (store or Store()).load("network", key, lambda entry: _train(settings, dataset, entry, progress), read)


def _key(settings: Settings, dataset: Dataset) -> str:
    network, training = settings.network, settings.training
    data = (dataset.name, dataset.train.images, dataset.train.labels)
    legal = legal_weights(settings.hardware.array.mac)
    recipe = (network.model, network.calibration_images, network.seed, training, network.mean, network.std, legal)
    start = None if network.initial_weights is None else _bytes(network.initial_weights)
    return content_key("network", _VERSION, importlib.metadata.version("torch"), data, recipe, start)


def legal_weights(mac: MacSpec) -> tuple[int, ...] | None:
    """The 8-bit weights that the cell can hold; None for all.

    A cell with narrower weights is none of them: its network is requantised (`arith.representable.fitted`).
    """
    everything = mac.weight_bits < WEIGHT_BITS or len(mac.weight_values) == 1 << WEIGHT_BITS
    return None if everything else mac.weight_values


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read the weights {path}: {error.strerror}") from error


def _train(settings: Settings, dataset: Dataset, folder: Path, progress: Progress) -> None:
    from wattloop.nn.checkpoint import save
    from wattloop.nn.constraint import constrain
    from wattloop.nn.float_weights import load_float_weights
    from wattloop.nn.models import Normalized, build
    from wattloop.nn.quantize import quantize
    from wattloop.nn.train import fit

    history: list[dict[str, float | str]] = []
    name, training = settings.network.model, settings.training
    network = settings.network
    plain = build(name, dataset.classes, dataset.channels, seed=network.seed)
    if network.initial_weights is not None:
        load_float_weights(plain, Path(network.initial_weights))
    mean, std = dataset.normalisation
    model = Normalized(plain, network.mean or mean, network.std or std)
    with progress.step(f"training {name} in floating point") as step:
        note = _Note(step, "float", history)
        fit(model, dataset, training.pretrain, validate=True, on_epoch=note.epoch, progress=note.steps)
    with progress.step(f"training {name} in int8") as step:
        quantized = quantize(model, dataset.train.images[: network.calibration_images])
        legal = legal_weights(settings.hardware.array.mac)
        for layer in quantized.layers if legal is not None else ():
            constrain(quantized, layer, legal)
        note = _Note(step, "int8", history)
        fit(quantized, dataset, training.qat, validate=True, on_epoch=note.epoch, progress=note.steps)
    save(quantized, folder / _NETWORK, metadata={"seed": str(network.seed)})
    write_atomic(folder / _HISTORY, json.dumps(history, indent=1))


class _Note:
    """Keeps and shows how a stage of training goes."""

    def __init__(self, step: Step, stage: str, history: list[dict[str, float | str]]) -> None:
        self._step, self._stage, self._history = step, stage, history
        self._text = ""

    def epoch(self, report: EpochReport) -> None:
        row: dict[str, float | str] = {"stage": self._stage, "epoch": report.epoch, "loss": report.loss}
        row["training_accuracy"] = report.accuracy
        if report.validation is not None:
            row["validation_accuracy"] = report.validation.accuracy
            self._text = f"validation {report.validation.accuracy:.1%}"
        self._history.append(row)

    def steps(self, done: int, total: int) -> None:
        self._step(done, total, self._text)


def train_flow(
    settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT
) -> tuple[dict[str, float | str], ...]:
    """Train, keep `network.safetensors` and `history.json` in the run, and return the history."""
    from wattloop.nn.checkpoint import save

    trained = trained_network(settings, store=store, progress=progress)
    save(trained.network, run.folder / _NETWORK)
    run.write(_HISTORY, json.dumps(trained.history, indent=1))
    return trained.history
