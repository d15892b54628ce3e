"""The two stages of training, each kept in the cache by itself, each going on where it was killed."""

from __future__ import annotations

import copy
import functools
import hashlib
import importlib.metadata
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from wattloop.errors import ConfigError, StorageError
from wattloop.flow.network_settings import NetworkSettings
from wattloop.flow.progress import Progress
from wattloop.flow.resumption import resume_folder, resumption
from wattloop.flow.settings import Settings
from wattloop.flow.training_history import History, Watch, history_of, read_history, write_history
from wattloop.gates.spec import MacSpec
from wattloop.nn.config import TrainConfig
from wattloop.store import Store, content_key

if TYPE_CHECKING:
    from wattloop.nn.datasets import Dataset
    from wattloop.nn.models import FloatNetwork, Normalized
    from wattloop.nn.network import QuantizedNetwork

# Part of the cache keys: raise them when training changes in a way that no setting shows.
_VERSION, _INT8_VERSION = 2, 3
WEIGHT_BITS = 8
FLOAT = "float.safetensors"
NETWORK = "network.safetensors"

Value = TypeVar("Value")


@dataclass(frozen=True)
class Stages:
    """Float training, then quantisation and int8 training, of the network of some settings.

    Attributes:
        settings: network, training; of the hardware the weights that its cell can hold.
        dataset: the data set of the settings.
        store: where finished stages and the states of unfinished ones are kept.
        progress: told of every step.
    """

    settings: Settings
    dataset: Dataset
    store: Store
    progress: Progress

    def float_key(self) -> str:
        """Content key of the float network."""
        network, data = self.settings.network, self.dataset
        splits = [(split.images, split.labels) for split in (data.train, data.validation)]
        images = (data.name, data.classes, data.crop_padding, data.flip, splits)
        recipe = (self._model_key(), network.seed, self._pretraining, self._normalisation(), self._start())
        return content_key("float", _VERSION, importlib.metadata.version("torch"), images, recipe)

    def _model_key(self) -> object:
        """What the float network depends on beside its seed: its name, or the code of one of the user's own."""
        from wattloop.nn.models import source_digest

        network = self.settings.network
        if not network.own:
            return network.model
        return network.title, network.arguments, source_digest(self.plain(), network.model)

    @property
    def _pretraining(self) -> TrainConfig | None:
        """How the float network is trained; None where it stays as it starts, whatever the rest of the recipe says."""
        recipe = self.settings.training.pretrain
        return recipe if recipe.epochs and recipe.max_steps != 0 else None

    def int8_key(self, float_key: str) -> str:
        """Content key of the int8 network that follows from a float one."""
        training, images = self.settings.training, self.settings.network.calibration_images
        legal = legal_weights(self.settings.hardware.array.mac)
        held = None if legal is None else ("at its own scale", legal)
        return content_key("network", _INT8_VERSION, float_key, images, training.qat, training.distill, held)

    def train_float(self, key: str) -> tuple[Normalized, History]:
        """The float network, from the cache or trained now."""

        def read(entry: Path) -> tuple[Normalized, History]:
            return self.float_network(entry / FLOAT), read_history(entry)

        return self._load("float", key, lambda folder: self._train_float(folder, key), read)

    def train_int8(self, key: str, teacher: Normalized) -> tuple[QuantizedNetwork, History]:
        """The int8 network that follows from the float one, from the cache or trained now."""
        from wattloop.nn.checkpoint import load

        def read(entry: Path) -> tuple[QuantizedNetwork, History]:
            return load(entry / NETWORK, copy.deepcopy(self._own)), read_history(entry)

        return self._load("network", key, lambda folder: self._train_int8(folder, key, teacher), read)

    def float_network(self, weights: Path | None) -> Normalized:
        """A float network with the weights of a file (None: fresh ones), laid out in memory as training leaves it."""
        from wattloop.nn.float_weights import load_float_weights
        from wattloop.nn.models import Normalized
        from wattloop.nn.train import lay_out

        plain = self.plain()
        if weights is not None:
            load_float_weights(plain, weights)
        model = Normalized(plain, *self._normalisation())
        lay_out(model)
        return model.eval()

    def plain(self) -> FloatNetwork:
        """The float network with fresh weights.

        Raises:
            ConfigError: code of the user's own fails.
            ModelError: it is unknown, does not suit the data set, or cannot be quantised.
        """
        from wattloop.nn.models import build

        data, network = self.dataset, self.settings.network
        if self._own is None:
            return build(network.model, data.classes, data.channels, seed=network.seed)
        return copy.deepcopy(self._own)

    @functools.cached_property
    def _own(self) -> FloatNetwork | None:
        """The user's own network with fresh weights, made once: its code may be edited while it is trained.

        What cannot be quantised is refused here, before it is trained.
        """
        from wattloop.nn.models import check_fits
        from wattloop.nn.quantize import assemble

        own, data = own_model(self.settings.network), self.dataset
        if own is not None:
            shape = data.train.images.shape[1:]
            check_fits(own, shape, data.classes)
            assemble(copy.deepcopy(own).eval(), shape, self._normalisation())
        return own

    def _load(self, kind: str, key: str, build: Callable[[Path], None], read: Callable[[Path], Value]) -> Value:
        """What the cache has, or what is built now; by all processes together, of which the first writes the cache."""
        from wattloop.nn.distributed import place

        where = place()
        if where.world == 1:
            found = self.store.load(kind, key, build, read)
            shutil.rmtree(self._kept(key), ignore_errors=True)  # not before: until now it was all there is
            return found
        if where.answer(where.first and self.store.whole(kind, key, read)):
            return read(self.store.root / kind / key)
        with TemporaryDirectory() as scratch:  # nobody may wait for the lock of an entry while others wait for him
            folder = Path(scratch)
            build(folder)
            if where.first:
                self.store.entry(kind, key, functools.partial(_copy, folder))
                shutil.rmtree(self._kept(key), ignore_errors=True)
            return read(folder)

    def _train_float(self, folder: Path, key: str) -> None:
        from wattloop.nn.float_weights import save_float_weights

        start = self.settings.network.initial_weights
        model = self.float_network(None if start is None else Path(start))
        recipe = self.settings.training.pretrain
        history = self._fit("float", model, recipe, key)
        save_float_weights(model.model, folder / FLOAT, metadata=self._notes(recipe, history))
        write_history(folder, history)

    def _train_int8(self, folder: Path, key: str, teacher: Normalized) -> None:
        from wattloop.compression.network import hold_to_cell
        from wattloop.nn.checkpoint import save
        from wattloop.nn.quantize import quantize

        quantized = quantize(teacher, self.dataset.train.images[: self.settings.network.calibration_images])
        legal = legal_weights(self.settings.hardware.array.mac)
        if legal is not None:
            for layer in quantized.layers:
                hold_to_cell(quantized, layer, legal)
        training = self.settings.training
        history = self._fit("int8", quantized, training.qat, key, teacher if training.distill else None)
        save(quantized, folder / NETWORK, metadata=self._notes(training.qat, history))
        write_history(folder, history)

    def _fit(
        self,
        stage: str,
        network: Normalized | QuantizedNetwork,
        recipe: TrainConfig,
        key: str,
        teacher: Normalized | None = None,
    ) -> History:
        from wattloop.nn.train import fit

        title = f"training {self.settings.network.title} in " + ("floating point" if stage == "float" else stage)
        with self.progress.step(title) as step, self._resumption(key) as folder:
            watch = Watch(step)
            reports = fit(
                network,
                self.dataset,
                recipe,
                validate=True,
                on_epoch=watch.epoch,
                progress=watch.steps,
                teacher=teacher,
                checkpoint=None if folder is None else folder / "state.safetensors",
            )
        return history_of(stage, reports)

    @contextmanager
    def _resumption(self, key: str) -> Iterator[Path | None]:
        """Where a stage keeps its state, on every rank; None while others train the same. It stays."""
        from wattloop.nn.distributed import place

        where, path = place(), self._kept(key)
        with resumption(path, unfinished=lambda: True) if where.first else nullcontext(path) as folder:
            yield folder if where.answer(folder is not None) else None

    def _kept(self, key: str) -> Path:
        return resume_folder(self.store, "training", key)

    def _normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        mean, std = self.dataset.normalisation
        network = self.settings.network
        if network.mean is not None and len(network.mean) != self.dataset.channels:
            raise ConfigError(
                f"network.mean: {len(network.mean)} numbers for images of {self.dataset.channels} channels: give one"
                " for each, in network.std too"
            )
        return network.mean or mean, network.std or std

    def _start(self) -> bytes | None:
        path = self.settings.network.initial_weights
        try:
            return None if path is None else Path(path).read_bytes()
        except OSError as error:
            raise StorageError(f"cannot read the weights {path}: {error.strerror}") from error

    def _notes(self, recipe: TrainConfig, history: History) -> dict[str, str]:
        """Where a network comes from, in words that stay true on another machine."""
        network, start = self.settings.network, self._start()
        notes = {
            "model": network.title,
            "dataset": f"{self.dataset.name}, {len(self.dataset.train.images)} training images",
            "seed": str(network.seed),
            "normalisation": json.dumps(self._normalisation()),
            "recipe": json.dumps(asdict(recipe)),
            "torch": importlib.metadata.version("torch"),
        }
        if start is not None:
            notes["initial weights, SHA-256"] = hashlib.sha256(start).hexdigest()
        if history:
            notes["validation accuracy"] = str(history[-1].get("validation_accuracy", ""))
        return notes


def own_model(network: NetworkSettings) -> FloatNetwork | None:
    """The float network with fresh weights where it is of the user's own, whose code is run; None for wattloop's.

    Raises:
        ConfigError: the code cannot be imported, or fails.
        ModelError: what it gives is no network.
    """
    from wattloop.nn.models import build_own

    return build_own(network.model, network.arguments, seed=network.seed) if network.own else None


def legal_weights(mac: MacSpec) -> tuple[int, ...] | None:
    """The 8-bit weights that the cell can hold; None for all.

    A cell with narrower weights is none of them: its network is requantised (`arith.representable.fitted`).
    """
    everything = mac.weight_bits < WEIGHT_BITS or len(mac.weight_values) == 1 << WEIGHT_BITS
    return None if everything else mac.weight_values


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)
